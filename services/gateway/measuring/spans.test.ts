import { FakeClock } from '../../../test/support/fakeClock.js';
import { FineClock } from '../../shared/clock.js';
import { newTraceparent } from '../../shared/event.js';
import type { SpanFields, Tracing } from '../../shared/tracing.js';
import type { LoggedEvent } from '../delivery/log.js';
import type { SubscriptionRecord } from '../subscriptions/record.js';
import { DeliverySpans } from './spans.js';

const record = { id: 's1', endpointUri: 'https://consumer.example/path?key=secret' } as SubscriptionRecord;
const parent = newTraceparent().replace(/00$/, '01');

function start(perSecond = Infinity) {
  const clock = new FakeClock();
  const ended: { name: string; startMs: number; endMs: number; failure: string | undefined }[] = [];
  let left = perSecond;
  const begin = ({ name, startMs }: SpanFields) => ({
    traceparent: newTraceparent().replace(/00$/, '01'),
    set: () => {},
    end: (endMs: number, failure?: string) => void ended.push({ name, startMs, endMs, failure }),
  });
  const tracing: Tracing = { root: begin, child: (_, fields) => begin(fields), sample: () => (left -= 1) >= 0 };
  const logged = (seq: number): LoggedEvent =>
    ({
      seq,
      subject: 'ptp.events.n1.sync.sync-status.sync-state',
      traceparent: parent,
      received: { ms: clock.monotonic(), atMs: clock.now(), stalledMs: 0 },
      event: { id: `e${seq}`, traceparent: newTraceparent() },
    }) as LoggedEvent;
  return { clock, ended, logged, spans: new DeliverySpans(tracing, { clock, wall: new FineClock(clock) }) };
}

describe('the spans of a delivery', () => {
  it('keep their lengths when the wall clock is set meanwhile', () => {
    const { clock, ended, logged, spans } = start();
    const event = logged(1);
    const readAtMs = clock.now();
    clock.advance({ ms: 4 });
    const delivery = spans.begin(record, event);
    delivery?.beginPost(1, clock.monotonic());
    clock.now = () => 5;
    delivery?.endPost(204, clock.monotonic() + 7);
    delivery?.end('delivered', 1, clock.monotonic() + 8);
    expect(ended).toEqual([
      { name: 'POST', startMs: readAtMs + 4, endMs: readAtMs + 11, failure: undefined },
      {
        name: 'process ptp.events.{node}.sync.sync-status.sync-state',
        startMs: readAtMs,
        endMs: readAtMs + 12,
        failure: undefined,
      },
    ]);
  });

  it('are made of so many deliveries as tracing allows, and only below a sampled context', () => {
    const { logged, spans } = start(2);
    const unsampled = { ...logged(1), traceparent: parent.replace(/01$/, '00') };
    const { traceparent: _, ...untraced } = logged(2);
    expect([unsampled, untraced, logged(3), logged(4), logged(5)].map((one) => !!spans.begin(record, one))).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
  });

  it('are left unfinished when there are too many, and at the stop', () => {
    const { clock, ended, logged, spans } = start();
    const all = Array.from({ length: 1_025 }, (_, seq) => spans.begin(record, logged(seq)));
    expect(ended).toHaveLength(1);
    expect(ended[0]?.failure).toBe('not followed to its end');
    expect(all[0]?.beginPost(2, clock.monotonic())).toBeUndefined();
    expect(all[1]?.beginPost(2, clock.monotonic())).toMatch(/-01$/);
    all[2]?.end('delivered', 1, clock.monotonic());
    spans.stop();
    expect(ended).toHaveLength(1_025);
  });
});
