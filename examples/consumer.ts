/**
 * An ordinary v1 consumer: subscribes to the PTP state of a node over REST, and prints each event it is sent.
 *
 *     node dist/examples/consumer.js --gateway http://localhost:8089 --node demo-node --port 9089
 *
 * API_TOKEN in the environment is the bearer token that it shows, if the gateway asks for one.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const USAGE = `Usage: node dist/examples/consumer.js [options]

Subscribes to the three states of a node over REST, prints each event it is sent, and unsubscribes when it ends.

  --gateway URL   base URL of the gateway (default: http://localhost:8089)
  --node NAME     node whose states are subscribed (default: demo-node)
  --host ADDRESS  address to listen on, which the gateway must reach (default: 127.0.0.1)
  --port PORT     port to listen on; 0: any free one (default: 9089)
  --help          this text

API_TOKEN in the environment is the bearer token that it shows, if the gateway asks for one.

Example: node dist/examples/consumer.js --node compute-1.example.com --port 9099
`;
const PATHS = ['/sync/ptp-status/lock-state', '/sync/sync-status/os-clock-sync-state', '/sync/sync-status/sync-state'];

/** An event as it is pushed. Consumers know the members of a value by their old or by their new names. */
export interface PushedEvent {
  id: string;
  source: string;
  time: string;
  data: { values: { value: string; dataType?: string; data_type?: string }[] };
}

/** `12:00:00.000  lock-state           LOCKED          186 ns  sequence 1795356456124      2 ms` */
export function eventLine(event: PushedEvent, headers: IncomingHttpHeaders, nowMs: number): string {
  const valuesOf = (type: string): string =>
    event.data.values
      .filter((one) => (one.dataType ?? one.data_type) === type)
      .map(({ value }) => value)
      .join('/');
  const offset = valuesOf('metric');
  // What was the state before we subscribed has been on no way to us.
  const latency = headers['ptp-initial'] === 'true' ? 'initial' : `${nowMs - Date.parse(event.time)} ms`;
  return [
    event.time.slice(11, 23),
    event.source.replace(/.*\//, '').padEnd(19),
    valuesOf('notification').padEnd(8),
    (offset && `${offset} ns`).padStart(13),
    `sequence ${String(headers['ptp-sequence'])}`,
    latency.padStart(7),
  ].join('  ');
}

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      gateway: { type: 'string', default: 'http://localhost:8089' },
      node: { type: 'string', default: 'demo-node' },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '9089' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (options.help) {
    process.stdout.write(USAGE);
    return;
  }
  const port = Number(options.port);
  if (!/^\d+$/.test(options.port) || port > 65_535) throw new Error(`--port is a port, got "${options.port}"`);
  if (!/^https?:\/\//.test(options.gateway)) {
    throw new Error(`--gateway is a URL such as http://localhost:8089, got "${options.gateway}"`);
  }
  const server = createServer((request, response) => {
    void receive(request).then((status) => response.writeHead(status).end());
  });
  server.listen(port, options.host);
  await once(server, 'listening').catch(({ code, message }: NodeJS.ErrnoException) => {
    const isTaken = code === 'EADDRINUSE';
    throw new Error(isTaken ? `port ${port} is in use: name another one with --port, or 0 for any free one` : message);
  });
  const endpointUri = `http://${options.host}:${(server.address() as AddressInfo).port}/event`;

  const token = process.env['API_TOKEN'];
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const api = `${options.gateway.replace(/\/+$/, '')}/api/ocloudNotifications/v1/subscriptions`;
  const ids: string[] = [];
  const unsubscribe = async (): Promise<void> => {
    const init = { method: 'DELETE', headers, signal: AbortSignal.timeout(1_000) };
    await Promise.allSettled(ids.map((id) => fetch(`${api}/${id}`, init)));
  };
  const end = (): void => void unsubscribe().then(() => process.exit());
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, end);
  // Whoever read what we print has gone, as in `… | head`.
  process.stdout.on('error', end);

  for (const path of PATHS) {
    const subscription = { resource: `/cluster/node/${options.node}${path}`, endpointUri };
    try {
      ids.push(await subscribe(api, headers, subscription));
    } catch (err) {
      await unsubscribe();
      throw err;
    }
  }
  console.log(`subscribed to the states of ${options.node}, for ${endpointUri}`);
}

/** Prints an event; gives the status to answer. */
async function receive(request: IncomingMessage): Promise<number> {
  const body = await text(request);
  // An empty POST is the gateway's question whether this endpoint is there.
  if (body === '') return 204;
  try {
    console.log(eventLine(JSON.parse(body) as PushedEvent, request.headers, Date.now()));
    return 204;
  } catch {
    return 400;
  }
}

/** Subscribes, as soon as the gateway is there; gives the subscription's id. Says why it waits, each reason once. */
async function subscribe(
  api: string,
  headers: Record<string, string>,
  subscription: { resource: string; endpointUri: string },
): Promise<string> {
  let told = '';
  for (;;) {
    const answer = await ask(api, { method: 'POST', headers, body: JSON.stringify(subscription) });
    if (answer.id !== undefined) return answer.id;
    // 429 and 5xx pass; anything else is a mistake of ours.
    if (!answer.mayPass) throw new Error(`not subscribed at ${api}: ${answer.why}`);
    if (answer.why !== told) console.log(`waiting for the gateway at ${api}: ${answer.why}`);
    told = answer.why;
    await pause(1_000);
  }
}

type Answer = { id: string } | { id?: undefined; why: string; mayPass: boolean };

async function ask(api: string, init: RequestInit): Promise<Answer> {
  try {
    const answer = await fetch(api, init);
    const body = await answer.text();
    if (answer.ok) return { id: (JSON.parse(body) as { id: string }).id };
    const mayPass = answer.status === 429 || answer.status >= 500;
    const hint = answer.status === 401 ? ' (API_TOKEN in the environment is shown to it)' : '';
    return { why: `${answer.status} ${detailOf(body)}${hint}`, mayPass };
  } catch (err) {
    const { message, cause } = err as Error & { cause?: NodeJS.ErrnoException };
    return { why: cause?.code === 'ECONNREFUSED' ? 'connection refused' : (cause?.message ?? message), mayPass: true };
  }
}

/** The sentence in an answer that says no; of anything else than JSON its beginning. */
function detailOf(body: string): string {
  try {
    return (JSON.parse(body) as { error: string }).error;
  } catch {
    return body.slice(0, 200);
  }
}

if (require.main === module) {
  main().catch((err: Error) => {
    const isUsage = 'code' in err && String(err.code).startsWith('ERR_PARSE_ARGS');
    console.error(isUsage ? `${err.message}\nSee --help.` : err.message);
    process.exit(1);
  });
}
