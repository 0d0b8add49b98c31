import { resourceOfPath } from '../shared/eventData.js';
import { bus } from '../shared/contract/bus.js';
import type { ClockRecord } from '../shared/messages.js';
import { integerWithin } from './parse/numbers.js';
import { PROCESSES } from './parse/observation.js';
import type { Resource } from './state/view.js';

/** What names of configurations, interfaces and devices are made of: they become parts of keys and addresses. */
const NAME = /^[\x21-\x7e]{1,128}$/;
const QUALITY = /^\d{1,3}\/\d{1,3}$/;
/** IEEE 1588 table 4. */
const MAX_CLOCK_CLASS = 255;

/**
 * Whether a record of the right shape can be a clock behind a resource: its process, its names and its word. An empty word
 * stands for a clock that nothing is known of any more.
 */
export function isClockOf(resource: Resource, record: ClockRecord): boolean {
  const { config, process, interface: iface, device = '', state } = record;
  return (
    PROCESSES.some((known) => known === process) &&
    NAME.test(config) &&
    NAME.test(iface) &&
    (device === '' || NAME.test(device)) &&
    (state === '' || isWordOf(resource, state))
  );
}

function isWordOf(resource: Resource, word: string): boolean {
  switch (resource) {
    case 'clockClass':
      return integerWithin(word, 0, MAX_CLOCK_CLASS) !== undefined;
    case 'synceClockQuality':
      return QUALITY.test(word);
    default:
      return resourceOfPath(bus.resources[resource].path)?.words.has(word) ?? false;
  }
}
