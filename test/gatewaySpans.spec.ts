import { randomBytes } from 'node:crypto';
import { startBroker, type Broker } from './support/broker.js';
import { startConsumer, type Consumer } from './support/consumer.js';
import { eventually } from './support/eventually.js';
import { startOtlpSink, type ExportedSpan, type OtlpSink } from './support/otlpSink.js';
import { startPublisher, type Publisher } from './support/publisher.js';
import { listenForReceipts } from './support/receipts.js';
import { startTestGateway, subscribe, type Gateway } from './support/services.js';

const LOCK_STATE = '/sync/ptp-status/lock-state';

/** A trace context as a collector sends it in the header, in the trace of an event or in another. */
const sent = (traceId = randomBytes(16).toString('hex'), flags = '01'): string =>
  `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}`;
const traceIdOf = (traceparent: string): string => traceparent.split('-')[1] ?? '';
const spanIdOf = (traceparent: string): string => traceparent.split('-')[2] ?? '';

/** When it began and ended, ns. */
const times = (span: ExportedSpan): [bigint, bigint] => [BigInt(span.startTimeUnixNano), BigInt(span.endTimeUnixNano)];

describe('a delivery that is traced', () => {
  let broker: Broker;
  let sink: OtlpSink;
  let publisher: Publisher;
  let consumer: Consumer;
  let gateway: Gateway;

  beforeEach(async () => {
    broker = await startBroker();
    sink = await startOtlpSink();
    consumer = await startConsumer();
    gateway = await startTestGateway(broker.url, { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint });
    publisher = await startPublisher(broker.url);
  });
  afterEach(async () => {
    await gateway.stop();
    await publisher.close();
    await consumer.close();
    await sink.close();
    await broker.close();
  });

  const spansOf = (traceparent: string, name: string): ExportedSpan[] =>
    sink.spans.filter((span) => span.traceId === traceIdOf(traceparent) && span.name.startsWith(name));

  it('has a process span below what was sent, linked to the creation, and a POST span per attempt', async () => {
    const answer = await subscribe(gateway.api, `/cluster/node/n1.example${LOCK_STATE}`, `${consumer.url}?key=secret`);
    const { id } = (await answer.json()) as { id: string };
    const answers = [503];
    consumer.answer((res) => void res.writeHead(answers.shift() ?? 204).end());
    const traceparent = sent();
    const event = await publisher.lockState('n1.example', 'LOCKED', 0, { traceparent });
    const process = await eventually(() => spansOf(traceparent, 'process')[0]);
    const posts = spansOf(traceparent, 'POST');

    expect(process).toMatchObject({
      name: 'process ptp.events.{node}.sync.ptp-status.lock-state',
      kind: 5,
      parentSpanId: spanIdOf(traceparent),
      links: [{ traceId: traceIdOf(event.traceparent), spanId: spanIdOf(event.traceparent) }],
      attributes: {
        'messaging.system': 'nats',
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.destination.name': 'ptp.events.n1_example.sync.ptp-status.lock-state',
        'messaging.destination.template': 'ptp.events.{node}.sync.ptp-status.lock-state',
        'messaging.message.id': event.id,
        'cloudevents.event_id': event.id,
        'cloudevents.event_type': event.type,
        'cloudevents.event_source': event.source,
        'ptp.node': 'n1.example',
        'ptp.resource': LOCK_STATE,
        'ptp.subscription.id': id,
        'ptp.delivery.outcome': 'retried',
        'ptp.delivery.attempts': 2,
      },
    });
    const { port } = new URL(consumer.url);
    const request = {
      'http.request.method': 'POST',
      'server.address': '127.0.0.1',
      'server.port': Number(port),
      'ptp.subscription.id': id,
    };
    expect(posts.map(({ attributes, kind, parentSpanId }) => ({ attributes, kind, parentSpanId }))).toEqual([
      {
        kind: 3,
        parentSpanId: process.spanId,
        attributes: { ...request, 'http.response.status_code': 503, 'error.type': '503' },
      },
      {
        kind: 3,
        parentSpanId: process.spanId,
        attributes: { ...request, 'http.response.status_code': 204, 'http.request.resend_count': 1 },
      },
    ]);
    expect(posts.map(({ status }) => status)).toMatchObject([{ code: 2, message: 'answered 503' }, { code: 0 }]);
    // The process span is around its attempts.
    const [begins, ends] = times(process);
    for (const [began, ended] of posts.map(times)) {
      expect(began > begins && ended >= began && ended <= ends).toBe(true);
    }
    expect(consumer.received.map(({ headers }) => headers['traceparent'])).toEqual(
      posts.map((post) => `00-${post.traceId}-${post.spanId}-01`),
    );
    expect(JSON.stringify(sink.spans)).not.toMatch(/secret|\/event/);
  });

  it('is not made of what its collector did not sample, of garbage, and of what has no context', async () => {
    await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
    const contexts = [sent(undefined, '00'), 'garbage', undefined];
    for (const traceparent of contexts) {
      const event = await publisher.lockState('n1', 'LOCKED', 0, traceparent === undefined ? {} : { traceparent });
      await eventually(() => consumer.accepted.at(-1)?.headers['traceparent'] === event.traceparent);
    }
    const last = sent();
    await publisher.lockState('n1', 'LOCKED', 0, { traceparent: last });
    await eventually(() => spansOf(last, 'process').length === 1);
    expect(sink.spans.map(({ traceId }) => traceId)).toEqual([traceIdOf(last), traceIdOf(last)]);
  });

  it('has its parent also when the event is read from the log again, after a restart', async () => {
    const listener = await listenForReceipts(broker.url);
    await subscribe(gateway.api, `/cluster/node/n1${LOCK_STATE}`, consumer.url);
    await consumer.goAway();
    const traceparent = sent();
    const event = await publisher.lockState('n1', 'LOCKED', 0, { traceparent });
    await eventually(() => listener.tails(event).length === 1);
    await gateway.stop();
    gateway = await startTestGateway(broker.url, { OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint });
    await consumer.comeBack();

    const { delivery } = await eventually(() => listener.deliveries(event)[0]);
    expect(delivery).not.toHaveProperty('queueMs');
    expect(listener.tails(event)).toHaveLength(1);
    const processes = await eventually(() => {
      const both = spansOf(traceparent, 'process');
      return both.length === 2 ? both : undefined;
    });
    expect(processes.map(({ parentSpanId }) => parentSpanId)).toEqual(Array(2).fill(spanIdOf(traceparent)));
    expect(processes[0]?.status).toMatchObject({ code: 2, message: 'not followed to its end' });
    expect(processes[1]?.attributes).toHaveProperty(['ptp.delivery.outcome']);
    const failures = spansOf(traceparent, 'POST').map(({ attributes }) => attributes['error.type']);
    expect(new Set(failures)).toEqual(new Set(['connection', undefined]));
    await listener.close();
  });
});
