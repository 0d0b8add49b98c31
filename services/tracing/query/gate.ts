import type { Middleware } from 'koa';
import type { Clock } from '../../shared/clock.js';
import { Problem } from './problem.js';

/** Answers of some size that may be under way at a time. */
const MAX_ANSWERS = 16;
/** A client that does not read its answer in this time is cut off. */
const ANSWER_MS = 20_000;

/** Lets so many requests through at a time, until their answers have been read: an answer waits in memory for its reader. */
export function gate(clock: Clock): Middleware {
  let underWay = 0;
  return async (ctx, next) => {
    if (underWay >= MAX_ANSWERS) {
      throw new Problem(503, 'too many requests', 'too many answers are under way', { 'retry-after': '1' });
    }
    underWay += 1;
    const cancel = clock.wakeAt(clock.monotonic() + ANSWER_MS, () => ctx.res.destroy());
    ctx.res.once('close', () => {
      underWay -= 1;
      cancel();
    });
    await next();
  };
}
