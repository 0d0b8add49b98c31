import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { FakeClock } from '../../test/support/fakeClock.js';
import { createLog } from '../shared/log.js';
import { ConfigReader } from './configReader.js';
import { Intake } from './intake.js';
import { LineCounts } from './lineCounts.js';
import { LineSplitter, MAX_LINE_BYTES } from './lineSplitter.js';
import { parseConfigFile } from './parse/configFile.js';
import { parseNodeProfile } from './parse/nodeProfile.js';
import type { Change } from './state/change.js';
import { NodeClocks } from './state/nodeClocks.js';

const CONNECTIONS = 3;
/** The one whose lines may be about CLOCK_REALTIME, which is one clock for all. */
const STEERING = 0;
const FIXTURES = join(__dirname, '../../test/fixtures');
const INTERFACES = ['ens1f0', 'ens1f1', 'ens3f0', 'ens3f1', 'ens4f0', 'ens5f0', 'ens9f0', 'CLOCK_REALTIME'];
const MEMBERS = ['ptp4l', 'phc2sys', 'synce4l', 'chronyd'];

/** The lines of each case of the corpus and of each recording, in their order. */
const sources: string[][] = [
  ...textLines(join(FIXTURES, 'corpus/cases.jsonl')).map((text) =>
    (JSON.parse(text) as { lines: string[] }).lines.filter((line) => !line.startsWith('@')),
  ),
  ...readdirSync(join(FIXTURES, 'recordings'))
    .filter((name) => name.endsWith('.log'))
    .map((name) => textLines(join(FIXTURES, 'recordings', name))),
].filter((lines) => lines.length > 0);

function textLines(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}

interface World {
  intake: Intake;
  clocks: NodeClocks;
  counts: LineCounts;
  changes: Change[];
}

/** A node on which each connection has configurations of its own. Time stands still. */
function world(): World {
  const clocks = new NodeClocks();
  const counts = new LineCounts();
  const changes: Change[] = [];
  const profiles = Array.from({ length: CONNECTIONS }, (_, n) => ({
    name: `p${n}`,
    phc2sysOpts: '-a',
    ptpClockThreshold: { maxOffsetThreshold: 100 * (n + 1) },
  }));
  clocks.setProfiles(parseNodeProfile(JSON.stringify(profiles)));
  const ports = INTERFACES.map((iface) => `[${iface}]\n`).join('');
  for (const n of profiles.keys()) {
    const file = parseConfigFile(`#profile: p${n}\n[global]\n${ports}`);
    for (const member of MEMBERS) clocks.setConfigFile(`${member}.${n}.config`, file);
  }
  const intake = new Intake({
    clocks,
    configReader: new ConfigReader({ configDir: '', profileDir: '', nodeName: '' }, createLog('test', 'silent')),
    clock: new FakeClock(),
    counts,
    onChanges: (told) => changes.push(...told),
    onRoles: () => undefined,
    onCommand: () => undefined,
    onOnlySummaries: () => undefined,
  });
  return { intake, clocks, counts, changes };
}

/** What the lines of one connection have led to: its events, and what is known of its configurations. */
function resultOf({ clocks, changes }: World, connection: number): unknown {
  const isOwn = (config: string): boolean => config.split('.')[1] === String(connection);
  return {
    changes: changes.filter((change) => 'config' in change && isOwn(change.config)),
    osClock: connection === STEERING ? withoutStamps(clocks.os.clocks) : undefined,
    configs: [...clocks.configs.values()].filter(({ name }) => isOwn(name)).map(withoutStamps),
    processes: [...clocks.processes.values()].filter(({ config }) => isOwn(config)),
  };
}

/** Stamps number the lines of all connections. */
function withoutStamps(value: unknown): unknown {
  if (value instanceof Map) return [...value].map(withoutStamps);
  if (Array.isArray(value)) return value.map(withoutStamps);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([key]) => !/stamp$/i.test(key));
  return Object.fromEntries(members.map(([key, member]) => [key, withoutStamps(member)]));
}

/** `ptp4l used` → lines. */
function countsOf(worlds: readonly World[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { process, outcome, lines } of worlds.flatMap(({ counts }) => counts.samples())) {
    const key = `${process} ${outcome}`;
    sums.set(key, (sums.get(key) ?? 0) + lines);
  }
  return sums;
}

const offsetLine = fc
  .record({
    process: fc.constantFrom('ptp4l', 'phc2sys', 'ts2phc'),
    ns: fc.oneof(fc.integer({ min: -500, max: 500 }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n })),
    servo: fc.constantFrom('s0', 's1', 's2', 's3'),
    isLast: fc.boolean(),
  })
  .map(({ process, ns, servo, isLast }) => {
    const offset = `offset ${ns} ${servo} freq -5120`;
    if (process === 'ptp4l') return `ptp4l[1.1]: [ptp4l.0.config] master ${offset}${isLast ? '' : ' path delay 312'}`;
    if (process === 'ts2phc') return `ts2phc[1.1]: [ts2phc.0.config] ens1f0 ${offset}${isLast ? ' holdover' : ''}`;
    return `phc2sys[1.1]: [ptp4l.0.config] CLOCK_REALTIME phc ${offset}${isLast ? '' : ' delay 611'}`;
  });
const recorded = fc
  .tuple(fc.constantFrom(...sources), fc.nat(), fc.integer({ min: 1, max: 12 }))
  .map(([lines, from, length]) => lines.slice(from % lines.length).slice(0, length));
const rubbish = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constant('x'.repeat(MAX_LINE_BYTES + 1)),
  fc.tuple(recorded, fc.nat()).map(([[line = ''], cut]) => line.slice(0, cut % (line.length + 1))),
);
const lines = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: recorded },
      { weight: 4, arbitrary: offsetLine.map((line) => [line]) },
      { weight: 1, arbitrary: rubbish.map((line) => [line]) },
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.flat());

/** The bytes of each connection, whose lines are all about configurations of its own. */
const connections = fc.array(lines, { minLength: CONNECTIONS, maxLength: CONNECTIONS }).map((scripts) =>
  scripts.map((script, n) => {
    const own = script.filter((line) => n === STEERING || !/phc2sys|chronyd/.test(line));
    return Buffer.from(own.map((line) => `${line.replaceAll(/\.\d+\.config/g, `.${n}.config`)}\n`).join(''), 'latin1');
  }),
);

/** Whose bytes come next, and how many of them. */
const schedule = fc.array(
  fc.record({
    connection: fc.nat({ max: CONNECTIONS - 1 }),
    bytes: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 2 * MAX_LINE_BYTES })),
  }),
  { maxLength: 80 },
);

function expectTheSame(
  scripts: readonly Buffer[],
  turns: readonly { connection: number; bytes: number }[],
  splitters: readonly LineSplitter[],
): void {
  const together = world();
  const read = scripts.map(() => 0);
  const rest = scripts.map(({ length }, connection) => ({ connection, bytes: length }));
  for (const { connection, bytes } of [...turns, ...rest]) {
    const from = read[connection] ?? 0;
    const chunk = scripts[connection]?.subarray(from, from + bytes) ?? Buffer.alloc(0);
    read[connection] = from + chunk.length;
    together.intake.onLines(splitters[connection]?.split(chunk) ?? []);
  }
  const alone = scripts.map((script) => {
    const one = world();
    one.intake.onLines(new LineSplitter().split(script));
    return one;
  });
  for (const [n, one] of alone.entries()) expect(resultOf(together, n)).toEqual(resultOf(one, n));
  expect(countsOf([together])).toEqual(countsOf(alone));
  const overall = alone.flatMap(({ clocks }) => clocks.overall ?? []);
  expect(together.clocks.overall).toBe(
    ['FREERUN', 'HOLDOVER', 'LOCKED'].find((state) => overall.includes(state as never)),
  );
}

const splittersOfTheirOwn = (): LineSplitter[] => Array.from({ length: CONNECTIONS }, () => new LineSplitter());

const oneSplitter = (): LineSplitter[] => {
  const inCommon = new LineSplitter();
  return Array.from({ length: CONNECTIONS }, () => inCommon);
};

describe('the lines of several connections', () => {
  it('lead to the same, per connection, however their bytes are cut and interleaved', () => {
    fc.assert(
      fc.property(connections, schedule, (scripts, turns) => expectTheSame(scripts, turns, splittersOfTheirOwn())),
      { numRuns: 300 },
    );
  });

  it('would not, if two connections had an unfinished line in common', () => {
    const property = fc.property(connections, schedule, (scripts, turns) =>
      expectTheSame(scripts, turns, oneSplitter()),
    );
    expect(fc.check(property, { numRuns: 300, endOnFailure: true }).failed).toBe(true);
  });
});
