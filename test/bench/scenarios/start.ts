import { Services } from '../systems.js';
import { monotonicMs } from '../waiting.js';
import type { Scenario } from '../scenario.js';
import { Program } from '../programs.js';

export const startScenario: Scenario = {
  name: 'start',
  what: 'all four services started beside a broker that runs, until all are ready; floor: one node process that loads nothing',
  rounds: 5,
  async open() {
    return {
      async round() {
        const nothingMs = monotonicMs();
        await new Program('node', ['-e', 'console.log(1)']).firstLine();
        const floor = monotonicMs() - nothingMs;
        const { value, end } = await startAll();
        await end();
        return [{ name: 'all services ready', unit: 'ms', value, floor }];
      },
      async close() {},
    };
  },
};

async function startAll(): Promise<{ value: number; end: () => Promise<void> }> {
  const { services, sinceMs } = await Services.startTogether();
  return { value: monotonicMs() - sinceMs, end: () => services.end() };
}
