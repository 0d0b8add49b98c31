// Consumers that do nothing but answer 204 and note when an event came. A process of its own, as a consumer is.
// Prints their ports, comma-separated. Over its IPC channel: { expect: n } is answered with Arrivals once n events are
// there since the last { reset: true }.
// node consumer.js [number of consumers, each an origin of its own]
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a consumer has been sent since it was reset. */
export interface Arrivals {
  /** The number that each event carries as its last value, and when it came (CLOCK_MONOTONIC, ms). */
  events: [key: number, atMs: number][];
  /** Events that came after a later one of their subscription and resource. */
  disorder: number;
}

let events: Arrivals['events'] = [];
let disorder = 0;
let count = 0;
let last = new Map<string, number>();
let expected = Infinity;

const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

function note(body: string, sequence: number, subscription: string): void {
  const at = body.lastIndexOf('"value":"');
  events.push([Number(body.slice(at + 9, body.indexOf('"', at + 9))), monotonicMs()]);
  count += 1;
  const source = body.indexOf('"source":"');
  const lane = `${subscription} ${body.slice(source, body.indexOf('"', source + 10))}`;
  if (sequence <= (last.get(lane) ?? -1)) disorder += 1;
  last.set(lane, sequence);
  if (count >= expected) tell();
}

function tell(): void {
  expected = Infinity;
  process.send?.({ events, disorder } satisfies Arrivals);
}

const answer: RequestListener = (req, res) => {
  let body = '';
  req.setEncoding('latin1');
  req.on('data', (chunk: string) => (body += chunk));
  req.on('end', () => {
    res.writeHead(204).end();
    // An endpoint check is empty.
    if (body === '') return;
    const sequence = Number(req.headers['ptp-sequence'] ?? count);
    note(body, sequence, String(req.headers['ptp-subscription-id']));
  });
};

const start = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer({ keepAliveTimeout: 60_000 }, answer);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

void Promise.all(Array.from({ length: Number(process.argv[2] ?? 1) }, start)).then((ports) =>
  process.stdout.write(`${ports.join(',')}\n`),
);

process.on('message', (asked: { expect?: number; reset?: true }) => {
  if (asked.reset) {
    events = [];
    disorder = 0;
    count = 0;
    last = new Map();
    process.send?.('reset');
    return;
  }
  expected = asked.expect ?? Infinity;
  if (count >= expected) tell();
});
process.on('disconnect', () => process.exit(0));
