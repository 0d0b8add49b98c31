import { integerWithin } from './numbers.js';
import type { Observation, Process, Unread } from './observation.js';

const MAX_CLOCK_CLASS = 255;

// CLOCK_CLASS_CHANGE 248.000000
export function parseClockClass(process: Process, config: string, words: string[]): Observation | Unread {
  const clockClass = integerWithin(words[1], 0, MAX_CLOCK_CLASS);
  return clockClass === undefined ? 'malformed' : { kind: 'clock-class', process, config, clockClass };
}

// PTP_PROCESS_STATUS:1
export function parseProcessStatus(
  process: Process,
  config: string,
  writtenConfig: string,
  words: string[],
): Observation | Unread {
  const status = words[1];
  if (status !== '0' && status !== '1') return 'malformed';
  return { kind: 'process-status', process, config, writtenConfig, isUp: status === '1' };
}
