import type { Clock } from '../shared/clock.js';
import type { ConfigReader } from './configReader.js';
import type { LineCounts } from './lineCounts.js';
import { processOf, readLine } from './parse/line.js';
import type { CommandSeen, Observation, Process, Unread } from './parse/observation.js';
import { stampOf } from './parse/stamp.js';
import type { Change } from './state/change.js';
import type { Instant, Told } from './state/clock.js';
import type { NodeClocks } from './state/nodeClocks.js';

export interface IntakeOptions {
  clocks: NodeClocks;
  configReader: ConfigReader;
  clock: Clock;
  counts: LineCounts;
  /** Never waits: a reader that waits blocks the daemon. */
  onChanges: (changes: readonly Change[], at: Told) => void;
  /** Ports have other roles than before, which is worth remembering without any event. */
  onRoles: () => void;
  onCommand: (command: CommandSeen['command']) => void;
  onOnlySummaries: (whose: { config: string; process: Process }) => void;
}

/** Looked for only when a line has changed something, since most have not. */
function stamped(line: string): { stampMs?: number } {
  const stampMs = stampOf(line);
  return stampMs === undefined ? {} : { stampMs };
}

/** Feeds the core: lines, files, and time when the earliest deadline has come. */
export class Intake {
  readonly #options: IntakeOptions;
  #deadline: number | undefined;
  #roleChanges = 0;
  #cancelAlarm: (() => void) | undefined;
  /** When the lines were read that are being taken in. */
  #at: Instant = { now: 0, monotonic: 0 };

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  now(): Instant {
    const { clock } = this.#options;
    return { now: clock.now(), monotonic: clock.monotonic() };
  }

  /** Lines of one connection that were read together. */
  readonly onLines = (lines: readonly (string | undefined)[]): void => {
    const at = this.now();
    this.#passTime(at);
    this.#at = at;
    for (const line of lines) this.#takeLine(line);
    this.#setAlarm();
    const roleChanges = this.#options.clocks.roleChanges();
    if (roleChanges === this.#roleChanges) return;
    this.#roleChanges = roleChanges;
    this.#options.onRoles();
  };

  readConfiguration(): void {
    const { configReader, clocks, onChanges } = this.#options;
    const at = this.now();
    onChanges(configReader.read(clocks, at), at);
    this.#setAlarm();
  }

  /** Lets the deadlines take effect that have passed, and sleeps until the next. */
  passTime(): void {
    this.#setAlarm();
    this.#passTime(this.now());
    this.#setAlarm();
  }

  stop(): void {
    this.#cancelAlarm?.();
  }

  #takeLine(line: string | undefined): void {
    if (line === undefined) this.#options.counts.note('other', 'too_long');
    else readLine(line, this.#take);
  }

  readonly #take = (seen: Observation | Unread, line: string): void => {
    const { clocks, counts, onChanges, onCommand, onOnlySummaries } = this.#options;
    const at = this.#at;
    if (typeof seen === 'string') return counts.note(processOf(line), seen);
    const { outcome, changes, onlySummaries } = clocks.observe(seen, at);
    counts.note(processOf(line), outcome);
    if (changes.length > 0) onChanges(changes, { ...at, ...stamped(line) });
    if (onlySummaries) onOnlySummaries(onlySummaries);
    if (seen.kind === 'command') onCommand(seen.command);
  };

  #passTime(at: Instant): void {
    if (this.#deadline === undefined || at.monotonic < this.#deadline) return;
    const { clocks, onChanges } = this.#options;
    onChanges(clocks.timePassed(at), at);
  }

  #setAlarm(): void {
    const { clocks, clock } = this.#options;
    const deadline = clocks.nextDeadline();
    if (deadline === this.#deadline) return;
    this.#cancelAlarm?.();
    this.#deadline = deadline;
    this.#cancelAlarm = deadline === undefined ? undefined : clock.wakeAt(deadline, () => this.passTime());
  }
}
