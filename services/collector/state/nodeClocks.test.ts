import fc from 'fast-check';
import { parseConfigFile } from '../parse/configFile.js';
import { parse } from '../parse/line.js';
import { parseNodeProfile } from '../parse/nodeProfile.js';
import type { Change } from './change.js';
import { NodeClocks } from './nodeClocks.js';

const CONFIG = '#profile: p\n[global]\n[ens1f0]\n[ens1f1]\n';

function world(profile: object = { name: 'p', phc2sysOpts: '-a' }) {
  const clocks = new NodeClocks();
  clocks.setProfiles(parseNodeProfile(JSON.stringify([profile])));
  for (const n of [0, 1]) clocks.setConfigFile(`ptp4l.${n}.config`, parseConfigFile(CONFIG));
  let atMs = 0;
  const at = () => ({ now: 1_772_000_000_000 + atMs, monotonic: atMs });
  const hear = (line: string): readonly Change[] => {
    const seen = parse(line);
    return typeof seen === 'string' ? [] : clocks.observe(seen, at()).changes;
  };
  return {
    clocks,
    at,
    hear,
    /** `lockState LOCKED` for each change. */
    told: (...lines: string[]): string[] =>
      lines.flatMap(hear).map((change) => `${change.resource} ${'state' in change ? change.state : ''}`),
    wait: (ms: number) => (atMs += ms),
  };
}

const offset = (ns: number | string, config = 0): string =>
  `ptp4l[1.1]: [ptp4l.${config}.config] master offset ${ns} s2 freq -5 path delay 3`;
const osOffset = (ns: number, config = 0): string =>
  `phc2sys[1.1]: [ptp4l.${config}.config] CLOCK_REALTIME phc offset ${ns} s2 freq -5 delay 3`;

describe('the clocks of a node', () => {
  it('publish no OS clock event when a configuration goes while another one still reports it (decision j)', () => {
    const { clocks, told, at } = world();
    expect(told(offset(1, 0), osOffset(1, 0), offset(1, 1), osOffset(1, 1))).toHaveLength(4);
    expect(clocks.removeConfigFile('ptp4l.0.config', at()).map(({ resource }) => resource)).toEqual([
      'lockState',
      'syncState',
      'syncState',
    ]);
    expect(clocks.overall).toBe('LOCKED');
    expect(clocks.removeConfigFile('ptp4l.1.config', at()).map(({ resource }) => resource)).toEqual([
      'osClockSyncState',
      'syncState',
      'lockState',
    ]);
  });

  it('publish nothing for a configuration that goes without data', () => {
    const { clocks, at } = world();
    expect(clocks.removeConfigFile('ptp4l.0.config', at())).toEqual([]);
    expect(clocks.removeConfigFile('ptp4l.9.config', at())).toEqual([]);
  });

  it('tell once that a process prints nothing but summaries', () => {
    const { clocks, wait, at } = world();
    const summary = parse('ptp4l[1.1]: [ptp4l.0.config] rms 41 max 77 freq -16002 +/- 38 delay 1011 +/- 17');
    if (typeof summary === 'string') throw new Error(summary);
    const tell = () => clocks.observe(summary, at()).onlySummaries;
    expect(tell()).toBeUndefined();
    wait(59_999);
    expect(tell()).toBeUndefined();
    wait(1);
    expect(tell()).toEqual({ config: 'ptp4l.0.config', process: 'ptp4l' });
    expect(tell()).toBeUndefined();
  });

  it('keep ptp4l silent where T-BC lines speak for the profile', () => {
    const { told } = world({ name: 'p', ts2phcOpts: '--ts2phc.external_pps 1' });
    expect(told(offset(1), 'ptp4l[1.1]: [ptp4l.0.config] port 1: SLAVE to FAULTY on FAULT_DETECTED')).toEqual([]);
    expect(told('T-BC[1]:[ts2phc.0.config] ens1f0 offset 12 T-BC-STATUS s2')).toEqual([
      'lockState LOCKED',
      'syncState LOCKED',
    ]);
    expect(told('ptp4l[1]:[ptp4l.0.config] PTP_PROCESS_STATUS:0')).toEqual(['lockState FREERUN', 'syncState FREERUN']);
  });

  it('repeat no SyncE state and no quality', () => {
    const { clocks, told } = world();
    clocks.setConfigFile('synce4l.0.config', parseConfigFile(CONFIG));
    const state = 'synce4l[1]:[synce4l.0.config] ens4f0 device synce1 eec_state EEC_LOCKED network_option 1 s2';
    const quality = 'synce4l[1]:[synce4l.0.config] ens4f0 clock_quality PRTC device synce1 network_option 1 ql 0x2 s2';
    expect(told(state, state, quality, quality)).toEqual(['synceLockState LOCKED', 'synceClockQuality ']);
  });

  it('count no start of a process that the daemon only repeats', () => {
    const { clocks, hear } = world();
    const up = 'ptp4l[1]:[ptp4l.0.config] PTP_PROCESS_STATUS:1';
    hear(up);
    clocks.isReplaying = true;
    hear(up);
    hear('CMD LIVE_START');
    hear(up);
    expect([...clocks.processes.values()]).toMatchObject([{ isUp: true, restarts: 2 }]);
  });

  it('keep no more interfaces than a node can have', () => {
    const { clocks, hear } = world();
    for (let i = 0; i < 1_000; i++) hear(`ts2phc[1.1]: [ts2phc.0.config] eth${i} offset 1 s2 freq -5`);
    expect(clocks.configs.get('ptp4l.0.config')?.ts2phc.size).toBe(64);
  });

  const lines = fc.oneof(
    fc.integer({ min: -300, max: 300 }).map((ns) => offset(ns)),
    fc.integer({ min: -300, max: 300 }).map((ns) => osOffset(ns)),
    fc.constantFrom(
      'ptp4l[1.1]: [ptp4l.0.config] master offset 5 s2 freq -5',
      'ptp4l[1.1]: [ptp4l.0.config] master offset 5 s0 freq -5 path delay 3',
      'ptp4l[1.1]: [ptp4l.0.config] port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED',
      'ptp4l[1.1]: [ptp4l.0.config] port 1: SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)',
      'ptp4l[1]:[ptp4l.0.config] PTP_PROCESS_STATUS:0',
      'GM[1]:[ts2phc.0.config] ens1f0 T-GM-STATUS s1',
      'gnss[1]:[ts2phc.0.config] ens1f0 gnss_status 0 offset 5 s0',
      'ts2phc[1.1]: [ts2phc.0.config] ens1f0 offset 7 s2 freq -5',
    ),
  );
  const rubbish = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    // A valid line, cut short or with one character changed to one that no number and no state has.
    fc.tuple(lines, fc.nat()).map(([line, cut]) => line.slice(0, cut % Math.max(line.length - 30, 1))),
    fc.tuple(lines, fc.nat()).map(([line, at]) => line.replace(/\[ptp4l\.|\[ts2phc\./, `[x${at}.`)),
  );

  it('tell the same whatever rubbish comes between the lines', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            lines.map((line) => ({ line, counts: true })),
            rubbish.map((line) => ({ line, counts: false })),
          ),
          { maxLength: 60 },
        ),
        (script) => {
          const clean = world();
          const dirty = world();
          const wanted = clean.told(...script.filter(({ counts }) => counts).map(({ line }) => line));
          expect(dirty.told(...script.map(({ line }) => line))).toEqual(wanted);
        },
      ),
    );
  });

  it('never leave a holdover without an end, and have sync-state as the worst of all', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(lines, fc.integer({ min: 1, max: 6_000 })), { maxLength: 80 }), (script) => {
        const { clocks, hear, wait, at } = world();
        let overall: string | undefined;
        for (const step of script) {
          const changes = typeof step === 'number' ? (wait(step), clocks.timePassed(at())) : hear(step);
          for (const change of changes) if (change.resource === 'syncState') overall = change.state;
          const states = clocks.countingClocks().flatMap(({ state }) => state ?? []);
          const worst = ['FREERUN', 'HOLDOVER', 'LOCKED'].find((state) => states.some((one) => one === state));
          expect(overall).toBe(worst);
          const clock = clocks.configs.get('ptp4l.0.config')?.ptp4l;
          expect(clock?.holdoverEndsMs !== undefined).toBe(clock?.state === 'HOLDOVER');
        }
      }),
    );
  });
});
