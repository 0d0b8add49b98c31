import type { Logger } from 'pino';

/** Longest time one closing step may take. */
const STEP_MS = 3_000;

interface Step {
  name: string;
  close: () => unknown;
}

/**
 * What has to be closed, in reverse order of opening. Whoever opens something says on the next line how it closes.
 */
export class Lifecycle {
  readonly #log: Logger;
  readonly #steps: Step[] = [];
  #stopping: Promise<void> | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  onStop(name: string, close: () => unknown): void {
    this.#steps.push({ name, close });
  }

  /** Closes everything; a step that fails or hangs is named in the log and does not keep the others open. */
  stop(): Promise<void> {
    this.#stopping ??= this.#closeAll();
    return this.#stopping;
  }

  async #closeAll(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      let timer: NodeJS.Timeout | undefined;
      try {
        const late = new Promise<never>((_, reject) => {
          timer = setTimeout(() => reject(new Error(`not closed within ${STEP_MS} ms`)), STEP_MS);
        });
        await Promise.race([step.close(), late]);
      } catch (err) {
        this.#log.error({ err, step: step.name }, 'could not close');
      } finally {
        clearTimeout(timer);
      }
    }
  }
}
