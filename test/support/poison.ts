import { connect as connectTcp, type Socket } from 'node:net';
import { bus } from '../../services/shared/contract/bus.js';

/**
 * Header blocks that a stored message may have, whoever stored it: with an empty body they look like what a server says
 * of itself, or cannot be read at all.
 */
export const POISONED_HEADERS: readonly (readonly [what: string, block: string])[] = [
  ['404', 'NATS/1.0 404 Message Not Found\r\n\r\n'],
  ['409', 'NATS/1.0 409 Consumer Deleted\r\n\r\n'],
  ['503', 'NATS/1.0 503\r\n\r\n'],
  ['408', 'NATS/1.0 408 Request Timeout\r\n\r\n'],
  [
    'a heartbeat that is stalled',
    'NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 7\r\nNats-Consumer-Stalled: poison.stalled\r\n\r\n',
  ],
  ['flow control', 'NATS/1.0 100 FlowControl Request\r\nNats-Consumer-Stalled: poison.stalled\r\n\r\n'],
  ['a status without an end', 'NATS/1.0 404'],
  ['the place of another message', 'NATS/1.0 404\r\nNats-Stream: X\r\nNats-Subject: x\r\nNats-Sequence: 1\r\n\r\n'],
  ['a name that is none', 'NATS/1.0\r\nno name: x\r\n\r\n'],
  ['a value on two lines', 'NATS/1.0 404\r\na: b\nc\r\n\r\n'],
  ['no block at all', 'garbage'],
];

/** Where a service must never publish to. */
export const STALLED = 'poison.stalled';

/** Texts that stand in the place of a message, none of which is one. */
export const POISONED_VALUES: readonly string[] = [
  '',
  'null',
  'true',
  '7',
  '"LOCKED"',
  '[]',
  '[null]',
  '{}',
  '{"node":',
  '{"__proto__":null,"toString":1}',
  '\u0000\u00ff',
  '['.repeat(10_000),
];

/** Numbers that no double holds, or that are nobody's sequence. */
export const POISONED_SEQUENCES: readonly string[] = [
  '9'.repeat(20),
  '9'.repeat(16),
  String(2 ** 53),
  String(2 ** 53 - 1),
  String(Date.now() + 400 * 86_400_000),
  '-1',
  '1e3',
];

export interface Poisoner {
  /** Publishes a message with any header block, which no client library would send. */
  publish(subject: string, headers: string, body?: string): Promise<void>;
  /** Asks for a message that is not there, the answer to be sent to a subject. */
  directGet(stream: string, reply: string): Promise<void>;
  close(): void;
}

/** Speaks the broker's protocol itself. */
export async function startPoisoner(brokerUrl: string): Promise<Poisoner> {
  const { hostname, port } = new URL(brokerUrl);
  const socket = connectTcp(Number(port), hostname);
  socket.write('CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\n');
  return {
    async publish(subject, headers, body = '') {
      const size = Buffer.byteLength(headers);
      socket.write(`HPUB ${subject} ${size} ${size + Buffer.byteLength(body)}\r\n${headers}${body}\r\n`);
      await pong(socket);
    },
    async directGet(stream, reply) {
      const query = '{"seq":999999999}';
      socket.write(`PUB $JS.API.DIRECT.GET.${stream} ${reply} ${query.length}\r\n${query}\r\n`);
      await pong(socket);
    },
    close: () => socket.destroy(),
  };
}

/** The broker has read everything so far. */
function pong(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const onData = (data: Buffer): void => {
      if (!data.includes('PONG')) return;
      socket.off('data', onData);
      resolve();
    };
    socket.on('data', onData);
    socket.write('PING\r\n');
  });
}

/** The subject of a key in a bucket. */
export const keySubject = (bucket: keyof typeof bus.buckets, key: string): string =>
  `$KV.${bus.buckets[bucket]}.${key}`;
