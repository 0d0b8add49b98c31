import type { Nanoseconds } from '../parse/observation.js';
import type { EventData, Value } from '../../shared/messages.js';

export const notification = (address: string, word: string): Value => ({
  ResourceAddress: address,
  data_type: 'notification',
  value_type: 'enumeration',
  value: word,
});

/** Plain integers, exact beyond what a double holds. */
export const metric = (address: string, value: Nanoseconds | string): Value => ({
  ResourceAddress: address,
  data_type: 'metric',
  value_type: 'decimal64.3',
  value: String(value),
});

/** A state, with its offset where one is known. */
export const stateAndOffset = (address: string, word: string, offsetNs: Nanoseconds | undefined): Value[] =>
  offsetNs === undefined ? [notification(address, word)] : [notification(address, word), metric(address, offsetNs)];

export const eventData = (values: Value[]): EventData => ({ version: '1.0', values });
