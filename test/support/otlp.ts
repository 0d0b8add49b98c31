import protobuf from 'protobufjs';
import { otlp } from '../../services/shared/contract/otlp.js';

export interface TestSpan {
  traceId?: string;
  spanId?: string;
  parentSpanId?: string;
  name?: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind?: number;
  /** ms after START_MS. */
  atMs?: number;
  tookMs?: number;
  attributes?: Record<string, string | number | boolean>;
  links?: { traceId: string; spanId: string }[];
  /** Makes it an error. */
  error?: string;
  /** Anything else of the JSON form, or other values for what is above. */
  more?: Record<string, unknown>;
}

export const START_MS = 1_700_000_000_000;

let ids = 0;
const id = (digits: number): string => (ids += 1).toString(16).padStart(digits, '0');
export const newTraceId = (): string => id(32);

const anyValue = (value: string | number | boolean): object => {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
};

const keyValues = (attributes: Record<string, string | number | boolean>): object[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));

const nanos = (ms: number): string => String(BigInt(Math.round(ms * 1_000)) * 1_000n);

/** A span in OTLP's JSON. */
export function otlpSpan({ atMs = 0, tookMs = 1, ...span }: TestSpan = {}): Record<string, unknown> {
  return {
    traceId: span.traceId ?? newTraceId(),
    spanId: span.spanId ?? id(16),
    parentSpanId: span.parentSpanId ?? '',
    name: span.name ?? 'work',
    kind: span.kind ?? 1,
    startTimeUnixNano: nanos(START_MS + atMs),
    endTimeUnixNano: nanos(START_MS + atMs + tookMs),
    attributes: keyValues(span.attributes ?? {}),
    links: span.links ?? [],
    ...(span.error !== undefined && { status: { code: 2, message: span.error } }),
    ...span.more,
  };
}

/** A request with the spans of one service. */
export const otlpRequest = (spans: Record<string, unknown>[], service = 'ptp-collector'): Record<string, unknown> => ({
  resourceSpans: [
    {
      resource: { attributes: keyValues({ 'service.name': service, 'service.instance.id': `${service}-1` }) },
      scopeSpans: [{ scope: { name: 'test' }, spans }],
    },
  ],
});

const root = protobuf.Root.fromJSON(otlp);
const requestType = root.lookupType('ExportTraceServiceRequest');
const hexToBase64 = (value: unknown): unknown =>
  typeof value === 'string' ? Buffer.from(value, 'hex').toString('base64') : value;

/** The same request in protobuf. */
export function toProtobuf(request: Record<string, unknown>): Buffer {
  const withIds = JSON.parse(JSON.stringify(request), (key, value: unknown) =>
    ['traceId', 'spanId', 'parentSpanId'].includes(key) ? hexToBase64(value) : value,
  ) as Record<string, unknown>;
  return Buffer.from(requestType.encode(requestType.fromObject(withIds)).finish());
}

/** An answer of the receiver in protobuf: `ExportTraceServiceResponse`, or `google.rpc.Status`. */
export const fromProtobuf = (type: 'ExportTraceServiceResponse' | 'google.rpc.Status', body: Uint8Array): object => {
  const found = root.lookupType(type);
  return found.toObject(found.decode(body), { longs: Number });
};

export const SUBSCRIPTION = '0c3f7a52-8a61-4a92-9d27-4a9b4e1d6a11';

/** The spans of an event that one subscription was delivered, as collector and gateway make them (observability/README.md). */
export function deliverySpans({
  event = 'event-1',
  traceId = newTraceId(),
  subscription = SUBSCRIPTION,
  state = 'LOCKED',
  outcome = 'delivered',
  /** Added to the gateway's wall clock. */
  gatewayAheadMs = 0,
  postMs = 2,
  /** As the collector measured it; absent: it made no `receive` span. */
  receive = undefined as Record<string, string | number> | undefined,
} = {}): { collector: Record<string, unknown>[]; gateway: Record<string, unknown>[] } {
  const [create, send, process, post] = [id(16), id(16), id(16), id(16)];
  const about = { 'messaging.system': 'nats', 'messaging.message.id': event, 'cloudevents.event_id': event };
  const place = { 'ptp.node': 'compute-1', 'ptp.resource': '/sync/ptp-status/lock-state' };
  const template = 'ptp.events.{node}.sync.ptp-status.lock-state';
  const to = { 'ptp.subscription.id': subscription };
  const collector = [
    otlpSpan({
      traceId,
      spanId: create,
      name: `create ${template}`,
      kind: 4,
      tookMs: 0.5,
      attributes: { ...about, ...place, 'messaging.operation.name': 'create', 'ptp.state': state },
    }),
    otlpSpan({
      traceId,
      spanId: send,
      parentSpanId: create,
      name: `send ${template}`,
      kind: 3,
      atMs: 0.75,
      tookMs: 1,
      attributes: { ...about, 'messaging.operation.name': 'send' },
    }),
  ];
  if (receive) {
    collector.push(
      otlpSpan({
        traceId,
        parentSpanId: create,
        name: 'receive ptp.receipts.{node}',
        kind: 5,
        atMs: 6,
        tookMs: 0,
        attributes: {
          ...about,
          ...to,
          'messaging.operation.name': 'receive',
          'ptp.delivery.outcome': outcome,
          ...receive,
        },
      }),
    );
  }
  const gateway = [
    otlpSpan({
      traceId,
      spanId: process,
      parentSpanId: send,
      name: `process ${template}`,
      kind: 5,
      atMs: 2 + gatewayAheadMs,
      tookMs: 1 + postMs,
      attributes: {
        ...about,
        ...place,
        ...to,
        'messaging.operation.name': 'process',
        'ptp.delivery.outcome': outcome,
        'ptp.delivery.attempts': 1,
      },
      links: [{ traceId, spanId: create }],
    }),
    otlpSpan({
      traceId,
      spanId: post,
      parentSpanId: process,
      name: 'POST',
      kind: 3,
      atMs: 2.5 + gatewayAheadMs,
      tookMs: postMs,
      attributes: {
        ...to,
        'http.request.method': 'POST',
        'http.response.status_code': 204,
        'server.address': '10.0.0.7',
      },
    }),
  ];
  return { collector, gateway };
}
