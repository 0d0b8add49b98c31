import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Router } from '@koa/router';
import type { Middleware } from 'koa';
import type { Env } from './env.js';
import type { Logger } from './log.js';
import { plainTarget } from './requestTarget.js';
import { CannotStart } from './service.js';

/** A number of connections of a listener; the setting is called like that of its port. */
export const readMaxConnections = (env: Env, name: `${string}_MAX_CONNECTIONS`, fallback: number): number =>
  env.integer(name, {
    what: 'connections that are served at a time; more are refused',
    unit: 'connections',
    fallback,
    min: 1,
    max: 10 ** 6,
  });

/** Certificate and key, PEM. */
export interface TlsIdentity {
  cert: string;
  key: string;
}

export interface ListenOptions {
  port: number;
  host: string | undefined;
  /** Name of the setting that the port is of. */
  setting: string;
  tls?: TlsIdentity;
  /** Connections at a time, also those whose TLS handshake is under way. */
  maxConnections: number;
  log: Logger;
}

export interface HttpServer {
  port: number;
  /** New connections are served with this identity from now on. */
  renew: (tls: TlsIdentity) => void;
  close: () => Promise<void>;
}

/**
 * TLS 1.2 with an ephemeral key and authenticated encryption, or TLS 1.3, which has nothing else (RFC 9325 §4.2): who records
 * a connection cannot read it later with the key of the certificate.
 */
const TLS = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_GCM_SHA256',
    ...['AES256-GCM-SHA384', 'CHACHA20-POLY1305', 'AES128-GCM-SHA256'].flatMap((cipher) => [
      `ECDHE-ECDSA-${cipher}`,
      `ECDHE-RSA-${cipher}`,
    ]),
  ].join(':'),
  honorCipherOrder: true,
} as const;
/** Time a client has for the TLS handshake. */
const HANDSHAKE_MS = 5_000;

/** Time a client has to send its headers, and its whole request. */
const HEADERS_MS = 5_000;
const REQUEST_MS = 15_000;
const MAX_HEADER_BYTES = 16_384;
/** Node looks this often for clients that have used up their time. */
const CHECK_MS = 1_000;
/** Time running answers have when the server closes, and the last answer has to reach a client that sent no HTTP. */
const GRACE_MS = 1_000;

/**
 * Serves on a port, with TLS when there is an identity; port 0 takes a free one. Throws CannotStart when the port is taken
 * or not allowed. A connection beyond `maxConnections` is closed at once, and those that nobody uses with it, so that the next
 * one finds room.
 */
export async function listen(
  handler: RequestListener,
  { port, host, setting, tls, maxConnections, log }: ListenOptions,
): Promise<HttpServer> {
  const limits = {
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    connectionsCheckingInterval: CHECK_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAliveTimeout: 65_000,
  };
  const listener: RequestListener = (req, res) => {
    req.url = plainTarget(req.url ?? '/');
    handler(req, res);
  };
  const secure = tls && createSecureServer({ ...limits, ...TLS, ...tls, handshakeTimeout: HANDSHAKE_MS }, listener);
  const server = secure ?? createServer(limits, listener);
  server.on('clientError', answerClientError);
  server.maxConnections = maxConnections;
  let refused = 0;
  server.on('drop', () => {
    refused += 1;
    server.closeIdleConnections();
    const isNews = Number.isInteger(Math.log2(refused));
    if (isNews) log.warn({ setting, maxConnections, refused }, 'more connections than allowed, some were refused');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (err: NodeJS.ErrnoException) => {
      const why = err.code === 'EADDRINUSE' ? 'is already in use' : `cannot be opened (${err.code})`;
      reject(new CannotStart(`port ${port} ${why}; set ${setting} to another one`, { cause: err }));
    });
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    // What is not said again here would be as OpenSSL has it.
    renew: (identity) => secure?.setSecureContext({ ...TLS, ...identity }),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** What Node's parser refuses before a request exists: the code of its error, and the answer. */
const REFUSED: Record<string, [status: string, detail: string]> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', `the headers may have ${MAX_HEADER_BYTES} bytes`],
  HPE_INVALID_METHOD: ['400 Bad Request', 'the method is not one of HTTP'],
  ERR_HTTP_REQUEST_TIMEOUT: [
    '408 Request Timeout',
    `headers must come within ${HEADERS_MS / 1_000} s, the whole request within ${REQUEST_MS / 1_000} s`,
  ],
};

/** Errors of Node's HTTP parser and its deadlines. All others are of the connection, such as a TLS handshake that failed. */
const OF_HTTP = /^(HPE|ERR_HTTP)_/;

/**
 * Answers what is no HTTP request with the same kind of body as every other error (RFC 9457), and closes the connection,
 * whether or not the client does: it would count as one for ever.
 */
function answerClientError({ code = '' }: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || !OF_HTTP.test(code)) return void socket.destroy();
  const timer = setTimeout(() => socket.destroy(), GRACE_MS);
  socket.once('close', () => clearTimeout(timer));
  const [line, detail] = REFUSED[code] ?? ['400 Bad Request', 'this is not an HTTP/1.1 request'];
  const title = line.slice(4).toLowerCase();
  const body = JSON.stringify({ type: 'about:blank', title, status: Number.parseInt(line), detail, error: detail });
  socket.end(
    [
      `HTTP/1.1 ${line}`,
      'connection: close',
      'content-type: application/problem+json',
      `content-length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  );
}

/** A registry of prom-client, or what stands for one. */
export interface Scraped {
  contentType: string;
  metrics: () => Promise<string>;
}

/**
 * `/livez` and `/readyz`: whoever asks whether a process serves is answered.
 * @param complaints why the service cannot do its work now; told whether or not it is ready
 */
export function probes(isReady: () => boolean, complaints: () => readonly string[] = () => []): Router {
  const router = new Router();
  router.get('/livez', (ctx) => {
    ctx.body = 'OK';
  });
  router.get('/readyz', (ctx) => {
    const answer = isReady() ? 'OK' : 'not ready';
    ctx.status = answer === 'OK' ? 200 : 503;
    ctx.body = [answer, ...complaints()].join('\n');
  });
  return router;
}

/** Answers with the metrics of a registry. */
export const exposition =
  (registry: Scraped): Middleware =>
  async (ctx) => {
    // A browser shows plain text, and would save the types of Prometheus as a file. Some labels hold words of others.
    const isBrowser = ctx.get('accept').includes('text/html');
    ctx.type = isBrowser ? 'text/plain; charset=utf-8' : registry.contentType;
    ctx.set('x-content-type-options', 'nosniff');
    ctx.vary('accept');
    ctx.body = await registry.metrics();
  };

/** `/metrics`, `/livez` and `/readyz`, which every service has. */
export function operations(
  registry: Scraped,
  isReady: () => boolean,
  { complaints }: { complaints?: () => readonly string[] } = {},
): Router {
  const router = probes(isReady, complaints);
  router.get('/metrics', exposition(registry));
  return router;
}
