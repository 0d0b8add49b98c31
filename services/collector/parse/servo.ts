import type { ClockState } from './observation.js';

/** sN of ptp4l, phc2sys and ts2phc: s1 is a clock step, s3 a stable lock. Other words are no state. */
export function servoState(word: string | undefined): 'FREERUN' | 'LOCKED' | undefined {
  switch (word) {
    case 's2':
    case 's3':
      return 'LOCKED';
    case 's0':
    case 's1':
      return 'FREERUN';
    default:
      return undefined;
  }
}

/** sN of the daemon's own lines (GM, gnss, dpll, T-BC, synce4l), where s1 is HOLDOVER and s3 is none of the good ones. */
export function daemonState(word: string | undefined): ClockState | undefined {
  switch (word) {
    case 's2':
      return 'LOCKED';
    case 's1':
      return 'HOLDOVER';
    case 's0':
    case 's3':
      return 'FREERUN';
    default:
      return undefined;
  }
}
