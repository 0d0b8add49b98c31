import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PushedEvent } from '../../services/shared/contract/rest-v1.js';
import { eventually } from './eventually.js';
import { read414, read416 } from './readers.js';

export interface Received {
  headers: IncomingHttpHeaders;
  event: PushedEvent;
}

/** What the consumer answers to an event: a status, or something it does with the response itself. */
export type Answer = number | ((res: ServerResponse) => void);

export interface Consumer {
  /** Where events can be posted to. */
  url: string;
  /** Every event that was posted, whatever the answer. */
  received: Received[];
  /** Events that were answered 2xx, in the order of their arrival. */
  accepted: Received[];
  /** Empty POSTs: endpoint checks. */
  checks: number;
  /** From now on events are answered so; 204 at first. */
  answer(answer: Answer): void;
  /** From now on endpoint checks are answered so; 204 at first. */
  answerChecks(answer: Answer): void;
  /** Waits for the n-th accepted event of a resource (from 0). */
  states(path: string): string[];
  /** Is away: connections are refused. */
  goAway(): Promise<void>;
  /** Is back on the same port. */
  comeBack(): Promise<void>;
  close(): Promise<void>;
}

/** The word and the offset of an event, as in the tables of the recordings: `FREERUN(-866)`. */
export function inShort({ data }: PushedEvent): string {
  const [state, offset] = data.values;
  return offset === undefined ? `${state?.value}` : `${state?.value}(${offset.value})`;
}

/** A consumer application: a real HTTP server that remembers what it was sent. */
export async function startConsumer(): Promise<Consumer> {
  let eventAnswer: Answer = 204;
  let checkAnswer: Answer = 204;
  const reply = (res: ServerResponse, answer: Answer): void =>
    typeof answer === 'number' ? void res.writeHead(answer).end() : answer(res);

  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      if (body === '') {
        consumer.checks += 1;
        reply(res, checkAnswer);
        return;
      }
      // Whatever is pushed, consumers of every release must be able to read it.
      read414(body);
      read416(body);
      const one = { headers: req.headers, event: JSON.parse(body) as PushedEvent };
      consumer.received.push(one);
      if (typeof eventAnswer === 'number' && eventAnswer >= 200 && eventAnswer < 300) consumer.accepted.push(one);
      reply(res, eventAnswer);
    });
  });
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;

  const consumer: Consumer = {
    url: `http://127.0.0.1:${port}/event`,
    received: [],
    accepted: [],
    checks: 0,
    answer: (answer) => void (eventAnswer = answer),
    answerChecks: (answer) => void (checkAnswer = answer),
    states: (path) =>
      consumer.accepted.filter(({ event }) => event.source.endsWith(path)).map(({ event }) => inShort(event)),
    goAway: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    comeBack: () => eventually(() => listen(port).then(() => true)).then(() => {}),
    close: () => (server.listening ? consumer.goAway() : Promise.resolve()),
  };
  return consumer;
}
