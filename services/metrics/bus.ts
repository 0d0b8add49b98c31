import { setTimeout as pause } from 'node:timers/promises';
import type { Msg } from '@nats-io/transport-node';
import { jetStream, type NatsConnection } from '../shared/broker.js';
import { bus } from '../shared/contract/bus.js';
import { Doublings } from '../shared/doublings.js';
import { BadEvent, decodeEvent } from '../shared/event.js';
import { BadMessage } from '../shared/messageChecks.js';
import type { Deps } from '../shared/service.js';
import { BadName, nodeOfToken, resourceAddress, resourceOfSubject } from '../shared/subjects.js';
import { readLatencyRecord } from './latencyRecord.js';
import { readMaintenance, type Maintenance } from './maintenance.js';
import { readLifeMs } from './nodeLife.js';
import { readNodeState, readTold } from './nodeState.js';
import type { Instant, Nodes } from './nodes.js';
import { Presence } from './presence.js';
import { movesOf, type Move } from './record.js';
import { repeat } from './repeat.js';
import { readGatewayReport, type Scopes } from './scopes.js';
import { States } from './states.js';
import { NOTHING_KNOWN, readJetStream, type JetStreamFigures } from './streams.js';

/** Several services share the latency records: each record moves the series of one of them. */
const QUEUE_GROUP = 'ptp-metrics';
const ASK_MS = 10_000;
const ANSWER_MS = 5_000;
const COMPARE_MS = 60_000;
const COMPARE_AGAIN_MS = 5_000;
const POLL_MS = 15_000;

export interface Reader {
  known: { nodes: Nodes; scopes: Scopes; maintenance: Maintenance; jetStream: JetStreamFigures };
  move: (move: Move, at: Instant) => void;
  count: (outcome: 'used' | 'malformed' | 'too_many') => void;
  now: () => Instant;
}

/** Hears everything that the series are made of. Nothing is published but questions. */
export async function joinBus(broker: NatsConnection, deps: Deps, reader: Reader): Promise<void> {
  const { log, life, clock } = deps;
  const { known, move, count, now } = reader;
  const { nodes, scopes, maintenance } = known;
  const { jsm } = await jetStream(broker);
  const use = counting(reader, deps);
  const subscribe = (subject: string, read: (message: Msg) => boolean, queue?: string): void => {
    const callback = (err: Error | null, message: Msg): void =>
      void (err === null && use(message.subject, () => read(message)));
    broker.subscribe(subject, { callback, ...(queue !== undefined && { queue }) });
  };

  subscribe(
    `${bus.subjects.latency}.>`,
    ({ subject, data }) => {
      const record = readLatencyRecord(data, nodeOfToken(lastToken(subject, bus.subjects.latency)));
      for (const one of movesOf(record)) move(one, now());
      return true;
    },
    QUEUE_GROUP,
  );
  subscribe(`${bus.subjects.gateways}.>`, ({ subject, data }) =>
    scopes.heard(readGatewayReport(data, lastToken(subject, bus.subjects.gateways)), clock.monotonic()),
  );
  subscribe(`${bus.subjects.events}.>`, ({ subject, data, headers }) => {
    const { node, path } = resourceOfSubject(subject);
    const event = decodeEvent(data, resourceAddress(node, path));
    const told = readTold(path, event, headers?.get(bus.headers.clock) ?? '', clock.now());
    if (told) nodes.told(node, path, told, now());
    return true;
  });
  const onUnreadable = (key: string, err: unknown): void => {
    count('malformed');
    log.warn({ err, key }, 'a value of the bucket cannot be read, going on without it');
  };
  const states = new States(broker, jsm, {
    onValue: (key, value) =>
      use(key, () => {
        const node = nodeOfToken(key);
        // How long a node lived that is heard of is known better than by its value.
        const livedMs = nodes.has(node) ? undefined : readLifeMs(value);
        return nodes.wrote(node, readNodeState(value, { node, now: clock.now() }), now(), livedMs);
      }),
    onErased(key, isDeleted) {
      const node = key.replaceAll('_', '.');
      if (isDeleted) nodes.forgotten(node, now());
      else nodes.erased(node, now());
    },
    onUnreadable,
    known: () => nodes.written.map((node) => node.replaceAll('.', '_')),
  });
  const onMaintenance = {
    onValue: (key: string, value: Uint8Array) =>
      use(key, () => {
        const node = nodeOfToken(key);
        return maintenance.set(node, readMaintenance(value, node));
      }),
    onErased: (key: string) => maintenance.end(key.replaceAll('_', '.')),
    onUnreadable,
    known: () => maintenance.nodes.map((node) => node.replaceAll('.', '_')),
  };
  const maintained = new States(broker, jsm, onMaintenance, bus.buckets.maintenance);
  const presence = new Presence(broker, (node) => {
    use('an answer', () => {
      if (node === undefined) throw new BadMessage('no answer of a collector');
      return nodes.heard(node, now());
    });
  });
  await broker.flush();

  // Told once, however long it lasts.
  const trouble = (what: string) => (err: unknown, isFirst: boolean) => isFirst && log.warn({ err }, what);
  // A broker whose disk is full may keep the connection and answer nothing any more: that is no silence of the others.
  const hearNothing = (): void => {
    nodes.askedSince = undefined;
    scopes.heardSince = undefined;
  };
  hearNothing();
  const loops = [
    repeat(
      clock,
      {
        everyMs: ASK_MS,
        onFailure(err, isFirst) {
          hearNothing();
          trouble('cannot ask the collectors')(err, isFirst);
        },
      },
      async () => {
        presence.ask();
        await answered(broker);
        // Not before the broker has it: while it is away the question waits, and silence means nothing.
        nodes.askedSince ??= clock.monotonic();
        scopes.heardSince ??= clock.monotonic();
      },
    ),
    repeat(
      clock,
      { everyMs: COMPARE_MS, againMs: COMPARE_AGAIN_MS, onFailure: trouble('cannot read the states') },
      () => states.compare(),
    ),
    repeat(
      clock,
      { everyMs: COMPARE_MS, againMs: COMPARE_AGAIN_MS, onFailure: trouble('cannot read which nodes are maintained') },
      () => maintained.compare(),
    ),
    repeat(
      clock,
      {
        everyMs: POLL_MS,
        onFailure(err, isFirst) {
          known.jetStream = NOTHING_KNOWN;
          if (isFirst) log.warn({ err }, 'cannot read what JetStream holds');
        },
      },
      async () => {
        known.jetStream = await readJetStream(jsm, () => clock.now());
      },
    ),
  ];
  life.onStop('questions', () => loops.forEach(({ stop }) => stop()));
  void (async () => {
    for await (const { type } of broker.status()) {
      if (type === 'disconnect') hearNothing();
      if (type === 'reconnect') loops.forEach(({ hurry }) => hurry());
    }
  })();
}

/** Everything sent is with the broker. Rejects when it does not say so in time. */
const answered = (broker: NatsConnection): Promise<void> =>
  Promise.race([
    broker.flush(),
    pause(ANSWER_MS, undefined, { ref: false }).then(() => {
      throw new Error(`the broker has not answered for ${ANSWER_MS / 1_000} s`);
    }),
  ]);

/**
 * Reads one message and counts what became of it: garbage is passed over and told at the first and each doubling, and the
 * first that is too much is told. Never throws: from within a subscription that would end the client's reading of its connection.
 */
function counting({ count }: Reader, { log, clock }: Deps): (what: string, read: () => boolean) => void {
  const malformed = new Doublings(clock);
  const broken = new Doublings(clock);
  let isFull = false;
  return (what, read) => {
    try {
      const isUsed = read();
      count(isUsed ? 'used' : 'too_many');
      if (!isUsed && !isFull) {
        isFull = true;
        log.warn({ what }, 'more nodes or scopes than there may be, further ones are left out (MAX_NODES)');
      }
    } catch (err) {
      count('malformed');
      if (err instanceof BadMessage || err instanceof BadEvent || err instanceof BadName) {
        malformed.tell((times) => log.warn({ err, what, times }, 'malformed message passed over'));
      } else broken.tell((times) => log.error({ err, what, times }, 'message could not be read'));
    }
  };
}

/** The one token after the prefix. Throws BadMessage. */
function lastToken(subject: string, prefix: string): string {
  const token = subject.slice(prefix.length + 1);
  if (token === '' || token.includes('.')) throw new BadMessage(`${subject} has not one token after ${prefix}`);
  return token;
}
