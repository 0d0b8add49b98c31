import { gzipSync } from 'node:zlib';
import { deliverySpans, otlpRequest, toProtobuf } from './otlp.js';
import { postSpans } from './tracing.js';

const PLACE = 'f100d000';
const EVENTS = 100;
const SENDERS = 4;
const GZIP = { 'content-encoding': 'gzip' };
const PROTOBUF = { 'content-type': 'application/x-protobuf' };

/** A request of 100 events, each with the spans of collector and gateway, in all ways to write it; `n` makes its ids new. */
function template(): (n: number) => { body: Buffer; unpacked: number; headers: Record<string, string> } {
  const spans = Array.from({ length: EVENTS }, (_, n) => {
    const traceId = `${PLACE}${String(n).padStart(24, '0')}`;
    const { collector, gateway } = deliverySpans({
      traceId,
      event: `${PLACE}-${n}`,
      receive: { 'ptp.delivery.loop_ms': 5 },
    });
    return [...collector, ...gateway];
  }).flat();
  const text = JSON.stringify(otlpRequest(spans));
  const binary = toProtobuf(otlpRequest(spans));
  const write = (n: number, isText: boolean): Buffer => {
    const digits = n.toString(16).padStart(8, '0');
    if (isText) return Buffer.from(text.replaceAll(PLACE, digits));
    const body = Buffer.from(binary);
    for (const [place, digitsThere] of [
      [Buffer.from(PLACE, 'hex'), Buffer.from(digits, 'hex')],
      [Buffer.from(PLACE), Buffer.from(digits)],
    ] as const) {
      for (let at = body.indexOf(place); at >= 0; at = body.indexOf(place, at + 4)) digitsThere.copy(body, at);
    }
    return body;
  };
  return (n) => {
    const isText = n % 2 === 0;
    const isPacked = n % 8 < 2;
    const body = write(n + 1, isText);
    const headers = { ...(!isText && PROTOBUF), ...(isPacked && GZIP) };
    return { body: isPacked ? gzipSync(body, { level: 1 }) : body, unpacked: body.length, headers };
  };
}

/** Sends so many bytes of spans as fast as they are taken. Gives how many spans that were, and the id of the last event. */
export async function floodWithSpans(
  otlp: string,
  bytes: number,
): Promise<{ spans: number; lastEvent: string; requests: number }> {
  const request = template();
  let sent = 0;
  let requests = 0;
  const sender = async (): Promise<void> => {
    while (sent < bytes) {
      const { body, unpacked, headers } = request(requests);
      requests += 1;
      sent += unpacked;
      const answer = await postSpans(otlp, body, headers);
      await answer.arrayBuffer();
      if (answer.status !== 200) throw new Error(`answered ${answer.status}`);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  const lastEvent = `${requests.toString(16).padStart(8, '0')}-${EVENTS - 1}`;
  return { spans: requests * EVENTS * 5, lastEvent, requests };
}
