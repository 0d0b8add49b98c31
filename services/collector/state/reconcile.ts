import type { ClockState } from '../parse/observation.js';
import type { Change } from './change.js';
import { worse, type Instant, type Told } from './clock.js';
import { changeKey, changeWord, clockKey } from './key.js';
import type { NodeClocks } from './nodeClocks.js';
import { restore, type SavedNode } from './restore.js';

export interface HeldChange {
  change: Change;
  at: Told;
}

interface Known {
  word: string;
  /** Set for clocks that can count for the overall state. */
  counts: { config: string; process: string } | undefined;
}

/**
 * Joins what lines have told since the start with what was known before: a state that was known is no change, and the
 * overall state takes in the clocks that have not been heard yet. Returns what is really new, in order.
 * @param overall the overall state that was published last
 */
export function reconcile(
  node: NodeClocks,
  saved: SavedNode,
  overall: ClockState | undefined,
  held: readonly HeldChange[],
  at: Instant,
): HeldChange[] {
  const known = new Map<string, Known>();
  for (const { resource, clock } of saved.clocks) {
    known.set(clockKey(resource, clock), { word: clock.word, counts: countsIn(resource, clock) });
  }
  restore(node, saved, at);
  node.overall = overall;
  const news: HeldChange[] = [];
  for (const { change, at: heardAt } of held) {
    if (change.resource === 'syncState') continue;
    const key = changeKey(change);
    if (known.get(key)?.word === changeWord(change)) continue;
    known.set(key, { word: changeWord(change), counts: countsIn(change.resource, change) });
    news.push({ change, at: heardAt });
    const worst = worstKnown(known.values());
    if (worst === undefined || worst === node.overall) continue;
    node.overall = worst;
    node.overallSince = heardAt.now;
    news.push({ change: { resource: 'syncState', state: worst }, at: heardAt });
  }
  return [...news, ...node.repeatDowns(at).map((change) => ({ change, at }))];
}

function countsIn(resource: string, clock: { config: string; process?: string }): Known['counts'] {
  const isCounted = resource === 'lockState' || resource === 'osClockSyncState';
  return isCounted ? { config: clock.config, process: clock.process ?? '' } : undefined;
}

/** Decision a, over what is known by name only. */
function worstKnown(known: Iterable<Known>): ClockState | undefined {
  const clocks = [...known].filter(({ counts }) => counts !== undefined);
  const judged = new Set(
    clocks
      .filter(({ counts }) => counts?.process === 'GM' || counts?.process === 'T-BC')
      .map(({ counts }) => counts?.config),
  );
  let worst: ClockState | undefined;
  for (const { word, counts } of clocks) {
    const isFigureOnly = counts?.process === 'ptp4l' || counts?.process === 'ts2phc';
    if (isFigureOnly && judged.has(counts?.config)) continue;
    worst = worse(worst, word as ClockState);
  }
  return worst;
}
