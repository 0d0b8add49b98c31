import { createServer, type AddressInfo, type Server } from 'node:net';

describe('a port of the local run', () => {
  let other: Server;
  let taken: number;

  beforeEach(async () => {
    other = createServer();
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    taken = (other.address() as AddressInfo).port;
  });

  afterEach(() => new Promise((resolve) => void other.close(resolve)));

  it('is the next free one when another program listens on it', async () => {
    const { freePort } = await import('./ports.mjs');
    expect(await freePort(taken, '127.0.0.1')).toBeGreaterThan(taken);
  });

  it('is not given twice', async () => {
    const { freePort } = await import('./ports.mjs');
    const ports = new Set<number>();
    const first = await freePort(taken, '127.0.0.1', ports);
    expect(await freePort(taken, '127.0.0.1', ports)).toBeGreaterThan(first);
  });

  it('is known to be taken', async () => {
    const { isFree } = await import('./ports.mjs');
    expect(await isFree(taken, '127.0.0.1')).toBe(false);
  });

  it('must be one that may be opened', async () => {
    const { isFree } = await import('./ports.mjs');
    await expect(isFree(taken, '192.0.2.1')).rejects.toThrow(`Cannot listen on 192.0.2.1, port ${taken}`);
  });
});
