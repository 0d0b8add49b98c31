import { parseArgs } from 'node:util';
import { isNodeName } from '../shared/subjects.js';
import { parseDuration } from '../shared/units.js';

/** A command that was not understood. */
export class UsageError extends Error {
  override name = 'UsageError';
}

export type Command =
  | { do: 'forget node'; node: string }
  | { do: 'forget scope'; scope: string }
  | { do: 'list maintenance' }
  /** Times are ms since 1970; without an end it lasts until it is ended. */
  | { do: 'start maintenance'; node: string; sinceMs: number; untilMs: number | undefined; reason: string | undefined }
  | { do: 'end maintenance'; node: string };

const MAX_REASON = 500;
const MAX_MS = 366 * 86_400_000;

/** Throws UsageError that says what would be right. */
export function readCommand(args: string[], nowMs: number): Command {
  const { words, options } = parse(args);
  const [command, second, name, ...more] = words;
  const isStart = command === 'maintenance' && second === 'start';
  if (!isStart && Object.keys(options).length > 0)
    throw new UsageError('--for and --reason belong to maintenance start');
  if (more.length > 0) throw new UsageError(`too many arguments: ${more.join(' ')}`);
  if (command === 'forget' && second === 'node') return { do: 'forget node', node: asNode(name) };
  if (command === 'forget' && second === 'scope') return { do: 'forget scope', scope: asScope(name) };
  if (command === 'maintenance' && second === undefined) return { do: 'list maintenance' };
  if (command === 'maintenance' && second === 'end') return { do: 'end maintenance', node: asNode(name) };
  if (isStart) {
    const { reason } = options;
    if (reason !== undefined && reason.length > MAX_REASON) {
      throw new UsageError(`--reason may have ${MAX_REASON} characters, got ${reason.length}`);
    }
    const forMs = options.for === undefined ? undefined : asDuration(options.for);
    const untilMs = forMs === undefined ? undefined : nowMs + forMs;
    return { do: 'start maintenance', node: asNode(name), sinceMs: nowMs, untilMs, reason };
  }
  throw new UsageError(
    `the commands are forget node, forget scope, maintenance, maintenance start, maintenance end, got "${words.join(' ')}"`,
  );
}

function parse(args: string[]): { words: string[]; options: { for?: string; reason?: string } } {
  try {
    const options = { for: { type: 'string' }, reason: { type: 'string' } } as const;
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    return { words: positionals, options: { ...values } };
  } catch (err) {
    throw new UsageError((err as Error).message, { cause: err });
  }
}

function asNode(name: string | undefined): string {
  if (name !== undefined && isNodeName(name)) return name;
  throw new UsageError(`a node name such as compute-1.example.com is needed, got "${name ?? ''}"`);
}

function asScope(name: string | undefined): string {
  if (name !== undefined && /^[A-Za-z0-9_-]{1,128}$/.test(name)) return name;
  throw new UsageError(`a scope (letters, digits, - and _) is needed, got "${name ?? ''}"`);
}

function asDuration(text: string): number {
  const ms = parseDuration(text, 's');
  if (ms !== undefined && ms > 0 && ms <= MAX_MS) return ms;
  throw new UsageError(`--for must be a duration up to 366d, such as 30min or 2h, got "${text}"`);
}
