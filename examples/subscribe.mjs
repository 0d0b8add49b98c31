#!/usr/bin/env node
// Prints the events of the bus with nothing but a TCP connection, to show how little a subscriber needs:
//
//     node examples/subscribe.mjs ['ptp.events.*.sync.ptp-status.lock-state']
//
// Real tools use a NATS client, which also reconnects (proto/README.md).
import { connect } from 'node:net';

const USAGE = `Usage: node examples/subscribe.mjs [SUBJECT]

Prints the events of a subject, which may have wildcards (default: ptp.events.>), until Ctrl-C.

  NATS_URL   the broker (default: nats://127.0.0.1:4222)

Example: node examples/subscribe.mjs 'ptp.events.*.sync.ptp-status.lock-state'`;
if (process.argv.includes('--help') || process.argv.includes('-h')) {
  console.log(USAGE);
  process.exit();
}
const subject = process.argv[2] ?? 'ptp.events.>';
const url = process.env.NATS_URL ?? 'nats://127.0.0.1:4222';

/** @param {string} why */
function fail(why) {
  console.error(`${why}. NATS_URL=nats://host:port names another broker.`);
  process.exit(1);
}

const full = url.includes('://') ? url : `nats://${url}`;
if (!URL.canParse(full) || !full.startsWith('nats://')) fail(`NATS_URL is no nats://host:port: ${url}`);
const { hostname, port } = new URL(full);
const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || 4222 });
socket.on('error', (err) => fail(`No broker at ${url}: ${err.message || 'connection refused'}`));
socket.on('end', () => fail(`The broker at ${url} has closed the connection`));
process.stdout.on('error', () => process.exit()); // as in `… | head`
// "verbose" would have every command answered with +OK.
socket.write(`CONNECT {"verbose":false}\r\nSUB ${subject} 1\r\n`);

let unread = Buffer.alloc(0);
socket.on('data', (chunk) => {
  unread = Buffer.concat([unread, chunk]);
  for (let end = unread.indexOf('\r\n'); end >= 0; end = unread.indexOf('\r\n')) {
    const [operation, ...args] = unread.subarray(0, end).toString().split(' ');
    let next = end + 2;
    if (operation === 'MSG') {
      // MSG <subject> <subscription> [<reply subject>] <bytes>, then the event itself
      const event = unread.subarray(next, next + Number(args.at(-1)));
      next += Number(args.at(-1)) + 2;
      if (next > unread.length) return; // the rest is still to come
      console.log(`${args[0]}\n${readable(event.toString())}\n`);
    }
    if (operation === 'PING') socket.write('PONG\r\n'); // else the broker takes us for dead
    if (operation === '-ERR') console.error(args.join(' '));
    unread = unread.subarray(next);
  }
});

/** @param {string} json */
function readable(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json; // somebody may publish anything
  }
}
