import fc from 'fast-check';
import { parseConfigFile } from '../parse/configFile.js';
import { parse } from '../parse/line.js';
import { parseNodeProfile } from '../parse/nodeProfile.js';
import type { Change } from './change.js';
import { samplesOf } from '../series.js';
import { NodeClocks } from './nodeClocks.js';
import { reconcile } from './reconcile.js';
import { clocksOf, type ClockView } from './view.js';

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

const SAVED: ClockView = {
  config: 'ptp4l.0.config',
  process: 'ptp4l',
  iface: 'ens1f0',
  device: '',
  networkOption: undefined,
  word: 'LOCKED',
  lock: 'LOCKED',
  offsetNs: 7,
  rememberedNs: 7,
  fix: undefined,
  since: 1,
  holdoverEndsMs: undefined,
  lastLine: undefined,
};

const offset = (ns: number | string, config = 0): string =>
  `ptp4l[1.1]: [ptp4l.${config}.config] master offset ${ns} s2 freq -5 path delay 3`;
const osOffset = (ns: number, config = 0): string =>
  `phc2sys[1.1]: [ptp4l.${config}.config] CLOCK_REALTIME phc offset ${ns} s2 freq -5 delay 3`;

const valuesOf = (clocks: NodeClocks, pattern: RegExp): string[] =>
  samplesOf(clocks, { node: 'n1', alias: (iface) => iface }, 0)
    .filter(({ name }) => name !== 'threshold')
    .map(({ name, labels, value }) => `${name} ${labels['process']} ${labels['iface']} ${value}`)
    .filter((line) => pattern.test(line));

const ts2phc = (said: string): string => `ts2phc[1.1]: [ts2phc.0.config] ens1f0 ${said}`;

const gm = (state: string): string => `GM[1]:[ts2phc.0.config] ens1f0 T-GM-STATUS ${state}`;

const bc = (ns: number | string, state: string): string =>
  `T-BC[1]:[ts2phc.0.config] ens1f0 offset ${ns} T-BC-STATUS ${state}`;

const dpll = (ns: number | string, state: string): string =>
  `dpll[1]:[ts2phc.0.config] ens1f0 frequency_status 3 offset ${ns} phase_status 3 pps_status 1 ${state}`;

const gnss = (fix: number | string, ns: number | string, state: string): string =>
  `gnss[1]:[ts2phc.0.config] ens1f0 gnss_status ${fix} offset ${ns} ${state}`;

const ptp4lState = (clocks: NodeClocks): string[] => valuesOf(clocks, /clock_state ptp4l/);

const leavesSlave = (to: string): string => `ptp4l[1.1]: [ptp4l.0.config] port 1 (ens1f0): SLAVE to ${to}`;

const port = (number: number, iface: string, change: string): string =>
  `ptp4l[1.1]: [ptp4l.0.config] port ${number}${iface === '' ? '' : ` (${iface})`}: ${change}`;

const roles = (clocks: NodeClocks): string[] => valuesOf(clocks, /interface_role/);

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

  const NONE = 99999999999;

  it.each<[string, string[], string[], number | undefined]>([
    ['ptp4l', [offset(7), offset(NONE)], ['LOCKED 7', 'FREERUN 7'], 7],
    ['ptp4l, below zero', [offset(7), offset(-NONE)], ['LOCKED 7', 'FREERUN 7'], 7],
    ['ptp4l, the older word', [offset(7), offset('-9999999999999999')], ['LOCKED 7', 'FREERUN 7'], 7],
    ['ptp4l, from the first', [offset(NONE), offset(8)], ['FREERUN undefined', 'LOCKED 8'], 8],
    ['ts2phc', [ts2phc('offset 7 s2 freq -5'), ts2phc(`offset ${NONE} s0 freq -5`)], ['LOCKED 7', 'FREERUN 7'], 7],
    [
      'ts2phc in holdover',
      [ts2phc('offset 7 s2 freq -5'), ts2phc(`offset ${NONE} s3 freq -5 holdover`)],
      ['LOCKED 7', 'HOLDOVER 7'],
      7,
    ],
    [
      'ts2phc that lost it',
      [ts2phc('offset 7 s2 freq -5'), ts2phc(`lost holdover lock (offset ${NONE})`)],
      ['LOCKED 7', 'FREERUN 7'],
      7,
    ],
    ['a grandmaster', [dpll(-4, 's2'), gm('s2'), dpll(NONE, 's0'), gm('s0')], ['LOCKED -4', 'FREERUN -4'], -4],
    [
      'a grandmaster, below zero',
      [dpll(-4, 's2'), gm('s2'), dpll(-NONE, 's0'), gm('s0')],
      ['LOCKED -4', 'FREERUN -4'],
      -4,
    ],
    ['a grandmaster, from the first', [dpll(NONE, 's0'), gm('s0')], ['FREERUN undefined'], undefined],
    [
      'a grandmaster with ts2phc',
      [ts2phc('offset 3 s2 freq -5'), dpll(NONE, 's0'), gm('s0')],
      ['LOCKED 3', 'FREERUN 3'],
      3,
    ],
    ['a boundary clock', [bc(12, 's2'), bc(NONE, 's0')], ['LOCKED 12', 'FREERUN 12'], 12],
    ['a boundary clock, from the first', [bc(-NONE, 's0'), bc(3, 's2')], ['FREERUN undefined', 'LOCKED 3'], 3],
  ])('have no offset where a placeholder stands: %s', (_, lines, wanted, now) => {
    const { clocks, hear } = world();
    const states = lines
      .flatMap(hear)
      .flatMap((change) => (change.resource === 'lockState' ? [`${change.state} ${String(change.offsetNs)}`] : []));
    expect(states).toEqual(wanted);
    expect(clocksOf(clocks, 'lockState').map(({ offsetNs }) => offsetNs)).toEqual([now]);
    expect(valuesOf(clocks, /offset_ns .*9999/)).toEqual([]);
  });

  it.each<[string, (number | string)[][], string[], string[]]>([
    [
      '-1 without lock',
      [
        [3, 5, 's2'],
        [-1, 5, 's0'],
        [-1, 5, 's0'],
      ],
      ['SYNCHRONIZED 5 3', 'ACQUIRING-SYNC 5 -1'],
      ['gnss_status gnss ens1f0 3'],
    ],
    ['-1 from the first', [[-1, 5, 's0']], ['ACQUIRING-SYNC 5 -1'], []],
    ['-1 with lock', [[-1, 5, 's2']], ['SYNCHRONIZED 5 -1'], []],
    [
      '0, then -1',
      [
        [0, 5, 's0'],
        [-1, 5, 's0'],
      ],
      ['FAILURE-NOFIX 5 0', 'ACQUIRING-SYNC 5 -1'],
      ['gnss_status gnss ens1f0 0'],
    ],
    ['one beyond 2^53', [['9'.repeat(20), 5, 's1']], ['ACQUIRING-SYNC 5 undefined'], []],
    [
      'an offset that is none',
      [
        [3, 5, 's2'],
        [3, NONE, 's0'],
      ],
      ['SYNCHRONIZED 5 3', 'ACQUIRING-SYNC 5 3'],
      ['gnss_status gnss ens1f0 3'],
    ],
    ['no offset from the first', [[3, -NONE, 's2']], ['SYNCHRONIZED undefined 3'], ['gnss_status gnss ens1f0 3']],
  ])('tell of GNSS whatever the fix: %s', (_, seen, wanted, series) => {
    const { clocks, hear } = world();
    const words = seen
      .flatMap(([fix = '', ns = '', state = '']) => hear(gnss(fix, ns, String(state))))
      .flatMap((change) =>
        change.resource === 'gnssSyncStatus' ? [`${change.word} ${String(change.offsetNs)} ${String(change.fix)}`] : [],
      );
    expect(words).toEqual(wanted);
    expect(valuesOf(clocks, /^gnss_status/)).toEqual(series);
    expect(valuesOf(clocks, /NaN|undefined|99999999999/)).toEqual([]);
  });

  it('keep the last figure where a line has an odd one', () => {
    const huge = '9'.repeat(20);
    const { clocks, told } = world();
    told(offset(7), `ptp4l[1.1]: [ptp4l.0.config] master offset 8 s2 freq -${huge} path delay ${huge}`);
    told(dpll(4, 's2'), 'dpll[1]:[ts2phc.0.config] ens1f0 frequency_status 9 offset 5 phase_status -7 pps_status 3 s1');
    expect(valuesOf(clocks, /./)).toEqual(
      expect.arrayContaining([
        'offset_ns ptp4l ens1f0 8',
        'frequency_adjustment_ns ptp4l ens1f0 -5',
        'delay_ns ptp4l ens1f0 3',
        'frequency_status dpll ens1f0 3',
        'phase_status dpll ens1f0 3',
        'pps_status dpll ens1f0 1',
        'offset_ns dpll ens1f0 5',
        'clock_state dpll ens1f0 2',
      ]),
    );
    told(`ptp4l[1.1]: [ptp4l.0.config] rms ${huge} max ${huge} freq -6 +/- 3 delay ${huge} +/- 1`);
    expect(valuesOf(clocks, /ptp4l ens1f0/)).toEqual(
      expect.arrayContaining([
        'offset_ns ptp4l ens1f0 8',
        'frequency_adjustment_ns ptp4l ens1f0 -6',
        'delay_ns ptp4l ens1f0 3',
      ]),
    );
  });

  it.each(['0', '2', '65536', '99999999999999999999'])(
    'is left by a port that is named, whatever its number: %s',
    (n) => {
      const { told } = world();
      told('ptp4l[1.1]: [ptp4l.0.config] master offset 8 s2 freq -5 path delay 3');
      expect(told(`ptp4l[1.1]: [ptp4l.0.config] port ${n} (ens1f0): SLAVE to FAULTY on FAULT_DETECTED`)).toEqual([
        'lockState HOLDOVER',
        'syncState HOLDOVER',
      ]);
    },
  );

  it('are FREERUN when ts2phc loses its holdover, or only figures where a grandmaster speaks', () => {
    const lost = ts2phc('lost holdover lock (offset       1411)');
    expect(world().told(ts2phc('offset 1 s3 freq +1'), ts2phc('offset -2 s3 freq -6 holdover'), lost, lost)).toEqual([
      'lockState LOCKED',
      'syncState LOCKED',
      'lockState HOLDOVER',
      'syncState HOLDOVER',
      'lockState FREERUN',
      'syncState FREERUN',
    ]);
    const { clocks, told } = world();
    expect(told(gm('s2'), lost)).toEqual(['lockState LOCKED', 'syncState LOCKED']);
    expect(valuesOf(clocks, /clock_state ts2phc|offset_ns ts2phc|freq.* ts2phc/)).toEqual(
      expect.arrayContaining(['offset_ns ts2phc ens1f0 1411', 'clock_state ts2phc ens1f0 0']),
    );
  });

  describe('of a telecom boundary clock', () => {
    const BOUNDARY = { name: 'p', phc2sysOpts: '-a', ts2phcOpts: '--ts2phc.external_pps 1' };

    it.each([
      'FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)',
      'LISTENING on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES',
      'UNCALIBRATED on SYNCHRONIZATION_FAULT',
      'MASTER on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES',
    ])('show ptp4l as FREERUN after SLAVE to %s, and nothing else', (to) => {
      for (const before of [
        [offset(1), bc(5, 's2')],
        [bc(5, 's2'), offset(1)],
        [bc(5, 's2'), offset(1), ts2phc('offset 1 s2 freq -5')],
      ]) {
        const { clocks, told } = world(BOUNDARY);
        told(...before);
        expect(ptp4lState(clocks)).toEqual(['clock_state ptp4l ens1f0 1']);
        expect(told(leavesSlave(to))).toEqual([]);
        expect(ptp4lState(clocks)).toEqual(['clock_state ptp4l ens1f0 0']);
        expect(clocks.overall).toBe('LOCKED');
        told('ptp4l[1.1]: [ptp4l.0.config] port 1 (ens1f0): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED', offset(1));
        expect(ptp4lState(clocks)).toEqual(['clock_state ptp4l ens1f0 1']);
      }
    });

    it('show a ptp4l that stays SLAVE or PASSIVE as it is', () => {
      const { clocks, told } = world(BOUNDARY);
      told(bc(5, 's2'), offset(1), leavesSlave('PASSIVE on RS_PASSIVE'));
      expect(ptp4lState(clocks)).toEqual(['clock_state ptp4l ens1f0 1']);
    });

    it('show nothing of a ptp4l that has said nothing', () => {
      const { clocks, told } = world(BOUNDARY);
      told(bc(5, 's2'), leavesSlave('FAULTY on FAULT_DETECTED'));
      expect(ptp4lState(clocks)).toEqual([]);
    });

    it('have no state of ptp4l or ts2phc in sync-state, nor an event when their holdover is over', () => {
      const { clocks, told, wait, at } = world(BOUNDARY);
      told(offset(900), ts2phc('offset 900 s2 freq -5'));
      expect(clocksOf(clocks, 'lockState')).toEqual([]);
      expect(told(osOffset(1, 1))).toEqual(['osClockSyncState LOCKED', 'syncState LOCKED']);
      told(offset(1), 'ptp4l[1.1]: [ptp4l.0.config] master offset 1 s2 freq -5');
      wait(10_000);
      expect(clocks.timePassed(at())).toEqual([]);
    });
  });

  describe('of ports that have names', () => {
    const SLAVE = 'UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED';
    const FAULTY = 'SLAVE to FAULTY on FAULT_DETECTED';

    it.each<[string, string, string[], string[]]>([
      ['the name', '-2', [port(2, 'ens1f0', SLAVE)], ['interface_role ptp4l ens1f0 1']],
      ['the number where there is no name', '-2', [port(2, '', SLAVE)], ['interface_role ptp4l ens1f1 1']],
      [
        'the number with -i',
        '-2 -i eno2',
        [port(1, '', SLAVE), port(2, '', SLAVE)],
        ['interface_role ptp4l eno2 1', 'interface_role ptp4l ens1f0 1'],
      ],
      [
        'the number with -i of a port of the file',
        '-i ens1f1',
        [port(1, '', SLAVE)],
        ['interface_role ptp4l ens1f1 1'],
      ],
      [
        'neither, of a port that there is not',
        '-2',
        [port(1, 'eno9', SLAVE), port(0, '', SLAVE), port(9, '', SLAVE)],
        [],
      ],
      ['the name, whatever the number', '-2', [port(77, 'ens1f1', SLAVE)], ['interface_role ptp4l ens1f1 1']],
      ['the name, even with number 0', '-2', [port(0, 'ens1f1', SLAVE)], ['interface_role ptp4l ens1f1 1']],
    ])('hear lines about the port by %s', (_, ptp4lOpts, lines, wanted) => {
      const { clocks, told } = world({ name: 'p', ptp4lOpts });
      told(...lines);
      expect(roles(clocks)).toEqual(wanted);
    });

    it('are in holdover when the port by that name leaves SLAVE, and only then', () => {
      const { told } = world({ name: 'p', ptp4lOpts: '-i ens1f1' });
      told(port(1, 'ens1f1', SLAVE), offset(1));
      expect(told(port(1, 'ens1f0', 'MASTER to FAULTY on FAULT_DETECTED'))).toEqual([]);
      expect(told(port(2, 'ens1f1', FAULTY))).toEqual(['lockState HOLDOVER', 'syncState HOLDOVER']);
    });

    it('are numbered anew when the node profile changes', () => {
      const { clocks, told } = world({ name: 'p', ptp4lOpts: '-2' });
      told(port(1, '', SLAVE));
      clocks.setProfiles(parseNodeProfile(JSON.stringify([{ name: 'p', ptp4lOpts: '-2 -i eno2' }])));
      expect(roles(clocks)).toEqual([]);
      told(port(1, '', SLAVE), offset(3));
      expect(roles(clocks)).toEqual(['interface_role ptp4l eno2 1']);
      expect(clocksOf(clocks, 'lockState')).toMatchObject([{ iface: 'eno2' }]);
    });

    it('are known where only the command line names one', () => {
      const { clocks, told } = world({ name: 'p', ptp4lOpts: '-i eno2' });
      clocks.setConfigFile('ptp4l.0.config', parseConfigFile('#profile: p\n[global]\n'));
      expect(told(offset(3))).toEqual(['lockState LOCKED', 'syncState LOCKED']);
    });

    it('count for the first one that may be a slave, whichever way it is told', () => {
      for (const text of [
        '[ens1f0]\nserverOnly 1\n[ens1f1]\n',
        '[ens1f0]\n[ens1f0]\nmasterOnly 1\n[ens1f1]\n',
        '[ens1f0]\n[ens1f1]\nserverOnly 0\n[global]\nserverOnly 1\n',
      ]) {
        const { clocks, told } = world();
        clocks.setConfigFile('ptp4l.0.config', parseConfigFile(`#profile: p\n${text}`));
        told(offset(3));
        expect(clocksOf(clocks, 'lockState')).toMatchObject([{ iface: 'ens1f1' }]);
      }
    });
  });

  it('are FREERUN, though they are known from before the start only, when their process is down', () => {
    for (const [process, clock, tag] of [
      ['ptp4l', { process: 'ptp4l', iface: 'ens1f0' }, 'ptp4l.0.config'],
      ['ts2phc', { process: 'ts2phc', iface: 'ens1f0' }, 'ts2phc.0.config'],
      ['ptp4l', { process: 'T-BC', iface: 'ens1f0' }, 'ptp4l.0.config'],
    ] as const) {
      const { clocks, told, at } = world();
      told(`${process}[1]:[${tag}] PTP_PROCESS_STATUS:0`);
      const before = { ...SAVED, ...clock };
      const saved = {
        clocks: [{ resource: 'lockState' as const, clock: before, lastLineMs: 1 }],
        ports: [],
        isSameBoot: true,
      };
      const news = reconcile(clocks, saved, 'LOCKED', [], at());
      expect(news.map(({ change }) => ('state' in change ? `${change.resource} ${change.state}` : ''))).toEqual([
        'lockState FREERUN',
        'syncState FREERUN',
      ]);
    }
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
