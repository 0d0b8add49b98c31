import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { FinalAnswer } from './finalAnswer.js';

/** What a connection to an endpoint has done so far. */
interface Connection {
  requests: number;
  answer: FinalAnswer;
  isTls: boolean;
  onReused: (() => void) | undefined;
}

const connections = new WeakMap<object, Connection>();

/** The errors that connections ended with. Undici hands them on as they are to the request that was under way. */
const ends = new WeakMap<object, Connection>();

// Only here undici says which connection a request takes. Node's own fetch speaks on this channel too.
subscribe('undici:client:sendHeaders', (message) => {
  const connection = connections.get((message as { socket: object }).socket);
  if (connection === undefined) return;
  if (connection.requests > 0) connection.onReused?.();
  connection.requests += 1;
  connection.answer.await();
});

/**
 * Follows a connection. Undici 7 takes an unasked 100 Continue for a broken answer; so what it reads from the socket
 * goes through here, and interim answers never reach it.
 */
export function follow(socket: Socket, onReused: (() => void) | undefined): void {
  const connection = { requests: 0, answer: new FinalAnswer(), isTls: socket instanceof TLSSocket, onReused };
  connections.set(socket, connection);
  socket.on('error', (err) => ends.set(err, connection));
  const { answer } = connection;
  const read = socket.read.bind(socket) as () => Buffer | null;
  socket.read = (): Buffer | null => {
    for (;;) {
      const chunk = read();
      if (chunk === null || !answer.isAwaited) return chunk;
      try {
        const rest = answer.begin(chunk);
        if (rest !== undefined) return rest;
      } catch (err) {
        socket.destroy(err as Error);
        return null;
      }
    }
  };
}

/** How a connection ended. */
interface End {
  /** How far the request had got that was under way. */
  during: 'first request' | 'another request' | 'answer';
  isTls: boolean;
}

/** How the connection of a request ended that failed with this error; undefined when there was none yet. */
export function endOf(err: unknown): End | undefined {
  const connection = ends.get(err as object);
  if (connection === undefined) return undefined;
  const { requests, answer, isTls } = connection;
  if (answer.hasBegun) return { during: 'answer', isTls };
  return { during: requests > 1 ? 'another request' : 'first request', isTls };
}

/** How the other side closing a connection shows. */
export const CLOSED: Readonly<Record<string, string>> = {
  ECONNRESET: 'reset',
  EPIPE: 'closed',
  UND_ERR_SOCKET: 'closed',
};

/**
 * Whether a request failed because its connection, which had been used before, was closed by the other side before a
 * byte of an answer came. Servers close connections that are idle, some after a few seconds, and a request may cross
 * that on its way: it says nothing about the endpoint (RFC 9112 §9.3.1).
 */
export const wasClosedIdle = (err: unknown): boolean =>
  endOf(err)?.during === 'another request' && CLOSED[(err as NodeJS.ErrnoException).code ?? ''] !== undefined;
