// Plain undici POSTs: what the machine can do without a gateway. Its IPC channel takes { count, atOnce, body } and answers
// { startedMs } when all are done; the first thousands, compiled while they run, are posted before the first answer.
// node poster.js <endpoint URL>; prints a line when it can be asked.
import { Agent } from 'undici';

const { origin, pathname: path } = new URL(process.argv[2] ?? '');
const WARM_UP = 3_000;

export interface Posts {
  count: number;
  /** Connections, each with one request at a time. */
  atOnce: number;
  body: string;
}

async function postAll({ count, atOnce, body }: Posts): Promise<number> {
  const agent = new Agent({ connections: atOnce, pipelining: 1 });
  let left = count;
  const post = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const headers = { 'content-type': 'application/json', 'ptp-sequence': String(count - left) };
      const answer = await agent.request({ origin, path, method: 'POST', headers, body });
      await answer.body.dump();
    }
  };
  const startedMs = Number(process.hrtime.bigint() / 1_000n) / 1_000;
  await Promise.all(Array.from({ length: atOnce }, post));
  await agent.close();
  return startedMs;
}

let isWarm = false;
process.on('message', (asked: Posts & { warmUp?: true }) => {
  const run = async (): Promise<void> => {
    if (asked.warmUp && !isWarm) await postAll({ ...asked, count: WARM_UP });
    isWarm = true;
    process.send?.({ startedMs: asked.warmUp ? 0 : await postAll(asked) });
  };
  void run();
});
process.on('disconnect', () => process.exit(0));
process.stdout.write('ready\n');
