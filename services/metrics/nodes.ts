import type { Told, Written } from './nodeState.js';
import { beginsAnew, rememberedMs } from './remembered.js';
import type { Sample } from './sample.js';
import { WORDS } from './words.js';

/** A collector that answered is up for so long: two questions of 10 s apart may get lost. */
export const UP_MS = 25_000;
/** The value follows its event within milliseconds; after so long it is the truth, whatever the event said. */
const EVENT_AHEAD_MS = 10_000;

/** Wall clock and monotonic clock, ms. */
export interface Instant {
  now: number;
  monotonic: number;
}

/** One resource of one node: its worst word now, and what was counted of each. */
interface Resource {
  words: readonly string[];
  /** One for each word, made once. */
  labels: Record<string, string>[];
  sequence: number;
  /** When an event was last heard of it, monotonic. */
  toldAt: number;
  /** The word of every clock; undefined until a value has told of all of them. */
  clocks: Map<string, string> | undefined;
  /** Index of the worst word; undefined while nothing is known. */
  worst: number | undefined;
  /** The worst word that was known last. */
  last: number | undefined;
  transitions: number[];
  seconds: number[];
}

interface Node {
  labels: Record<string, string>;
  /** Monotonic: of its last answer; and of the last sign of it, a value for example. */
  seenAt: number | undefined;
  notedAt: number;
  /** Monotonic: of its first answer. */
  firstSeenAt: number | undefined;
  /** How long it had lived when its value was written, as far as that tells. */
  livedMs: number | undefined;
  /** Somebody has said that it is gone for good; an answer or a new value proves the contrary. */
  isForgotten: boolean;
  /** Wall clock of its last answer. */
  seenAtMs: number;
  /** Up to where the time in its states is counted, monotonic. */
  countedTo: number;
  hasValue: boolean;
  resources: Map<string, Resource>;
}

/**
 * What is known of every node: whether its collector is up, its states, how often they changed and how long they lasted.
 * A node that shows no sign for `forgetAfterMs`, or for as long as it lived, has no series any more; there are at most
 * `maxNodes`.
 */
export class Nodes {
  readonly #limits: { maxNodes: number; forgetAfterMs: number };
  readonly #nodes = new Map<string, Node>();
  /**
   * Since when nodes have been asked without a break, monotonic; undefined while nobody can be asked. As long as it is less
   * than UP_MS, silence means nothing.
   */
  askedSince: number | undefined;

  constructor(limits: { maxNodes: number; forgetAfterMs: number }) {
    this.#limits = limits;
  }

  /** The nodes whose states are known. */
  get written(): string[] {
    return [...this.#nodes].filter(([, { hasValue }]) => hasValue).map(([name]) => name);
  }

  /** A node's collector has answered. False: there are too many nodes. */
  heard(name: string, at: Instant): boolean {
    const node = this.#node(name, at);
    if (node === undefined) return false;
    const wasUp = isUp(node, at.monotonic);
    countSeconds(node, at.monotonic);
    if (!wasUp) node.countedTo = at.monotonic;
    if (beginsAnew(at.monotonic - node.notedAt, lifeOf(node), this.#limits.forgetAfterMs)) {
      node.firstSeenAt = undefined;
      node.livedMs = undefined;
    }
    node.firstSeenAt ??= at.monotonic;
    node.isForgotten = false;
    node.seenAt = at.monotonic;
    node.seenAtMs = at.now;
    node.notedAt = at.monotonic;
    return true;
  }

  /**
   * A node's value in ptp_states. False: there are too many nodes.
   * @param livedMs how long the node had lived by then, where the value tells
   */
  wrote(name: string, written: ReadonlyMap<string, Written>, at: Instant, livedMs?: number): boolean {
    const node = this.#node(name, at);
    if (node === undefined) return false;
    node.livedMs ??= livedMs;
    node.isForgotten = false;
    countSeconds(node, at.monotonic);
    node.hasValue = true;
    node.notedAt = at.monotonic;
    for (const [path, { sequence, clocks }] of written) {
      const resource = resourceOf(node, path);
      if (resource === undefined) continue;
      const isBehind = sequence < resource.sequence && at.monotonic - resource.toldAt < EVENT_AHEAD_MS;
      if (isBehind) continue;
      resource.sequence = sequence;
      resource.clocks = clocks;
      judge(resource);
    }
    for (const [path, resource] of node.resources) if (!written.has(path)) forget(resource);
    return true;
  }

  /**
   * An event. It speaks about one clock, so it counts once the value has told of the others; from then on events show
   * every change, where values may skip some.
   */
  told(name: string, path: string, { sequence, clock, word }: Told, at: Instant): void {
    const node = this.#nodes.get(name);
    const resource = node?.resources.get(path);
    if (node === undefined || resource?.clocks === undefined || sequence <= resource.sequence) return;
    countSeconds(node, at.monotonic);
    resource.sequence = sequence;
    resource.toldAt = at.monotonic;
    if (word === undefined) resource.clocks.delete(clock);
    else resource.clocks.set(clock, word);
    judge(resource);
  }

  /** A node's value is no longer in ptp_states. */
  erased(name: string, at: Instant): void {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    countSeconds(node, at.monotonic);
    node.hasValue = false;
    for (const resource of node.resources.values()) forget(resource);
  }

  /** Somebody has deleted what was known of a node: it has no series any more, as soon as it is not up. */
  forgotten(name: string, at: Instant): void {
    this.erased(name, at);
    const node = this.#nodes.get(name);
    if (node !== undefined) node.isForgotten = true;
  }

  /** Whether anything is known of a node. */
  has(name: string): boolean {
    return this.#nodes.has(name);
  }

  /** 1 for the worst state of each resource and 0 for its other words, of nodes that are up. */
  states({ monotonic }: Instant): Sample[] {
    return samplesOf(
      this.#remembered(monotonic),
      ({ worst }, i) => (i === worst ? 1 : 0),
      (node, { worst }) => isUp(node, monotonic) && worst !== undefined,
    );
  }

  transitions({ monotonic }: Instant): Sample[] {
    return samplesOf(this.#remembered(monotonic), ({ transitions }, i) => transitions[i] ?? 0);
  }

  seconds({ monotonic }: Instant): Sample[] {
    const nodes = this.#remembered(monotonic);
    for (const node of nodes) countSeconds(node, monotonic);
    return samplesOf(nodes, ({ seconds }, i) => seconds[i] ?? 0);
  }

  /** 1 or 0; nothing of a node that is silent but was not asked for long enough. */
  up({ monotonic }: Instant): Sample[] {
    const isSilenceTold = this.askedSince !== undefined && monotonic - this.askedSince > UP_MS;
    return this.#remembered(monotonic).flatMap((node) => {
      if (isUp(node, monotonic)) return [{ labels: node.labels, value: 1 }];
      return isSilenceTold ? [{ labels: node.labels, value: 0 }] : [];
    });
  }

  /** Seconds since 1970 of the last answer. */
  lastSeen({ monotonic }: Instant): Sample[] {
    return this.#remembered(monotonic)
      .filter(({ seenAt }) => seenAt !== undefined)
      .map(({ labels, seenAtMs }) => ({ labels, value: seenAtMs / 1_000 }));
  }

  /** Those whose value is still there are only passed over: should the collector come back, it need not write it again. */
  #remembered(monotonic: number): Node[] {
    const nodes: Node[] = [];
    const { forgetAfterMs } = this.#limits;
    for (const [name, node] of this.#nodes) {
      const silentMs = monotonic - node.notedAt;
      const isGone = node.isForgotten && !isUp(node, monotonic);
      if (!isGone && silentMs <= rememberedMs(lifeOf(node), forgetAfterMs)) nodes.push(node);
      // One that soon comes back is remembered from its first time on.
      else if (isGone || (silentMs > forgetAfterMs && !node.hasValue)) this.#nodes.delete(name);
    }
    return nodes;
  }

  #node(name: string, { monotonic }: Instant): Node | undefined {
    const known = this.#nodes.get(name);
    if (known) return known;
    if (this.#nodes.size >= this.#limits.maxNodes && !this.#makeRoom(monotonic)) return undefined;
    const node: Node = {
      labels: { node: name },
      seenAt: undefined,
      firstSeenAt: undefined,
      livedMs: undefined,
      isForgotten: false,
      seenAtMs: 0,
      notedAt: monotonic,
      countedTo: monotonic,
      hasValue: false,
      resources: new Map(),
    };
    this.#nodes.set(name, node);
    return node;
  }

  #makeRoom(monotonic: number): boolean {
    const left = [...this.#nodes].find(([, { notedAt }]) => monotonic - notedAt > this.#limits.forgetAfterMs);
    return left !== undefined && this.#nodes.delete(left[0]);
  }
}

/** A sample for each word of each resource, in plain loops: there are tens of thousands. */
function samplesOf(
  nodes: Node[],
  valueOf: (resource: Resource, word: number) => number,
  isShown: (node: Node, resource: Resource) => boolean = () => true,
): Sample[] {
  const samples: Sample[] = [];
  for (const node of nodes) {
    for (const resource of node.resources.values()) {
      if (!isShown(node, resource)) continue;
      for (const [i, labels] of resource.labels.entries()) samples.push({ labels, value: valueOf(resource, i) });
    }
  }
  return samples;
}

/** From its first to its last sign; undefined: it is not known. */
function lifeOf({ firstSeenAt, notedAt, livedMs }: Node): number | undefined {
  if (firstSeenAt === undefined) return livedMs;
  return Math.max(livedMs ?? 0, notedAt - firstSeenAt);
}

const isUp = ({ seenAt }: Node, monotonic: number): boolean => seenAt !== undefined && monotonic - seenAt <= UP_MS;

/** Adds the time since the last call to the states that the node was in, as far as its collector was up. */
function countSeconds(node: Node, monotonic: number): void {
  if (node.seenAt === undefined) return;
  const end = Math.min(monotonic, node.seenAt + UP_MS);
  if (end <= node.countedTo) return;
  const seconds = (end - node.countedTo) / 1_000;
  node.countedTo = end;
  for (const resource of node.resources.values()) {
    if (resource.worst !== undefined)
      resource.seconds[resource.worst] = (resource.seconds[resource.worst] ?? 0) + seconds;
  }
}

/** undefined for what has no state words. */
function resourceOf(node: Node, path: string): Resource | undefined {
  const known = node.resources.get(path);
  const words = WORDS.get(path);
  if (known !== undefined || words === undefined) return known;
  const resource: Resource = {
    words,
    labels: words.map((state) => ({ ...node.labels, resource: path, state })),
    sequence: -1,
    toldAt: -Infinity,
    clocks: undefined,
    worst: undefined,
    last: undefined,
    transitions: words.map(() => 0),
    seconds: words.map(() => 0),
  };
  node.resources.set(path, resource);
  return resource;
}

/** Finds the worst word, and counts when it is another one than before. */
function judge(resource: Resource): void {
  const indices = Array.from(resource.clocks?.values() ?? [], (word) => resource.words.indexOf(word));
  resource.worst = indices.length === 0 ? undefined : Math.min(...indices);
  if (resource.worst === undefined) return;
  if (resource.last !== undefined && resource.last !== resource.worst) {
    resource.transitions[resource.worst] = (resource.transitions[resource.worst] ?? 0) + 1;
  }
  resource.last = resource.worst;
}

function forget(resource: Resource): void {
  resource.clocks = undefined;
  resource.worst = undefined;
}
