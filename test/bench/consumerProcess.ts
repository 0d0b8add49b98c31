import type { Arrivals } from './consumer.js';
import { benchProgram, type Program } from './programs.js';

const LONGEST_MS = 180_000;

/** The consumer process, and what it says. */
export class Consumer {
  readonly program: Program;
  /** One for each origin. */
  readonly urls: readonly string[];

  static async start(origins = 1): Promise<Consumer> {
    const program = benchProgram('consumer', 'consumer.js', [String(origins)], true);
    const ports = (await program.firstLine()).split(',');
    return new Consumer(
      program,
      ports.map((port) => `http://127.0.0.1:${port}/event`),
    );
  }

  private constructor(program: Program, urls: readonly string[]) {
    this.program = program;
    this.urls = urls;
  }

  get url(): string {
    return this.urls[0] ?? '';
  }

  /** Forgets what came so far. */
  async reset(): Promise<void> {
    const done = this.#answer();
    this.program.child.send({ reset: true });
    await done;
  }

  /** Everything that came since the reset, once it is at least `count` events. Rejects after three minutes. */
  arrived(count: number): Promise<Arrivals> {
    const answer = this.#answer() as Promise<Arrivals>;
    this.program.child.send({ expect: count });
    return answer;
  }

  end(): Promise<void> {
    return this.program.end();
  }

  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the consumer has not had its events within 3 min')), LONGEST_MS);
      this.program.child.once('message', (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  }
}
