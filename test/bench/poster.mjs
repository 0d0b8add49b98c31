// Plain undici POSTs, so many at a time: what the machine can do without a gateway. A process of its own, as a gateway is.
// node poster.mjs <url> <count> <at once> <body>; prints POSTs a second.
import { Agent } from 'undici';

if (process.argv.includes('--help')) {
  process.stdout.write(
    'Usage: node test/bench/poster.mjs URL COUNT AT_ONCE BODY\n\nPosts BODY so often, so many at a time; prints POSTs a second.\n\n' +
      "Example: node test/bench/poster.mjs http://127.0.0.1:9099/event 10000 64 '{}'\n",
  );
  process.exit();
}
const [url = '', count = '0', atOnce = '1', body = ''] = process.argv.slice(2);
const { origin, pathname } = new URL(url);
const agent = new Agent({ connections: Number(atOnce), pipelining: 1 });

/** @param {{ count: number }} left */
async function post(left) {
  while (left.count > 0) {
    left.count -= 1;
    const headers = { 'content-type': 'application/json', 'ptp-sequence': 'none' };
    const answer = await agent.request({ origin, path: pathname, method: 'POST', body, headers });
    await answer.body.dump();
  }
}

/** @param {number} posts */
const all = (posts) => {
  const left = { count: posts };
  return Promise.all(Array.from({ length: Number(atOnce) }, () => post(left)));
};
// The first thousands are compiled while they run; a gateway that has been up for a minute has that behind it.
await all(Math.min(3_000, Number(count)));
const startedMs = performance.now();
await all(Number(count));
process.stdout.write(String((Number(count) / (performance.now() - startedMs)) * 1_000));
process.exit(0);
