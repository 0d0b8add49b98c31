import { systemClock, type Clock } from '../../services/shared/clock.js';

interface Alarm {
  atMs: number;
  ring: () => void;
  cancel: () => void;
}

/** The real clock, of which a test may set the wall clock and skip time: for services that work with others in real time. */
export class MovableClock implements Clock {
  #stepMs = 0;
  #skippedMs = 0;
  readonly #alarms = new Set<Alarm>();

  now(): number {
    return systemClock.now() + this.#skippedMs + this.#stepMs;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#skippedMs;
  }

  wakeAt(atMs: number, callback: () => void): () => void {
    const ring = (): void => {
      this.#alarms.delete(alarm);
      callback();
    };
    const alarm: Alarm = { atMs, ring, cancel: () => undefined };
    this.#arm(alarm);
    this.#alarms.add(alarm);
    return () => {
      alarm.cancel();
      this.#alarms.delete(alarm);
    };
  }

  /** The wall clock is set; the monotonic one does not notice. */
  stepWallClock(ms: number): void {
    this.#stepMs += ms;
  }

  /** So much time has passed at once. */
  skip({ seconds }: { seconds: number }): void {
    this.#skippedMs += seconds * 1_000;
    for (const alarm of this.#alarms) {
      alarm.cancel();
      this.#arm(alarm);
    }
  }

  #arm(alarm: Alarm): void {
    alarm.cancel = systemClock.wakeAt(alarm.atMs - this.#skippedMs, alarm.ring);
  }
}
