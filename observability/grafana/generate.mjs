// @ts-check
// Writes the dashboards: node observability/grafana/generate.mjs
import { writeFileSync } from 'node:fs';
import { bus } from './bus.mjs';
import { delivery } from './delivery.mjs';
import { fleet } from './fleet.mjs';
import { trust } from './trust.mjs';

/** By the name of their file in dashboards/. */
export const dashboards = { 'ptp-fleet': fleet, 'ptp-delivery': delivery, 'ptp-bus': bus, 'ptp-trust': trust };

/** @param {object} dashboard */
export const toJson = (dashboard) => `${JSON.stringify(dashboard, null, 2)}\n`;

if (process.argv[1] === import.meta.filename && process.argv.includes('--help')) {
  process.stdout.write('Usage: node observability/grafana/generate.mjs\n\nWrites the dashboards.\n');
} else if (process.argv[1] === import.meta.filename) {
  for (const [name, dashboard] of Object.entries(dashboards)) {
    writeFileSync(new URL(`dashboards/${name}.json`, import.meta.url), toJson(dashboard));
  }
}
