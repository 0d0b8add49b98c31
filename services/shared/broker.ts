import { jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import {
  connect,
  credsAuthenticator,
  PermissionViolationError,
  type NatsConnection,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';
import { Doublings } from './doublings.js';
import type { Env } from './env.js';
import type { Health } from './health.js';
import { readHeadersWithCare } from './headers.js';
import { CannotStart, type Deps } from './service.js';

export type { NatsConnection };

readHeadersWithCare();

/** How to reach the broker: `NATS_URL` (several with commas), one kind of credentials, TLS. */
export interface BrokerSettings {
  servers: string[];
  creds: string | undefined;
  user: string | undefined;
  password: string | undefined;
  token: string | undefined;
  tlsCa: string | undefined;
  tlsCert: string | undefined;
  tlsKey: string | undefined;
}

export function readBrokerSettings(env: Env): BrokerSettings {
  const settings = {
    servers: env
      .text('NATS_URL', {
        what: 'the broker, never with user and password; several servers: comma-separated',
        unit: 'URL',
        fallback: 'nats://localhost:4222',
      })
      .split(',')
      .map((url) => url.trim()),
    creds: env.file('NATS_CREDS', { what: 'file with the credentials (.creds)' }),
    user: env.optional('NATS_USER', { what: 'user on the broker, with NATS_PASSWORD' }),
    password: env.optional('NATS_PASSWORD', { what: 'password of NATS_USER; secret' }),
    token: env.optional('NATS_TOKEN', { what: 'token for the broker; secret' }),
    tlsCa: env.file('NATS_TLS_CA', { what: "PEM file of the broker's CA" }),
    tlsCert: env.file('NATS_TLS_CERT', { what: 'PEM file of our certificate, with NATS_TLS_KEY' }),
    tlsKey: env.file('NATS_TLS_KEY', { what: 'PEM file of its key' }),
  };
  for (const url of settings.servers) {
    if (!/^((nats|tls):\/\/)?[^\s/@]+$/.test(url)) {
      env.mistake(
        'NATS_URL must be nats://host:port or tls://host:port without user and password (NATS_USER, NATS_PASSWORD)',
      );
    }
  }
  if ((settings.user === undefined) !== (settings.password === undefined)) {
    env.mistake('NATS_USER and NATS_PASSWORD go together');
  }
  if ([settings.creds, settings.user, settings.token].filter((way) => way !== undefined).length > 1) {
    env.mistake('only one of NATS_CREDS, NATS_USER and NATS_TOKEN can be used');
  }
  if ((settings.tlsCert === undefined) !== (settings.tlsKey === undefined)) {
    env.mistake('NATS_TLS_CERT and NATS_TLS_KEY go together');
  }
  return settings;
}

/**
 * Waits for the broker for as long as it takes, and says so; afterwards the connection mends itself for ever. `health` is
 * told as long as the broker is away.
 */
export async function connectBroker(
  settings: BrokerSettings,
  name: string,
  deps: Deps,
  health: Health,
): Promise<NatsConnection> {
  const { log, life, fail } = deps;
  const where = settings.servers.join(', ');
  const connection = { isUp: false };
  health.watch('broker_away', () => (connection.isUp ? undefined : `the broker at ${where} is away`));
  log.info({ broker: where }, 'connecting to the broker');
  const waits = new Doublings();
  const waiting = setInterval(
    () => waits.tell((times) => log.warn({ broker: where, times }, 'waiting for the broker')),
    5_000,
  );
  let broker: NatsConnection;
  try {
    broker = await connect(connectionOptions(settings, name));
  } catch (err) {
    throw new CannotStart(`the broker at ${where} refused the connection: ${(err as Error).message}`, { cause: err });
  } finally {
    clearInterval(waiting);
  }
  // While the server is away drain() rejects and the client keeps reconnecting, so fall back to close().
  life.onStop('broker', () => broker.drain().catch(() => broker.close()));
  connection.isUp = true;
  void watchConnection(broker, connection, log);
  void broker.closed().then((err) => {
    if (!life.isStopping) fail(err ?? new Error('the connection to the broker was closed'));
  });
  log.info({ broker: broker.getServer(), version: broker.info?.version }, 'connected to the broker');
  return broker;
}

/** Connects for a command that somebody waits for: gives up after some seconds. Throws CannotStart. */
export async function connectOnce(settings: BrokerSettings, name: string): Promise<NatsConnection> {
  try {
    return await connect({ ...connectionOptions(settings, name), maxReconnectAttempts: 3, waitOnFirstConnect: false });
  } catch (err) {
    const where = settings.servers.join(', ');
    throw new CannotStart(`the broker at ${where} cannot be reached: ${(err as Error).message}`, { cause: err });
  }
}

function connectionOptions(settings: BrokerSettings, name: string): NodeConnectionOptions {
  const { creds, user, password, token, tlsCa, tlsCert, tlsKey } = settings;
  return {
    servers: settings.servers,
    name,
    ...(creds !== undefined && { authenticator: credsAuthenticator(new TextEncoder().encode(creds)) }),
    ...(user !== undefined && { user, pass: password ?? '' }),
    ...(token !== undefined && { token }),
    ...((tlsCa ?? tlsCert) !== undefined && {
      tls: {
        ...(tlsCa !== undefined && { ca: tlsCa }),
        ...(tlsCert !== undefined && { cert: tlsCert }),
        ...(tlsKey !== undefined && { key: tlsKey }),
      },
    }),
    // The default gives up after 10 attempts 2 s apart; a node must find its broker again whenever it is back.
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    pingInterval: 10_000,
    timeout: 5_000,
    // Two errors with their stacks for every request, in case it fails.
    noAsyncTraces: true,
  };
}

async function watchConnection(broker: NatsConnection, connection: { isUp: boolean }, log: Deps['log']): Promise<void> {
  const errors = new Doublings();
  for await (const status of broker.status()) {
    if (status.type === 'disconnect') {
      connection.isUp = false;
      log.warn({ broker: status.server }, 'broker away');
    } else if (status.type === 'reconnect') {
      connection.isUp = true;
      log.info({ broker: status.server }, 'broker back');
    } else if (status.type === 'error') {
      const { error } = status;
      // A right that is missing is missed with every message.
      errors.tell((times) => log.warn({ err: error, times }, 'broker error'), error.message);
    }
  }
}

/** The JetStream API with a time-out short enough to notice an outage while it lasts. */
export async function jetStream(broker: NatsConnection): Promise<{ js: JetStreamClient; jsm: JetStreamManager }> {
  // No account check: a user that may only publish its own subjects has no right to ask for it.
  const jsm = await jetstreamManager(broker, { checkAPI: false, timeout: 2_000 });
  return { js: jsm.jetstream(), jsm };
}

/** Whether there is no right to what was asked for: asked again, the answer would be the same. */
export const isForbidden = (err: unknown): boolean =>
  err instanceof PermissionViolationError || (err instanceof Error && err.cause instanceof PermissionViolationError);
