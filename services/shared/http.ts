import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Router } from '@koa/router';
import type { Middleware } from 'koa';
import { plainTarget } from './requestTarget.js';
import { CannotStart } from './service.js';

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
  maxConnections?: number;
}

export interface HttpServer {
  port: number;
  /** New connections are served with this identity from now on. */
  renew: (tls: TlsIdentity) => void;
  close: () => Promise<void>;
}

/** Time a client has to send its headers, and its whole request. */
const HEADERS_MS = 5_000;
const REQUEST_MS = 15_000;
const MAX_HEADER_BYTES = 16_384;
/** Node looks this often for clients that have used up their time. */
const CHECK_MS = 1_000;
/** Time running answers have when the server closes. */
const GRACE_MS = 1_000;

/**
 * Serves on a port, with TLS when there is an identity; port 0 takes a free one. Throws CannotStart when the port is taken
 * or not allowed. Connections beyond `maxConnections` are closed at once.
 */
export async function listen(
  handler: RequestListener,
  { port, host, setting, tls, maxConnections }: ListenOptions,
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
  const secure = tls && createSecureServer({ ...limits, ...tls }, listener);
  const server = secure ?? createServer(limits, listener);
  server.on('clientError', answerClientError);
  if (maxConnections !== undefined) server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (err: NodeJS.ErrnoException) => {
      const why = err.code === 'EADDRINUSE' ? 'is already in use' : `cannot be opened (${err.code})`;
      reject(new CannotStart(`port ${port} ${why}; set ${setting} to another one`, { cause: err }));
    });
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    renew: (identity) => secure?.setSecureContext(identity),
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

/** Answers what is no HTTP request with the same kind of body as every other error (RFC 9457). */
function answerClientError(err: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || err.code === 'ECONNRESET') return void socket.destroy();
  const [line, detail] = REFUSED[err.code ?? ''] ?? ['400 Bad Request', 'this is not an HTTP/1.1 request'];
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

export interface OperationsOptions {
  /** What a request for the metrics passes first. */
  guards?: Middleware[];
  /** Why the service cannot do its work now; told whether or not it is ready. */
  complaints?: () => readonly string[];
}

/** `/metrics`, `/livez` and `/readyz`, which every service has. */
export function operations(
  registry: Scraped,
  isReady: () => boolean,
  { guards = [], complaints = () => [] }: OperationsOptions = {},
): Router {
  const router = new Router();
  router.get('/metrics', ...guards, async (ctx) => {
    // A browser shows plain text, and would save the types of Prometheus as a file. Some labels hold words of others.
    const isBrowser = ctx.get('accept').includes('text/html');
    ctx.type = isBrowser ? 'text/plain; charset=utf-8' : registry.contentType;
    ctx.set('x-content-type-options', 'nosniff');
    ctx.vary('accept');
    ctx.body = await registry.metrics();
  });
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
