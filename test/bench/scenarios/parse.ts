import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfigFile } from '../../../services/collector/parse/configFile.js';
import { readLine } from '../../../services/collector/parse/line.js';
import { NodeClocks } from '../../../services/collector/state/nodeClocks.js';
import { ROOT } from '../programs.js';
import type { Scenario } from '../scenario.js';

const LINES = 500_000;
/** Lines that one read of the socket typically brings; they share the moment at which they were read. */
const LINES_PER_READ = 16;

/** One of each kind, offset lines more often, as on a busy node. */
const EVERY_KIND = [
  'ptp4l[81021.120]: [ptp4l.0.config] master offset         17 s2 freq   -5120 path delay       312',
  'phc2sys[81021.410]: [ptp4l.0.config] CLOCK_REALTIME phc offset        31 s2 freq  -11020 delay    611',
  'ts2phc[61021.402]: [ts2phc.1.config] ens9f0 master offset         -2 s2 freq      -6',
  'ptp4l[81021.220]: [ptp4l.0.config] master offset        -23 s2 freq   -5101 path delay       309',
  'phc2sys[81021.510]: [ptp4l.0.config] ens1f0 phc offset       -88 s2 freq    -890 delay   2464',
  'dpll[1724100000]:[ts2phc.1.config] ens9f0 frequency_status 3 offset 4 phase_status 3 pps_status 1 s2',
  'gnss[1724100003]:[ts2phc.1.config] ens9f0 gnss_status 3 offset 5 s2',
  'GM[1724100001]:[ts2phc.1.config] ens9f0 T-GM-STATUS s2',
  'ts2phc[1724100000]:[ts2phc.1.config] ens9f0 nmea_status 1 offset 0 s2',
  'ptp4l[74737.942]: [ptp4l.0.config] rms   41 max   77 freq -16002 +/-  38 delay  1011 +/-  17',
  'ptp4l[100.1]: [ptp4l.0.config] port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED',
  'ptp4l[1.2]: [ptp4l.0.config] selected best master clock 0c4f7a.fffe.118830',
  'ptp4l[1724000010]:[ptp4l.0.config] CLOCK_CLASS_CHANGE 6.000000',
  'T-BC[1743005894]:[ts2phc.2.config] ens4f0 offset 12 T-BC-STATUS s2',
  'synce4l[1722456110]:[synce4l.0.config] ens4f0 device synce1 eec_state EEC_LOCKED network_option 1 s2',
];

function recordings(): string[] {
  const dir = join(ROOT, 'test/fixtures/recordings');
  return readdirSync(dir)
    .filter((name) => name.endsWith('.log'))
    .flatMap((name) => readFileSync(join(dir, name), 'utf8').split('\n'))
    .filter((line) => line !== '');
}

/** Line to change with the state kept: what happens to a line before anything is published. us a line. */
function usPerLine(lines: readonly string[]): number {
  const clocks = new NodeClocks();
  clocks.setProfiles([]);
  for (const [index, iface] of ['ens1f0', 'ens9f0', 'ens4f0'].entries()) {
    clocks.setConfigFile(`ptp4l.${index}.config`, parseConfigFile(`#profile: p\n[${iface}]\n[ens8f0]\n`));
  }
  clocks.setConfigFile('synce4l.0.config', parseConfigFile('#profile: p\n[ens4f0]\n'));
  // As they come from the socket: slices of a larger text.
  const chunk = lines.join('\n');
  let done = 0;
  const startedMs = performance.now();
  while (done < LINES) {
    const read = chunk.split('\n');
    let at = { now: Date.now(), monotonic: performance.now() };
    for (const [index, line] of read.entries()) {
      if (index % LINES_PER_READ === 0) at = { now: Date.now(), monotonic: performance.now() };
      readLine(line, (seen) => {
        if (typeof seen !== 'string') clocks.observe(seen, at);
      });
    }
    done += read.length;
  }
  return ((performance.now() - startedMs) * 1_000) / done;
}

export const parseScenario: Scenario = {
  name: 'parse',
  what: 'line to change, state kept, in one process; us a line',
  rounds: 5,
  async open() {
    const recorded = recordings();
    usPerLine(EVERY_KIND);
    return {
      async round() {
        return [
          { name: 'every kind of line', unit: 'us', value: usPerLine(EVERY_KIND) },
          { name: 'recordings of linuxptp', unit: 'us', value: usPerLine(recorded) },
        ];
      },
      async close() {},
    };
  },
};
