import { sleep } from '../../shared/clock.js';
import { eventSubject } from '../../shared/subjects.js';
import type { Serving, Target } from './served.js';
import type { Work } from './work.js';

/**
 * `first`: of a new subscription. Events wait for the state, and those up to the sequence it names are not needed.
 * `after`: whoever was subscribed already gets everything that is due, and then the state.
 */
export type StateOrder = 'first' | 'after';

/** Pauses between asking a node that does not answer: it may be starting, or gone for good. */
const FIRST_PAUSE_MS = 125;
const LONGEST_PAUSE_MS = 60_000;

interface Owed {
  target: Target;
  order: StateOrder;
  /** The node has been asked in vain. */
  isSilent: boolean;
}

/** The current states that a subscription is to be sent, until their nodes have answered. */
export class OwedStates {
  readonly #work: Work;
  readonly #serving: Serving;
  readonly #owed = new Map<string, Owed>();
  /** States are due, and which ones is still being found out. */
  #areDue = false;
  /** Events wait for those. */
  #comeFirst = false;
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
    if (owed === undefined) return this.#areDue && this.#comeFirst;
    if (owed.isSilent) this.#owed.delete(subject);
    return !owed.isSilent && owed.order === 'first';
  }

  /** Everything the subscription is about. */
  async findAll(order: StateOrder): Promise<void> {
    this.#areDue = true;
    if (order === 'first') this.#comeFirst = true;
    const targets = await this.#work.ask(async () => this.#serving.targetsOf(this.#work.record));
    if (targets === 'stopped') return;
    this.#areDue = false;
    this.#comeFirst = false;
    const asked = this.askFor(targets, order);
    this.#work.awaitNoMore((subject) => this.#owed.get(subject)?.order === 'first');
    await asked;
  }

  /** At once; then those whose nodes were silent, again and again. */
  async askFor(targets: Target[], order: StateOrder): Promise<void> {
    const owed = targets.map((target): Owed => ({ target, order, isSilent: false }));
    for (const one of owed) this.#owed.set(eventSubject(one.target.node, one.target.path), one);
    if (order === 'after') await this.#work.attached();
    await Promise.all(owed.map((one) => this.#ask(one)));
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
      await Promise.all(silent.map((one) => this.#ask(one)));
    }
    this.#isAskingAgain = false;
  }

  async #ask({ target: { node, path }, order }: Owed): Promise<void> {
    const subject = eventSubject(node, path);
    const onAsk = (): void => this.#work.askingState(subject, order);
    const answer = await this.#serving.askState(node, path, onAsk, this.#work.signal);
    // What is due has to be in its lane, so that the state can find its place behind it.
    if (order === 'after') await this.#work.attached();
    // A node that does not answer is asked again; one that knows nothing will publish when it does.
    const owed = this.#owed.get(subject);
    if (answer.kind === 'silent' && owed !== undefined) owed.isSilent = true;
    else this.#owed.delete(subject);
    this.#work.takeState(subject, answer.kind === 'current' ? answer.event : undefined, order);
  }
}
