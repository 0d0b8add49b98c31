import { readFileSync } from 'node:fs';

/** Everything that is wrong with the settings, in one message. */
export class ConfigError extends Error {
  override name = 'ConfigError';

  constructor(readonly mistakes: readonly string[]) {
    super(mistakes.join('; '));
  }
}

/** Reads settings from environment variables and remembers all mistakes, so that they are reported together. */
export class Env {
  readonly #vars: NodeJS.ProcessEnv;
  readonly #mistakes: string[] = [];

  constructor(vars: NodeJS.ProcessEnv) {
    this.#vars = vars;
  }

  /** Text; without a fallback the variable is required. */
  text(name: string, fallback?: string): string {
    const text = this.#vars[name];
    if (text !== undefined && text !== '') return text;
    if (fallback === undefined) this.mistake(`${name} is required`);
    return fallback ?? '';
  }

  /** Text that may be absent. */
  optional(name: string): string | undefined {
    return this.#vars[name] === '' ? undefined : this.#vars[name];
  }

  /** TCP port; 0 lets the system choose. */
  port(name: string, fallback: number): number {
    return this.integer(name, fallback, { min: 0, max: 65_535, what: 'a port' });
  }

  integer(name: string, fallback: number, { min, max, what = 'a whole number' }: NumberLimits): number {
    const text = this.optional(name);
    if (text === undefined) return fallback;
    const value = /^-?\d+$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    this.mistake(`${name} must be ${what} from ${min} to ${max}, got "${text}"`);
    return fallback;
  }

  /** One of a closed set of words. */
  choice<const Word extends string>(name: string, words: readonly Word[], fallback: Word): Word {
    const text = this.text(name, fallback);
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    this.mistake(`${name} must be one of ${words.join(', ')}, got "${text}"`);
    return fallback;
  }

  /** The content of a file whose path the variable gives; the content is never part of a message. */
  file(name: string): string | undefined {
    const path = this.optional(name);
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

  /** Gives the settings back, or throws ConfigError with every mistake. */
  check<T>(settings: T): T {
    if (this.#mistakes.length > 0) throw new ConfigError(this.#mistakes);
    return settings;
  }
}

interface NumberLimits {
  min: number;
  max: number;
  what?: string;
}

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
