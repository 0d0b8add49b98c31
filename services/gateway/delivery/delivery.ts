import type { PtpEvent } from '../../shared/event.js';
import type { OriginState } from '../push/originLimiter.js';
import type { Request } from '../push/request.js';
import type { DeliverySpan } from '../measuring/spans.js';
import type { Lane } from './lane.js';
import type { LaneSet } from './laneSet.js';
import type { LoggedEvent } from './log.js';
import type { Stage } from './stage.js';

/**
 * One event, or one current state, on its way to one subscription: from the moment its lane begins it until it is settled.
 * The stages that it passes keep on it what they need, so that nothing else has to be made for it.
 */
export class Delivery {
  readonly lanes: LaneSet;
  readonly lane: Lane;
  readonly event: PtpEvent;
  /** Where it is in the log; undefined for a current state. */
  readonly logged: LoggedEvent | undefined;
  /** From 1. */
  attempt = 0;
  /** Events of this resource given up since the last delivery; `unknown` when the log has lost some. */
  missed: number | 'unknown' = 0;
  /** The stage in which it waits; undefined while it is posted. */
  waitsIn: Stage | undefined;
  /** Ends the wait for the next attempt. */
  cancelRetry: (() => void) | undefined;
  origin: OriginState | undefined;
  /** Its attempt has taken so long that others do not wait for it. */
  isSlow = false;
  /** Path and query of the endpoint. */
  path = '/';
  request: Request<Delivery> | undefined;
  // Monotonic ms.
  firstPostMs = 0;
  postMs = 0;
  answeredMs = 0;
  span: DeliverySpan | undefined;

  constructor(lanes: LaneSet, lane: Lane, event: PtpEvent, logged: LoggedEvent | undefined) {
    this.lanes = lanes;
    this.lane = lane;
    this.event = event;
    this.logged = logged;
  }
}
