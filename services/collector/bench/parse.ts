import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfigFile } from '../parse/configFile.js';
import { readLine } from '../parse/line.js';
import { NodeClocks } from '../state/nodeClocks.js';

const USAGE = `Usage: npm run bench:parse

Measures how long the collector's core takes from a log line to a change of state, for a mix of all kinds of lines and
for the recordings under test/fixtures. Takes no arguments and reads no settings.
`;
const FIXTURES = join(__dirname, '../../../../test/fixtures');
const LINES_PER_RUN = 1_000_000;
const RUNS = 5;
/** Lines that one read of the socket typically brings; they share the moment at which they were read. */
const LINES_PER_READ = 16;

/** One of each kind, offset lines more often, as on a busy node. */
const MIX = [
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

function recordedLines(): string[] {
  const dir = join(FIXTURES, 'recordings');
  return readdirSync(dir)
    .filter((name) => name.endsWith('.log'))
    .flatMap((name) => readFileSync(join(dir, name), 'utf8').split('\n'))
    .filter((line) => line !== '');
}

/** Line to change with the state kept: what happens to a line before anything is published. */
function measure(name: string, lines: string[]): void {
  const clocks = new NodeClocks();
  clocks.setProfiles([]);
  for (const [index, iface] of ['ens1f0', 'ens9f0', 'ens4f0'].entries()) {
    clocks.setConfigFile(`ptp4l.${index}.config`, parseConfigFile(`#profile: p\n[${iface}]\n[ens8f0]\n`));
  }
  clocks.setConfigFile('synce4l.0.config', parseConfigFile('#profile: p\n[ens4f0]\n'));
  // As they come from the socket: slices of a larger text.
  const chunk = lines.join('\n');
  const timesUs: number[] = [];
  let changes = 0;
  for (let run = 0; run <= RUNS; run++) {
    let done = 0;
    const startedMs = performance.now();
    while (done < LINES_PER_RUN) {
      const read = chunk.split('\n');
      let at = { now: Date.now(), monotonic: performance.now() };
      for (const [index, line] of read.entries()) {
        if (index % LINES_PER_READ === 0) at = { now: Date.now(), monotonic: performance.now() };
        readLine(line, (seen) => {
          if (typeof seen !== 'string') changes += clocks.observe(seen, at).changes.length;
        });
      }
      done += read.length;
    }
    // The first run only warms up.
    if (run > 0) timesUs.push(((performance.now() - startedMs) * 1_000) / done);
  }
  const median = timesUs.toSorted((a, b) => a - b)[Math.floor(RUNS / 2)] ?? 0;
  const rate = Math.round(1e6 / median).toLocaleString('en');
  process.stdout.write(
    `${name}: ${median.toFixed(2)} µs a line, ${rate} lines/s (${lines.length} lines, ${changes} changes)\n`,
  );
}

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  process.stdout.write(USAGE);
} else {
  measure('every kind of line', MIX);
  measure('recordings', recordedLines());
}
