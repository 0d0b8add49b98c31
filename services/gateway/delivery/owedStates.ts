import { sleep } from '../../shared/clock.js';
import { eventSubject } from '../../shared/subjects.js';
import type { Serving, Target } from './served.js';
import type { Work } from './work.js';

/** Pauses between asking a node that does not answer: it may be starting, or gone for good. */
const FIRST_PAUSE_MS = 125;
const LONGEST_PAUSE_MS = 60_000;

/** The current states that a subscription is to be sent, until their nodes have answered. */
export class OwedStates {
  readonly #work: Work;
  readonly #serving: Serving;
  /** By subject, and whether the node has been asked in vain. */
  readonly #owed = new Map<string, { target: Target; isSilent: boolean }>();
  /** States are due, and which ones is still being found out. */
  #areDue = false;
  #isAskingAgain = false;

  constructor(work: Work, serving: Serving) {
    this.#work = work;
    this.#serving = serving;
  }

  get isEmpty(): boolean {
    return !this.#areDue && this.#owed.size === 0;
  }

  /**
   * Whether an event of this subject has to wait for a state that was promised first. When the node was silent it does
   * not: the event is the node's newest state, and nothing is owed any more.
   */
  comesBefore(subject: string): boolean {
    const owed = this.#owed.get(subject);
    if (!owed?.isSilent) return owed !== undefined || this.#areDue;
    this.#owed.delete(subject);
    return false;
  }

  /** Everything the subscription is about. */
  async findAll(): Promise<void> {
    this.#areDue = true;
    const targets = await this.#work.ask(async () => this.#serving.targetsOf(this.#work.record));
    if (targets === 'stopped') return;
    this.#areDue = false;
    const asked = this.askFor(targets);
    this.#work.awaitNoMore((subject) => this.#owed.has(subject));
    await asked;
  }

  /** At once; then those whose nodes were silent, again and again. */
  async askFor(targets: Target[]): Promise<void> {
    for (const target of targets) {
      this.#owed.set(eventSubject(target.node, target.path), { target, isSilent: false });
    }
    await Promise.all(targets.map((target) => this.#ask(target)));
    if (!this.#isAskingAgain) await this.#askAgain();
  }

  /** Asks the silent ones, after pauses that grow. What is owed beside them is asked for at once, by somebody else. */
  async #askAgain(): Promise<void> {
    const { signal } = this.#work;
    this.#isAskingAgain = true;
    for (let round = 1; this.#owed.size > 0 && !signal.aborted; round += 1) {
      const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(round, 10));
      await sleep(this.#serving.clock, pauseMs, signal);
      const silent = [...this.#owed.values()].filter(({ isSilent }) => isSilent);
      await Promise.all(silent.map(({ target }) => this.#ask(target)));
    }
    this.#isAskingAgain = false;
  }

  async #ask({ node, path }: Target): Promise<void> {
    const subject = eventSubject(node, path);
    const answer = await this.#serving.askState(node, path, () => this.#work.awaitState(subject));
    // A node that does not answer is asked again; one that knows nothing will publish when it does.
    const owed = this.#owed.get(subject);
    if (answer.kind === 'silent' && owed !== undefined) owed.isSilent = true;
    else this.#owed.delete(subject);
    this.#work.takeState(subject, answer.kind === 'current' ? answer.event : undefined);
  }
}
