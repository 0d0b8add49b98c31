import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A way to a broker that can be cut for one service alone. */
export interface Proxy {
  /** `nats://127.0.0.1:<port>` */
  url: string;
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function startProxy(brokerUrl: string): Promise<Proxy> {
  const { hostname, port } = new URL(brokerUrl);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) return void near.destroy();
    const far = connect(Number(port), hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('close', () => (sockets.delete(one), other.destroy())).on('error', () => {});
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const destroyAll = (): void => sockets.forEach((socket) => socket.destroy());
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true;
      destroyAll();
    },
    mend: () => void (isCut = false),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        destroyAll();
      }),
  };
}
