import { parseConfigFile } from '../parse/configFile.js';
import { readLine } from '../parse/line.js';
import { parseNodeProfile } from '../parse/nodeProfile.js';
import { samplesOf } from '../series.js';
import type { Change } from './change.js';
import { NodeClocks } from './nodeClocks.js';
import { reconcile, type HeldChange } from './reconcile.js';
import type { SavedNode } from './restore.js';
import { clocksOf } from './view.js';

const NAMES = { node: 'n1', alias: (iface: string) => iface };
const WITH_CHRONYD = { name: 'p', phc2sysOpts: '-a -r', chronydOpts: '-d' };
const WITHOUT = { name: 'p', phc2sysOpts: '-a -r' };
const HA = [{ name: 'a' }, { name: 'b' }, { name: 'p', phc2sysOpts: '-a -r', ptpSettings: { haProfiles: 'a,b' } }];

const phc = (offset: number | string, tag = 'ptp4l.0.config'): string =>
  `phc2sys[1.1]: [${tag}] CLOCK_REALTIME phc offset ${offset} s2 freq -5 delay 600`;
const offset = (ns: number | string, n = 0): string =>
  `ptp4l[1.1]: [ptp4l.${n}.config] master offset ${ns} s2 freq -5 path delay 3`;
const fault = (n: number): string =>
  `ptp4l[1.1]: [ptp4l.${n}.config] port 1: SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)`;
const status = (process: string, isUp: number, tag = 'ptp4l.0.config'): string =>
  `${process}[1770000000]:[${tag}] PTP_PROCESS_STATUS:${isUp}`;
const chronyd = (said: string, n = 0): string => `chronyd[4711][chronyd.${n}.config]: 2026-03-01T12:00:01Z ${said}`;

/** What a script is written in. */
const SAID: Record<string, string> = {
  'phc2sys in range': phc(5),
  'phc2sys out of range': phc(500),
  'phc2sys s0': 'phc2sys[1.1]: [ptp4l.0.config] CLOCK_REALTIME phc offset 7 s0 freq -5 delay 600',
  'phc2sys without a delay': 'phc2sys[1.1]: [ptp4l.0.config] CLOCK_REALTIME phc offset 6 s2 freq -5',
  'phc2sys by its own file': phc(5, 'phc2sys.0.config'),
  'phc2sys of another profile': phc(5, 'ptp4l.1.config'),
  'phc2sys of another profile out of range': phc(500, 'ptp4l.1.config'),
  'phc2sys down': status('phc2sys', 0),
  'phc2sys up': status('phc2sys', 1),
  'phc2sys.0 down': status('phc2sys', 0, 'phc2sys.0.config'),
  'phc2sys.0 up': status('phc2sys', 1, 'phc2sys.0.config'),
  'phc2sys of another profile down': status('phc2sys', 0, 'ptp4l.1.config'),
  'chronyd selected': chronyd('Selected source 192.0.2.7 (ntp.example.net)'),
  'chronyd lost': chronyd("Can't synchronise: no selectable sources"),
  'chronyd.1 selected': chronyd('Selected source 192.0.2.7 (ntp.example.net)', 1),
  'chronyd down': status('chronyd', 0, 'chronyd.0.config'),
  'chronyd up': status('chronyd', 1, 'chronyd.0.config'),
  'ptp4l locked': offset(3),
  'ptp4l out of range': offset(5_000),
  'ptp4l down': status('ptp4l', 0),
};

function world(profiles: object[], files = ['ptp4l.0', 'phc2sys.0', 'chronyd.0']) {
  const clocks = new NodeClocks();
  clocks.setProfiles(parseNodeProfile(JSON.stringify(profiles)));
  const write = (name: string, profile: string): void =>
    clocks.setConfigFile(`${name}.config`, parseConfigFile(`#profile: ${profile}\n[global]\n[ens1f0]\n`));
  for (const name of files) write(name, 'p');
  let atMs = 1_000;
  const at = () => ({ now: 1_772_000_000_000 + atMs, monotonic: atMs });
  const held: HeldChange[] = [];
  const hear = (line: string): string[] => {
    const changes: Change[] = [];
    readLine(line, (seen) => {
      if (typeof seen !== 'string') changes.push(...clocks.observe(seen, at()).changes);
    });
    held.push(...changes.map((change) => ({ change, at: at() })));
    return changes.map(worded);
  };
  const series = (name: string): string[] =>
    samplesOf(clocks, NAMES, atMs)
      .filter((sample) => sample.name === name)
      .map(({ labels, value }) => `${labels['process']} ${labels['config'] ?? labels['iface']} ${value}`);
  return {
    clocks,
    write,
    at,
    held,
    series,
    hear,
    /** Events of the OS clock alone; a script may wait, in ms. */
    os: (...script: (string | number)[]): string =>
      script
        .flatMap((step) => {
          if (typeof step === 'string') return hear(SAID[step] ?? step);
          atMs += step;
          return clocks.timePassed(at()).map(worded);
        })
        .filter((event) => event.startsWith('os '))
        .map((event) => event.slice(3))
        .join(' '),
  };
}

function worded(change: Change): string {
  if (change.resource === 'syncState') return `sync ${change.state}`;
  if (!('state' in change)) return change.resource;
  const resource = change.resource === 'osClockSyncState' ? 'os' : change.resource;
  return `${resource} ${change.state}${'offsetNs' in change ? `(${change.offsetNs})` : ''}`;
}

const saved = (process: 'phc2sys' | 'chronyd', word: string, lastLineMs = 1): SavedNode['clocks'][number] => ({
  resource: 'osClockSyncState',
  clock: {
    config: process === 'chronyd' ? 'chronyd.0.config' : 'ptp4l.0.config',
    process,
    iface: 'CLOCK_REALTIME',
    device: '',
    networkOption: undefined,
    word,
    lock: undefined,
    offsetNs: 8,
    rememberedNs: 8,
    fix: undefined,
    since: 1,
    holdoverEndsMs: undefined,
    lastLine: undefined,
  },
  lastLineMs,
});

const two = () => world([WITHOUT, { ...WITHOUT, name: 'q' }], ['ptp4l.0', 'ptp4l.1']);

const restarted = (profile: object, clocks: SavedNode['clocks'], ...heardBefore: string[]) => {
  const node = world([profile]);
  node.os(...heardBefore);
  const overall = clocks[0]?.clock.word as 'LOCKED';
  const news = reconcile(node.clocks, { clocks, ports: [], isSameBoot: true }, overall, node.held, node.at());
  return { ...node, news: news.map(({ change }) => worded(change)) };
};

const group = () => {
  const node = world(HA, ['phc2sys.2']);
  node.write('ptp4l.0', 'a');
  node.write('ptp4l.1', 'b');
  return node;
};

describe('CLOCK_REALTIME', () => {
  it.each<[string, object, (string | number)[], string]>([
    [
      'phc2sys alone',
      WITHOUT,
      ['phc2sys in range', 'phc2sys out of range', 'phc2sys in range'],
      'LOCKED(5) FREERUN(500) LOCKED(5)',
    ],
    ['phc2sys ends', WITHOUT, ['phc2sys in range', 'phc2sys down'], 'LOCKED(5) FREERUN(5)'],
    ['phc2sys ends, by its own file', WITHOUT, ['phc2sys in range', 'phc2sys.0 down'], 'LOCKED(5) FREERUN(5)'],
    [
      'phc2sys ends, by both names',
      WITHOUT,
      ['phc2sys in range', 'phc2sys down', 'phc2sys.0 down'],
      'LOCKED(5) FREERUN(5)',
    ],
    [
      'phc2sys speaks by both names',
      WITHOUT,
      ['phc2sys in range', 'phc2sys by its own file', 'phc2sys.0 down'],
      'LOCKED(5) FREERUN(5)',
    ],
    [
      'phc2sys ends and comes back',
      WITHOUT,
      ['phc2sys in range', 'phc2sys.0 down', 'phc2sys up', 'phc2sys in range'],
      'LOCKED(5) FREERUN(5) LOCKED(5)',
    ],
    [
      'phc2sys comes back before anybody says so',
      WITHOUT,
      ['phc2sys in range', 'phc2sys down', 'phc2sys in range'],
      'LOCKED(5) FREERUN(5) LOCKED(5)',
    ],
    ['phc2sys ends without having spoken', WITHOUT, ['phc2sys down', 'phc2sys.0 down'], ''],
    [
      'phc2sys ends for chronyd',
      WITH_CHRONYD,
      ['phc2sys in range', 'phc2sys down', 'chronyd up', 'chronyd selected'],
      'LOCKED(5)',
    ],
    ['phc2sys ends for chronyd, by its own file', WITH_CHRONYD, ['phc2sys in range', 'phc2sys.0 down'], 'LOCKED(5)'],
    [
      'chronyd tells after phc2sys',
      WITH_CHRONYD,
      ['phc2sys in range', 'phc2sys down', 'chronyd lost'],
      'LOCKED(5) FREERUN(0)',
    ],
    [
      'chronyd ends after phc2sys: nobody is left',
      WITH_CHRONYD,
      ['phc2sys in range', 'phc2sys down', 'chronyd selected', 'chronyd down'],
      'LOCKED(5) FREERUN(0)',
    ],
    [
      'chronyd ends without a word, phc2sys is down: nobody is left',
      WITH_CHRONYD,
      ['phc2sys in range', 'phc2sys down', 'chronyd down'],
      'LOCKED(5) FREERUN(5)',
    ],
    [
      'chronyd rests while phc2sys steers',
      WITH_CHRONYD,
      ['phc2sys in range', 'chronyd down', 'phc2sys in range'],
      'LOCKED(5)',
    ],
    [
      'chronyd alone',
      WITH_CHRONYD,
      ['chronyd lost', 'chronyd selected', 'chronyd selected', 'chronyd lost'],
      'FREERUN(0) LOCKED(0) FREERUN(0)',
    ],
    ['chronyd alone ends', WITH_CHRONYD, ['chronyd selected', 'chronyd down', 'chronyd down'], 'LOCKED(0) FREERUN(0)'],
    ['chronyd where the profile knows of none', WITHOUT, ['chronyd selected', 'chronyd down'], 'LOCKED(0) FREERUN(0)'],
    [
      'what a stopped chronyd said is void',
      WITH_CHRONYD,
      ['chronyd lost', 'chronyd down', 'phc2sys up', 'phc2sys in range'],
      'FREERUN(0) LOCKED(5)',
    ],
    [
      'what a stopped phc2sys said is void',
      WITH_CHRONYD,
      ['phc2sys out of range', 'phc2sys down', 'chronyd selected'],
      'FREERUN(500) LOCKED(0)',
    ],
    [
      'the newest word counts, of either',
      WITH_CHRONYD,
      ['phc2sys in range', 'chronyd lost', 'phc2sys in range', 'chronyd selected'],
      'LOCKED(5) FREERUN(0) LOCKED(5)',
    ],
    [
      'phc2sys takes over before chronyd ends',
      WITH_CHRONYD,
      ['chronyd selected', 'phc2sys s0', 'phc2sys in range', 'chronyd down'],
      'LOCKED(0) FREERUN(7) LOCKED(5)',
    ],
    [
      'the other one goes on, as it has said already',
      WITH_CHRONYD,
      ['phc2sys in range', 'chronyd lost', 'chronyd down'],
      'LOCKED(5) FREERUN(0) LOCKED(5)',
    ],
    [
      'a phc2sys that ended is not fallen back to',
      WITH_CHRONYD,
      ['phc2sys in range', 'phc2sys down', 'phc2sys up', 'chronyd selected', 'chronyd down'],
      'LOCKED(5) FREERUN(0)',
    ],
    [
      'phc2sys without a state takes over nothing',
      WITH_CHRONYD,
      ['chronyd selected', 'phc2sys without a delay'],
      'LOCKED(0)',
    ],
    [
      'phc2sys without a delay is in HOLDOVER',
      WITHOUT,
      ['phc2sys in range', 'phc2sys without a delay', 'phc2sys down'],
      'LOCKED(5) HOLDOVER(6) FREERUN(6)',
    ],
    ['ptp4l ends', WITHOUT, ['phc2sys in range', 'ptp4l down', 'phc2sys in range'], 'LOCKED(5) FREERUN(5) LOCKED(5)'],
    ['ptp4l ends while chronyd may steer', WITH_CHRONYD, ['phc2sys in range', 'ptp4l down'], 'LOCKED(5)'],
    ['ptp4l ends while chronyd steers', WITHOUT, ['phc2sys in range', 'chronyd selected', 'ptp4l down'], 'LOCKED(5)'],
    [
      'ptp4l drags phc2sys along',
      WITHOUT,
      ['ptp4l out of range', 'phc2sys in range', 'ptp4l locked', 'phc2sys in range'],
      'FREERUN(5) LOCKED(5)',
    ],
    [
      'ptp4l does not drag chronyd along',
      WITH_CHRONYD,
      ['ptp4l out of range', 'phc2sys in range', 'chronyd selected', 'ptp4l out of range'],
      'FREERUN(5) LOCKED(0)',
    ],
  ])('is one clock: %s', (_, profile, script, wanted) => {
    const { os, clocks } = world([profile]);
    expect(os(...script)).toBe(wanted);
    expect(clocksOf(clocks, 'osClockSyncState').length).toBeLessThanOrEqual(1);
  });

  it.each(['gpsd', 'gpspipe', 'synce4l', 'gnss', 'dpll', 'GM', 'T-BC'])('is not steered by %s', (process) => {
    const { os, hear, clocks, series } = world([WITHOUT]);
    os('ptp4l locked', 'phc2sys in range');
    for (const tag of ['ts2phc.0.config', 'phc2sys.0.config', 'ptp4l.0.config']) {
      expect(hear(status(process, 0, tag))).toEqual([]);
    }
    expect(clocks.overall).toBe('LOCKED');
    expect(series('process_status')).toEqual([`${process} ptp4l.0.config 0`]);
  });

  describe('with phc2sys of two profiles', () => {
    it('is as bad as the worst of them, and does not swing between them', () => {
      const { os, clocks } = two();
      const [good, bad] = ['phc2sys in range', 'phc2sys of another profile out of range'];
      expect(os(good, bad, good, bad, good, 'phc2sys of another profile', good)).toBe(
        'LOCKED(5) FREERUN(500) LOCKED(5)',
      );
      expect(clocksOf(clocks, 'osClockSyncState')).toHaveLength(1);
    });

    it('forgets the one that is silent, or down', () => {
      const bad = 'phc2sys of another profile out of range';
      expect(two().os('phc2sys in range', bad, 61_000, 'phc2sys in range')).toBe('LOCKED(5) FREERUN(500) LOCKED(5)');
      expect(two().os('phc2sys in range', bad, 'phc2sys of another profile down')).toBe(
        'LOCKED(5) FREERUN(500) LOCKED(5)',
      );
    });

    it('goes on when one configuration goes', () => {
      const { os, clocks, at } = two();
      os('phc2sys in range', 'phc2sys of another profile');
      expect(clocks.removeConfigFile('ptp4l.1.config', at()).map(worded)).toEqual([]);
      expect(clocks.removeConfigFile('ptp4l.0.config', at()).map(worded)).toEqual(['os FREERUN(5)', 'sync FREERUN']);
      expect(clocksOf(clocks, 'osClockSyncState')).toEqual([]);
    });
  });

  it('goes with chronyd, unless phc2sys steers on', () => {
    const { os, clocks, at } = world([WITH_CHRONYD]);
    os('phc2sys in range', 'chronyd lost');
    expect(clocks.removeConfigFile('chronyd.0.config', at()).map(worded)).toEqual(['os LOCKED(5)', 'sync LOCKED']);
    expect(clocksOf(clocks, 'osClockSyncState')).toMatchObject([{ process: 'phc2sys', word: 'LOCKED' }]);
    const alone = world([WITH_CHRONYD]);
    alone.os('chronyd selected');
    expect(alone.clocks.removeConfigFile('chronyd.0.config', at()).map(worded)).toEqual([
      'os FREERUN(0)',
      'sync FREERUN',
    ]);
  });

  it('has one group, of the process that steers, and since when it has been in its state', () => {
    const { os, clocks, at } = world([WITH_CHRONYD]);
    os('phc2sys in range');
    const since = at().now;
    os(5_000, 'chronyd selected');
    expect(clocksOf(clocks, 'osClockSyncState')).toMatchObject([
      { process: 'chronyd', config: 'chronyd.0.config', word: 'LOCKED', since, offsetNs: 0 },
    ]);
  });

  it('has no state of a process that is down in its series, once the other one tells', () => {
    const { os, series } = world([WITH_CHRONYD]);
    os('phc2sys in range', 'phc2sys down', 'chronyd selected');
    expect(series('clock_state')).toEqual(['chronyd CLOCK_REALTIME 1']);
    os('chronyd down');
    expect(series('clock_state')).toEqual(['chronyd CLOCK_REALTIME 0']);
    os('phc2sys in range');
    expect(series('clock_state')).toEqual(['phc2sys CLOCK_REALTIME 1']);
  });

  describe('after a restart of the collector', () => {
    it.each<[string, object, SavedNode['clocks'], string[], string[]]>([
      ['nothing heard', WITHOUT, [saved('phc2sys', 'LOCKED')], [], []],
      ['the same process, the same state', WITHOUT, [saved('phc2sys', 'LOCKED')], ['phc2sys in range'], []],
      ['the other process, the same state', WITH_CHRONYD, [saved('phc2sys', 'LOCKED')], ['chronyd selected'], []],
      [
        'the other process, another state',
        WITH_CHRONYD,
        [saved('phc2sys', 'LOCKED')],
        ['chronyd lost'],
        ['os FREERUN(0)', 'sync FREERUN'],
      ],
      [
        'the other process, a better state',
        WITH_CHRONYD,
        [saved('chronyd', 'FREERUN')],
        ['phc2sys in range'],
        ['os LOCKED(5)', 'sync LOCKED'],
      ],
      [
        'the process has been reported down',
        WITHOUT,
        [saved('phc2sys', 'LOCKED')],
        ['phc2sys.0 down'],
        ['os FREERUN(8)', 'sync FREERUN'],
      ],
      ['phc2sys is down for chronyd', WITH_CHRONYD, [saved('phc2sys', 'LOCKED')], ['phc2sys.0 down', 'chronyd up'], []],
      [
        'phc2sys is down and chronyd steers',
        WITH_CHRONYD,
        [saved('chronyd', 'LOCKED')],
        ['phc2sys.0 down', 'chronyd up'],
        [],
      ],
      [
        'both are down',
        WITH_CHRONYD,
        [saved('phc2sys', 'LOCKED')],
        ['phc2sys.0 down', 'chronyd down'],
        ['os FREERUN(8)', 'sync FREERUN'],
      ],
      [
        'chronyd rests and phc2sys steers',
        WITH_CHRONYD,
        [saved('phc2sys', 'LOCKED')],
        ['phc2sys.0 up', 'chronyd down'],
        [],
      ],
      ['it is FREERUN already', WITHOUT, [saved('phc2sys', 'FREERUN')], ['phc2sys.0 down'], []],
      ['a process that steers nothing is down', WITHOUT, [saved('phc2sys', 'LOCKED')], [status('gpsd', 0)], []],
      ['down, and then it speaks', WITHOUT, [saved('phc2sys', 'LOCKED')], ['phc2sys.0 down', 'phc2sys in range'], []],
    ])('tells only what is new: %s', (_, profile, before, heard, wanted) => {
      expect(restarted(profile, before, ...heard).news).toEqual(wanted);
    });

    it('takes the newest of several that were written', () => {
      const both = [saved('chronyd', 'FREERUN', 10), saved('phc2sys', 'LOCKED', 20)];
      const { clocks } = restarted(WITH_CHRONYD, both);
      expect(clocksOf(clocks, 'osClockSyncState')).toMatchObject([{ process: 'phc2sys', word: 'LOCKED' }]);
    });

    it.each<[string, string[], string]>([
      ['phc2sys goes on', ['phc2sys in range', 'phc2sys out of range'], 'FREERUN(500)'],
      ['phc2sys ends', ['phc2sys.0 down'], 'FREERUN(8)'],
      ['chronyd takes over', ['chronyd selected', 'phc2sys down', 'chronyd lost'], 'FREERUN(0)'],
    ])('goes on from there: %s', (_, script, wanted) => {
      const { os } = restarted(WITHOUT, [saved('phc2sys', 'LOCKED')]);
      expect(os(...script)).toBe(wanted);
    });
  });
});

describe('a process', () => {
  it.each<[string, string[], string[], string[]]>([
    [
      'phc2sys by the tag of its lines',
      ['phc2sys up', 'phc2sys down'],
      ['phc2sys ptp4l.0.config 0'],
      ['phc2sys ptp4l.0.config 1'],
    ],
    [
      'phc2sys by both names',
      ['phc2sys up', 'phc2sys.0 down'],
      ['phc2sys ptp4l.0.config 0'],
      ['phc2sys ptp4l.0.config 1'],
    ],
    [
      'phc2sys by both names, the other way round',
      ['phc2sys.0 down', 'phc2sys up'],
      ['phc2sys ptp4l.0.config 1'],
      ['phc2sys ptp4l.0.config 1'],
    ],
    ['phc2sys by its own file', ['phc2sys.0 up'], ['phc2sys ptp4l.0.config 1'], ['phc2sys ptp4l.0.config 1']],
    ['chronyd', ['chronyd up', 'chronyd down'], ['chronyd chronyd.0.config 0'], ['chronyd chronyd.0.config 1']],
    [
      'chronyd by both names',
      ['chronyd up', status('chronyd', 0)],
      ['chronyd chronyd.0.config 0'],
      ['chronyd chronyd.0.config 1'],
    ],
    ['ts2phc', [status('ts2phc', 1, 'ts2phc.0.config')], ['ts2phc ts2phc.0.config 1'], ['ts2phc ts2phc.0.config 1']],
  ])('has one series: %s', (_, script, statuses, restarts) => {
    const { os, series } = world([WITHOUT]);
    os(...script);
    expect(series('process_status')).toEqual(statuses);
    expect(series('process_restart_count')).toEqual(restarts);
  });

  it('is chronyd by the name of the tag of phc2sys too', () => {
    const { hear } = world([WITH_CHRONYD]);
    hear(chronyd('Selected source 192.0.2.7'));
    expect(hear(status('chronyd', 0))).toEqual(['os FREERUN(0)', 'sync FREERUN']);
  });

  it('has one series though its files were read later', () => {
    const { os, series, write } = world([WITHOUT], []);
    os('phc2sys.0 down');
    expect(series('process_status')).toEqual(['phc2sys phc2sys.0.config 0']);
    write('ptp4l.0', 'p');
    os('phc2sys up');
    expect(series('process_status')).toEqual(['phc2sys ptp4l.0.config 1']);
  });

  it('that the replay calls by its own file has not been started again', () => {
    const { os, clocks, series } = world([WITHOUT]);
    os('phc2sys up');
    clocks.isReplaying = true;
    os('phc2sys.0 up');
    expect(series('process_restart_count')).toEqual(['phc2sys ptp4l.0.config 1']);
  });

  it('of a high-availability profile has the name of its own file', () => {
    const { os, series, write } = world(HA, ['phc2sys.2']);
    write('ptp4l.2', 'p');
    os(status('phc2sys', 0, 'phc2sys.2.config'));
    expect(series('process_status')).toEqual(['phc2sys phc2sys.2.config 0']);
  });

  it('goes with its configuration, whatever it was called', () => {
    const { os, clocks, series, at } = world([WITHOUT]);
    os('phc2sys.0 down');
    clocks.removeConfigFile('ptp4l.0.config', at());
    expect(series('process_status')).toEqual([]);
  });
});

describe('the OS clock of a high-availability profile', () => {
  const os = phc(5, 'phc2sys.2.config');

  it.each<[string, (string | number)[], string]>([
    ['no member has data', [os], 'LOCKED(5)'],
    ['both are LOCKED', [offset(1, 0), offset(1, 1), os], 'LOCKED(5)'],
    ['one is FREERUN', [offset(1, 0), offset(900, 1), os], 'LOCKED(5)'],
    ['one is in HOLDOVER', [offset(1, 0), offset(1, 1), fault(0), os], 'LOCKED(5)'],
    ['both are FREERUN', [offset(900, 0), offset(900, 1), os], 'FREERUN(5)'],
    ['both are in HOLDOVER', [offset(1, 0), offset(1, 1), fault(0), fault(1), os], 'HOLDOVER(5)'],
    ['the better one is in HOLDOVER', [offset(1, 0), offset(900, 1), fault(0), os], 'HOLDOVER(5)'],
    ['the only one with data is FREERUN', [offset(900, 1), os], 'FREERUN(5)'],
    [
      'both holdovers are over',
      [offset(1, 0), offset(1, 1), os, fault(0), fault(1), 6_000, os],
      'LOCKED(5) FREERUN(5)',
    ],
    ['one comes back', [offset(900, 0), offset(900, 1), os, offset(1, 1), os], 'FREERUN(5) LOCKED(5)'],
    ['its own word is worse', [offset(1, 0), phc(500, 'phc2sys.2.config')], 'FREERUN(500)'],
    ['it ends', [os, status('phc2sys', 0, 'phc2sys.2.config')], 'LOCKED(5) FREERUN(5)'],
  ])('is not better than the best member: %s', (_, script, wanted) => {
    expect(group().os(...script)).toBe(wanted);
  });

  it('does not follow a profile that is no member', () => {
    const node = group();
    node.write('ptp4l.5', 'stranger');
    expect(node.os(offset(900, 5), offset(1, 0), os)).toBe('LOCKED(5)');
  });
});
