import { request } from 'undici';
import type { Clock } from '../shared/clock.js';
import { Doublings } from '../shared/doublings.js';
import type { Logger } from '../shared/log.js';
import { maskInterface } from './event/names.js';

const ANSWER_MS = 2_000;
/** So long nobody asks again for a name that the daemon does not know. */
const MISS_MS = 30_000;
const ALIAS = /^[A-Za-z0-9_.@/-]{1,32}$/;

export interface DaemonOptions {
  /** Absent: the daemon is not asked, and names are masked. */
  url: string | undefined;
  clock: Clock;
  log: Logger;
}

/** What newer daemons answer over HTTP: the aliases of interfaces, and a replay of their state as lines. */
export class Daemon {
  readonly #options: DaemonOptions;
  #aliases: ReadonlyMap<string, string> = new Map();
  #asking: Promise<void> | undefined;
  #askedAtMs = -Infinity;
  #isReplayWanted = false;
  #replaying: Promise<void> | undefined;
  readonly #failures: Doublings;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#failures = new Doublings(options.clock);
  }

  /** The daemon's alias, else the masked name. Never waits; a name that is not known is asked for. */
  readonly alias = (iface: string): string => {
    const alias = this.#aliases.get(iface);
    if (alias !== undefined) return alias;
    const { url, clock } = this.#options;
    if (url !== undefined && clock.monotonic() - this.#askedAtMs >= MISS_MS) void this.askAliases();
    return maskInterface(iface);
  };

  /** Never rejects. */
  askAliases(): Promise<void> {
    this.#asking ??= this.#readAliases().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** Asks for the lines that tell the present state; several wishes at once become one request. Never rejects. */
  askReplay(): Promise<void> {
    this.#isReplayWanted = true;
    this.#replaying ??= this.#replay().finally(() => {
      this.#replaying = undefined;
    });
    return this.#replaying;
  }

  // {"ens1f0":"ens1fx"}
  async #readAliases(): Promise<void> {
    const { url, clock, log } = this.#options;
    if (url === undefined) return;
    this.#askedAtMs = clock.monotonic();
    try {
      const answer = await this.#get(`${url}/port-aliases`);
      const entries = Object.entries(JSON.parse(answer) as Record<string, unknown>);
      this.#aliases = new Map(entries.filter((entry): entry is [string, string] => isAlias(entry[1])));
      log.info({ aliases: Object.fromEntries(this.#aliases) }, 'aliases read');
    } catch (err) {
      this.#failures.tell(
        (times) => log.warn({ err, url, times }, 'no aliases from the daemon, names are masked'),
        'aliases',
      );
    }
  }

  async #replay(): Promise<void> {
    const { url, log } = this.#options;
    while (this.#isReplayWanted && url !== undefined) {
      this.#isReplayWanted = false;
      try {
        await this.#get(`${url}/emit-logs`);
      } catch (err) {
        this.#failures.tell((times) => log.warn({ err, url, times }, 'no replay from the daemon'), 'replay');
      }
    }
  }

  async #get(url: string): Promise<string> {
    const limits = { headersTimeout: ANSWER_MS, bodyTimeout: ANSWER_MS, signal: AbortSignal.timeout(ANSWER_MS) };
    const { statusCode, body } = await request(url, limits);
    const text = await body.text();
    if (statusCode >= 300) throw new Error(`the daemon answered ${statusCode}`);
    return text;
  }
}

const isAlias = (value: unknown): boolean => typeof value === 'string' && ALIAS.test(value) && !value.includes('//');
