import type { Consumer } from './consumerProcess.js';
import { firstMs, lastMs } from './delays.js';
import { message } from './events.js';
import { benchProgram, type Program } from './programs.js';
import { measured } from './systems.js';

/** Connections of an origin: as many as the gateway uses. */
const CONNECTIONS = 16;
const { body } = message('bench-node', 1);

export interface PostsDone {
  perSecond: number;
  /** From the first POST's start, ms. */
  firstMs: number;
  lastMs: number;
  cpuUs: Record<string, number>;
}

/** Plain undici POSTs in a process of their own: the floor of whatever only posts. */
export class Poster {
  readonly #program: Program;
  readonly #consumer: Consumer;

  static async start(consumer: Consumer): Promise<Poster> {
    const program = benchProgram('poster', 'floor/poster.js', [consumer.url], true);
    await program.firstLine();
    const poster = new Poster(program, consumer);
    await poster.#ask({ count: 1, warmUp: true });
    return poster;
  }

  private constructor(program: Program, consumer: Consumer) {
    this.#program = program;
    this.#consumer = consumer;
  }

  async post(count: number): Promise<PostsDone> {
    await this.#consumer.reset();
    const { result: startedMs, cpuUs } = await measured([this.#program], count, () => this.#ask({ count }));
    const { events } = await this.#consumer.arrived(count);
    const took = lastMs(events) - startedMs;
    return {
      perSecond: count / (took / 1_000),
      firstMs: firstMs(events) - startedMs,
      lastMs: took,
      cpuUs: { gateway: cpuUs['poster'] ?? NaN },
    };
  }

  end(): Promise<void> {
    return this.#program.end('SIGKILL');
  }

  #ask(posts: { count: number; warmUp?: true }): Promise<number> {
    return new Promise((resolve) => {
      this.#program.child.once('message', (answer) => resolve((answer as { startedMs: number }).startedMs));
      this.#program.child.send({ ...posts, atOnce: CONNECTIONS, body });
    });
  }
}
