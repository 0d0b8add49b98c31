import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A consumer that takes the endpoint check and then never answers an event. */
export interface HangingConsumer {
  /** `http://127.0.0.1:<port>`; every path below it hangs as well. */
  url: string;
  /** Events that are being posted. */
  open: () => number;
  close: () => Promise<void>;
}

/** @param answers events that are answered all the same, by their path */
export async function startHanging(answers: (path: string) => boolean = () => false): Promise<HangingConsumer> {
  let open = 0;
  const server = createServer((req, res) => {
    if (req.headers['ptp-subscription-id'] === undefined || answers(req.url ?? '')) {
      res.writeHead(204).end();
      return;
    }
    open += 1;
    res.on('close', () => (open -= 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => open,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
