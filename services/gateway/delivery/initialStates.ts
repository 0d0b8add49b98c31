import { sleep } from '../../shared/clock.js';
import { eventSubject } from '../../shared/subjects.js';
import type { LaneSet } from './laneSet.js';
import type { SubscriberPorts, Target } from './ports.js';

/**
 * `first`: of a new subscription. Events wait for the state, and those up to the sequence it names are not needed.
 * `after`: whoever was subscribed already gets everything that is due, and then the state.
 */
export type StateOrder = 'first' | 'after';

/** Pauses between asking a node that does not answer: it may be starting, or gone for good. */
const FIRST_PAUSE_MS = 125;
const LONGEST_PAUSE_MS = 60_000;

interface Pending {
  target: Target;
  order: StateOrder;
  /** The node has been asked in vain. */
  isSilent: boolean;
}

/** The current states that a subscription is to be sent, until their nodes have answered. */
export class InitialStates {
  readonly #lanes: LaneSet;
  readonly #ports: SubscriberPorts;
  readonly #pending = new Map<string, Pending>();
  /** States are due, and which ones is still being found out. */
  #areDue = false;
  /** Events wait for those. */
  #comeFirst = false;
  #isAskingAgain = false;

  constructor(lanes: LaneSet, ports: SubscriberPorts) {
    this.#lanes = lanes;
    this.#ports = ports;
  }

  get isEmpty(): boolean {
    return !this.#areDue && this.#pending.size === 0;
  }

  /**
   * Whether an event of this subject has to wait for a state that was promised first. When the node was silent it does
   * not: the event is the node's newest state, and nothing is pending any more.
   */
  comesBefore(subject: string): boolean {
    const pending = this.#pending.get(subject);
    if (pending === undefined) return this.#areDue && this.#comeFirst;
    if (pending.isSilent) this.#pending.delete(subject);
    return !pending.isSilent && pending.order === 'first';
  }

  /** Everything the subscription is about. */
  async findAll(order: StateOrder): Promise<void> {
    this.#areDue = true;
    if (order === 'first') this.#comeFirst = true;
    const targets = await this.#lanes.ask(async () => this.#ports.targetsOf(this.#lanes.record));
    if (targets === 'stopped') return;
    this.#areDue = false;
    this.#comeFirst = false;
    const asked = this.askFor(targets, order);
    this.#lanes.awaitNoMore((subject) => this.#pending.get(subject)?.order === 'first');
    await asked;
  }

  /** At once; then those whose nodes were silent, again and again. */
  async askFor(targets: Target[], order: StateOrder): Promise<void> {
    const pending = targets.map((target): Pending => ({ target, order, isSilent: false }));
    for (const one of pending) this.#pending.set(eventSubject(one.target.node, one.target.path), one);
    if (order === 'after') await this.#lanes.attached();
    await Promise.all(pending.map((one) => this.#ask(one)));
    if (!this.#isAskingAgain) await this.#askAgain();
  }

  /** Asks the silent ones, after pauses that grow. What is pending beside them is asked for at once, by somebody else. */
  async #askAgain(): Promise<void> {
    const { signal } = this.#lanes;
    this.#isAskingAgain = true;
    for (let round = 1; this.#pending.size > 0 && !signal.aborted; round += 1) {
      const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(round, 10));
      await sleep(this.#ports.clock, pauseMs, signal);
      const silent = [...this.#pending.values()].filter(({ isSilent }) => isSilent);
      await Promise.all(silent.map((one) => this.#ask(one)));
    }
    this.#isAskingAgain = false;
  }

  async #ask({ target: { node, path }, order }: Pending): Promise<void> {
    const subject = eventSubject(node, path);
    const onAsk = (): void => this.#lanes.askingState(subject, order);
    const answer = await this.#ports.askState(node, path, onAsk, this.#lanes.signal);
    // What is due has to be in its lane, so that the state can find its place behind it.
    if (order === 'after') await this.#lanes.attached();
    // A node that does not answer is asked again; one that knows nothing will publish when it does.
    const pending = this.#pending.get(subject);
    if (answer.kind === 'silent' && pending !== undefined) pending.isSilent = true;
    else this.#pending.delete(subject);
    this.#lanes.takeState(subject, answer.kind === 'current' ? answer.event : undefined, order);
  }
}
