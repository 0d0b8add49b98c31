import { bus } from './contract/bus.js';

/** What the contract says of a resource's events. */
export interface EventResource {
  /** CloudEvents type. */
  type: string;
  /** State words of its values; none: they are numbers. */
  words: ReadonlySet<string>;
}

const NODES = '/cluster/node/';
const MAX_VALUES = 1_024;
const MAX_ADDRESS = 512;
const MAX_VERSION = 16;
/** decimal64 with three fraction digits, never in exponent form. */
const NUMBER = /^-?\d{1,19}(\.\d{1,3})?$/;

const described: { path: string; type: string; words?: readonly string[] }[] = [
  ...Object.values(bus.resources),
  bus.canary,
];
const BY_PATH = new Map<string, EventResource>(
  described.map(({ path, type, words = [] }) => [path, { type, words: new Set(words) }]),
);
/** Consumers expect this resource's word as a metric, as the reference sends it. */
const WORDS_AS_METRIC = BY_PATH.get(bus.resources.synceLockState.path);

/** The resource with a full address, `/cluster/node/<node>/sync/…`; undefined when it is none of ours. */
export const resourceAt = (address: string): EventResource | undefined =>
  BY_PATH.get(address.slice(address.indexOf('/', NODES.length)));

/** The event resource of a path, `/sync/…` or `/canary`; undefined when it is none of ours. */
export const resourceOfPath = (path: string): EventResource | undefined => BY_PATH.get(path);

/** What is wrong with the data of an event of a resource, or of its current state; undefined: nothing. */
export function dataMistake(data: unknown, resource: EventResource): string | undefined {
  const { version, values } = (data ?? {}) as { version?: unknown; values?: unknown };
  if (typeof version !== 'string' || version.length > MAX_VERSION || !Array.isArray(values)) {
    return 'must be {version, values: [{ResourceAddress, …, value}]}';
  }
  if (values.length === 0 || values.length > MAX_VALUES) return `must have 1 to ${MAX_VALUES} values`;
  for (const value of values) {
    const mistake = valueMistake((value ?? {}) as Record<string, unknown>, resource);
    if (mistake !== undefined) return mistake;
  }
  return undefined;
}

function valueMistake(members: Record<string, unknown>, resource: EventResource): string | undefined {
  const { ResourceAddress, data_type, value_type, value } = members;
  if (typeof ResourceAddress !== 'string' || ResourceAddress.length > MAX_ADDRESS) {
    return `has a value without a ResourceAddress of at most ${MAX_ADDRESS} characters`;
  }
  if (typeof value !== 'string') return 'has a value that is no text';
  if (data_type === 'notification' && value_type === 'enumeration') {
    return resource.words.has(value) ? undefined : `has a value that is none of ${wordsOf(resource)}`;
  }
  if (data_type !== 'metric' || value_type !== 'decimal64.3') {
    return 'has a value that is neither a notification with enumeration nor a metric with decimal64.3';
  }
  if (NUMBER.test(value) || (resource === WORDS_AS_METRIC && resource.words.has(value))) return undefined;
  return 'has a metric that is no plain number';
}

const wordsOf = ({ words }: EventResource): string => (words.size === 0 ? 'no words' : [...words].join(', '));
