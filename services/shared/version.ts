import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The product's version, as package.json has it: beside dist/, or beside services/. `unknown` where there is none. */
export const version: string = read('../../../package.json') ?? read('../../package.json') ?? 'unknown';

function read(path: string): string | undefined {
  try {
    const found = JSON.parse(readFileSync(join(__dirname, path), 'utf8')) as { name?: unknown; version?: unknown };
    return found.name === 'ptp-event-bus' ? String(found.version) : undefined;
  } catch {
    return undefined;
  }
}
