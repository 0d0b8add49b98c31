import type { ClockState } from '../parse/observation.js';
import { worse, type Clock } from './clock.js';

/** sync-state: the worst of all clocks whose state is known (decision a). */
export function worstOf(clocks: Iterable<Clock>): ClockState | undefined {
  let worst: ClockState | undefined;
  for (const { state } of clocks) worst = worse(worst, state);
  return worst;
}
