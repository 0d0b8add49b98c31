import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bus } from '../../shared/contract/bus.js';
import { createLog } from '../../shared/log.js';
import type { Value } from '../../shared/messages.js';
import { resourceAddress } from '../../shared/subjects.js';
import { ConfigReader } from '../configReader.js';
import { currentData } from '../event/current.js';
import { dataOf } from '../event/fromChange.js';
import { maskInterface, type Names } from '../event/names.js';
import { readLine } from '../parse/line.js';
import { samplesOf } from '../series.js';
import type { Change } from '../state/change.js';
import type { Instant } from '../state/clock.js';
import { NodeClocks } from '../state/nodeClocks.js';
import { RESOURCES } from '../state/view.js';
import type { CorpusCase, CorpusEvent, CorpusPull, CorpusResult, CorpusValue } from './case.js';

/** Plays a case through the real configuration readers, in a folder of its own, and the real core. */
export function runCase({ config, lines }: CorpusCase): CorpusResult {
  const dir = mkdtempSync(join(tmpdir(), 'ptp-corpus-'));
  try {
    const world = new World(dir, config);
    for (const [index, line] of lines.entries()) world.play(index, line);
    return world.result();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

class World {
  readonly #clocks = new NodeClocks();
  readonly #reader: ConfigReader;
  readonly #names: Names;
  readonly #configDir: string;
  readonly #later: Record<string, string>;
  readonly #events: CorpusEvent[] = [];
  #at: Instant = { now: Date.parse('2026-03-01T12:00:00Z'), monotonic: 1_000_000 };

  constructor(dir: string, { node, profiles, files, later = {}, aliases = {} }: CorpusCase['config']) {
    this.#configDir = join(dir, 'run');
    this.#later = later;
    this.#names = { node, alias: (iface) => aliases[iface] ?? maskInterface(iface) };
    const profileDir = join(dir, 'linuxptp');
    mkdirSync(this.#configDir);
    mkdirSync(profileDir);
    writeFileSync(join(profileDir, node), JSON.stringify(profiles));
    for (const [name, text] of Object.entries(files)) this.#write(name, text);
    const places = { configDir: this.#configDir, profileDir, nodeName: node };
    this.#reader = new ConfigReader(places, createLog('corpus', 'silent'));
    this.#note(-1, this.#reader.read(this.#clocks, this.#at));
  }

  play(index: number, line: string): void {
    const [directive, argument = ''] = line.split(' ');
    switch (directive) {
      case '@advance':
        return this.#advance(index, Number(argument));
      case '@write':
        this.#write(argument, this.#later[argument] ?? '');
        return this.#note(index, this.#reader.read(this.#clocks, this.#at));
      case '@delete':
        rmSync(join(this.#configDir, argument));
        return this.#note(index, this.#reader.read(this.#clocks, this.#at));
    }
    readLine(line, (seen) => {
      if (typeof seen !== 'string') this.#note(index, this.#clocks.observe(seen, this.#at).changes);
    });
  }

  result(): CorpusResult {
    const metrics = samplesOf(this.#clocks, this.#names, this.#at.monotonic).map(({ name, labels, value }) => ({
      name: `openshift_ptp_${name}`,
      labels,
      value,
    }));
    return { events: this.#events, metrics, pull: this.#pull() };
  }

  /** Deadlines take effect at their own time, in their order. */
  #advance(index: number, ms: number): void {
    const end = this.#at.monotonic + ms;
    for (
      let next = this.#clocks.nextDeadline();
      next !== undefined && next <= end;
      next = this.#clocks.nextDeadline()
    ) {
      this.#moveTo(next);
      this.#note(index, this.#clocks.timePassed(this.#at));
    }
    this.#moveTo(end);
  }

  #moveTo(monotonic: number): void {
    this.#at = { now: this.#at.now + monotonic - this.#at.monotonic, monotonic };
  }

  #write(name: string, text: string): void {
    const path = join(this.#configDir, name);
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }

  #note(after: number, changes: readonly Change[]): void {
    for (const change of changes) {
      const { path, type } = bus.resources[change.resource];
      const values = dataOf(change, this.#names).values.map(neutral);
      this.#events.push({ after, type, resource: resourceAddress(this.#names.node, path), values });
    }
  }

  #pull(): CorpusPull {
    return Object.fromEntries(
      RESOURCES.map((resource) => {
        const { path, type } = bus.resources[resource];
        const data = currentData(this.#clocks, resource, this.#names);
        return [path, data ? { source: path, type, values: data.values.map(neutral) } : null];
      }),
    );
  }
}

const neutral = ({ ResourceAddress, data_type, value_type, value }: Value): CorpusValue => ({
  resource: ResourceAddress,
  dataType: data_type,
  valueType: value_type,
  value,
});
