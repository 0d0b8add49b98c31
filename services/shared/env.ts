import { readFileSync } from 'node:fs';
import { suspects } from './misspelt.js';
import { SETTING_NAMES } from './settingNames.js';
import { parseDuration, parseSize } from './units.js';

/** Everything that is wrong with the settings: one mistake as a sentence, several on a line each. */
export class ConfigError extends Error {
  override name = 'ConfigError';

  constructor(readonly mistakes: readonly string[]) {
    super(mistakes.length > 1 ? mistakes.map((mistake) => `\n  ${mistake}`).join('') : mistakes.join(''));
  }
}

/** A setting as it is described in help and documents. */
export interface Setting {
  name: string;
  /** What it is for, in a few words. */
  what: string;
  /** What its value is: `port`, `events`, `duration (plain number: s)`, `path` … */
  unit: string;
  /** As one would write it; undefined: there is none. */
  fallback: string | undefined;
  isRequired: boolean;
}

interface About {
  /** What it is for, in a few words. */
  what: string;
}

interface Text extends About {
  /** What its value is: `host name`, `path` …; absent: text. */
  unit?: string;
  /** Absent: the variable is required. */
  fallback?: string;
}

interface Whole extends About {
  /** What is counted: `events`. */
  unit: string;
  fallback: number;
  min: number;
  max: number;
}

/** Texts such as `1Gi` or `30s`. */
interface Measured extends About {
  fallback: string;
  min: string;
  max: string;
}

/**
 * Reads settings from environment variables and remembers all mistakes, so that they are reported together. Each call
 * describes its setting: help, `.env.example` and `docs/settings.md` are made of that. So all settings are read, whatever
 * the others say.
 */
export class Env {
  readonly #vars: NodeJS.ProcessEnv;
  readonly #mistakes: string[] = [];
  /** What was asked for so far. */
  readonly settings: Setting[] = [];

  constructor(vars: NodeJS.ProcessEnv) {
    this.#vars = vars;
  }

  /** Text; without a fallback the variable is required. */
  text(name: string, { what, unit = 'text', fallback }: Text): string {
    this.#describe({ name, what, unit, fallback, isRequired: fallback === undefined });
    const text = this.#value(name) ?? fallback;
    if (text === undefined) this.mistake(`${name} is required: ${what}`);
    return text ?? '';
  }

  /** Text that may be absent. */
  optional(name: string, { what, unit = 'text' }: Omit<Text, 'fallback'>): string | undefined {
    this.#describe({ name, what, unit, fallback: undefined, isRequired: false });
    return this.#value(name);
  }

  /** TCP port; 0 lets the system choose. */
  port(name: string, { what, fallback }: { what: string; fallback: number }): number {
    const text = this.#value(name) ?? '';
    if (/^(tcp|udp|sctp):\/\//.test(text)) {
      this.#describe({ name, what, unit: 'port', fallback: String(fallback), isRequired: false });
      this.mistake(
        `${name} must be a port, got "${text}": Kubernetes sets it for a Service of that name, unless the pod has ` +
          'enableServiceLinks: false',
      );
      return fallback;
    }
    return this.integer(name, { what, unit: 'port', fallback, min: 0, max: 65_535 });
  }

  integer(name: string, { what, unit, fallback, min, max }: Whole): number {
    this.#describe({ name, what, unit, fallback: String(fallback), isRequired: false });
    const kind = unit === 'port' ? 'a port' : `a number of ${unit}`;
    return this.#within(name, { fallback, min, max }, `${kind} from ${min} to ${max}`, (text) =>
      /^-?\d+$/.test(text) ? Number(text) : undefined,
    );
  }

  /** A number from 0 to 1. */
  ratio(name: string, { what, fallback }: { what: string; fallback: number }): number {
    this.#describe({ name, what, unit: 'number from 0 to 1', fallback: String(fallback), isRequired: false });
    return this.#within(name, { fallback, min: 0, max: 1 }, 'a number from 0 to 1', (text) =>
      /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined,
    );
  }

  /** A size such as `1G` or `512Mi`, in bytes; a plain number is bytes. */
  size(name: string, { what, fallback, min, max }: Measured): number {
    this.#describe({ name, what, unit: 'size (plain number: bytes)', fallback, isRequired: false });
    const limits = { fallback: bytesOf(fallback), min: bytesOf(min), max: bytesOf(max) };
    const kind = `a size from ${min} to ${max}, such as 1G or 512Mi (a plain number is bytes)`;
    return this.#within(name, limits, kind, parseSize);
  }

  /** A duration such as `250ms`, `30s`, `3d`, in ms; a plain number is of the unit `plain`. */
  duration(name: string, { what, fallback, min, max, plain }: Measured & { plain: 's' | 'ms' }): number {
    this.#describe({ name, what, unit: `duration (plain number: ${plain})`, fallback, isRequired: false });
    const parse = (text: string): number | undefined => parseDuration(text, plain);
    const ms = (text: string): number => parse(text) ?? NaN;
    const limits = { fallback: ms(fallback), min: ms(min), max: ms(max) };
    return this.#within(
      name,
      limits,
      `a duration from ${min} to ${max}, such as 30s or 3d (a plain number is ${plain})`,
      parse,
    );
  }

  /** One of a closed set of words. */
  choice<const Word extends string>(
    name: string,
    words: readonly Word[],
    { what, fallback }: About & { fallback: Word },
  ): Word {
    this.#describe({ name, what, unit: words.join(', '), fallback, isRequired: false });
    const text = this.#value(name) ?? fallback;
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    this.mistake(`${name} must be one of ${words.join(', ')}, got "${text}"`);
    return fallback;
  }

  /** `true` or `false`. */
  flag(name: string, { what, fallback }: About & { fallback: boolean }): boolean {
    return this.choice(name, ['true', 'false'], { what, fallback: fallback ? 'true' : 'false' }) === 'true';
  }

  /** The content of a file whose path the variable gives; the content is never part of a message. */
  file(name: string, { what }: About): string | undefined {
    const path = this.optional(name, { what, unit: 'path' });
    if (path === undefined) return undefined;
    try {
      return readFileSync(path, 'utf8');
    } catch (err) {
      this.mistake(`${name} names a file that cannot be read: ${path} (${(err as NodeJS.ErrnoException).code})`);
      return undefined;
    }
  }

  /** Adds a mistake that only the caller can see, such as two settings that exclude each other. */
  mistake(text: string): void {
    this.#mistakes.push(text);
  }

  /** Gives the settings back, or throws ConfigError with every mistake; variables that are nearly a setting are mistakes. */
  check<T>(settings: T): T {
    const known = [...SETTING_NAMES, ...this.settings.map(({ name }) => name)];
    const mistakes = [...this.#mistakes, ...suspects(this.#vars, known).misspelt];
    if (mistakes.length > 0) throw new ConfigError(mistakes);
    return settings;
  }

  /** An empty variable counts as absent. */
  #value(name: string): string | undefined {
    return this.#vars[name] === '' ? undefined : this.#vars[name];
  }

  #describe(setting: Setting): void {
    if (!this.settings.some(({ name }) => name === setting.name)) this.settings.push(setting);
  }

  #within(
    name: string,
    { fallback, min, max }: { fallback: number; min: number; max: number },
    kind: string,
    parse: (text: string) => number | undefined,
  ): number {
    const text = this.#value(name);
    if (text === undefined) return fallback;
    const value = parse(text);
    if (value !== undefined && value >= min && value <= max) return value;
    this.mistake(`${name} must be ${kind}, got "${text}"`);
    return fallback;
  }
}

const bytesOf = (size: string): number => parseSize(size) ?? NaN;

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

export const readLogLevel = (env: Env): (typeof LOG_LEVELS)[number] =>
  env.choice('LOG_LEVEL', LOG_LEVELS, { what: 'messages below this level are not logged', fallback: 'info' });

/** Where a service serves HTTP; absent: on all addresses. */
export const readListenHost = (env: Env): string | undefined =>
  env.optional('LISTEN_HOST', { what: 'address to serve HTTP on; absent: all of them', unit: 'address' });
