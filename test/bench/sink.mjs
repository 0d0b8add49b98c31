// A consumer that does nothing but answer 204: a process of its own, as a consumer is. Prints its port; `GET /` gives the
// number of events it was sent, and how many of them came out of order within their subscription and resource.
import { createServer } from 'node:http';

if (process.argv.includes('--help')) {
  process.stdout.write(
    'Usage: node test/bench/sink.mjs\n\nAnswers every POST with 204 on a free port, which it tells its parent process; GET / gives the counts.\n',
  );
  process.exit();
}

let count = 0;
let disorder = 0;
let last = new Map();

const server = createServer((req, res) => {
  if (req.method === 'GET') {
    res.end(JSON.stringify({ count, disorder }));
    return;
  }
  if (req.method === 'DELETE') {
    count = 0;
    disorder = 0;
    last = new Map();
    res.writeHead(204).end();
    return;
  }
  let body = '';
  req.setEncoding('utf8');
  req.on('data', (chunk) => (body += chunk));
  req.on('end', () => {
    res.writeHead(204).end();
    const sequence = Number(req.headers['ptp-sequence']);
    if (Number.isNaN(sequence)) return;
    count += 1;
    const at = body.indexOf('"source":"');
    const lane = `${String(req.headers['ptp-subscription-id'])} ${body.slice(at, body.indexOf('"', at + 10))}`;
    if (sequence <= (last.get(lane) ?? 0)) disorder += 1;
    last.set(lane, sequence);
  });
});
server.listen(0, '127.0.0.1', () =>
  process.send?.(/** @type {import('node:net').AddressInfo} */ (server.address()).port),
);
