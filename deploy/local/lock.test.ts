import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

describe('the lock of a data folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ptp-lock-'));
  const path = join(folder, 'lock');

  afterEach(() => rmSync(path, { force: true }));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('leaves nothing behind', async () => {
    const { takeLock } = await import('./lock.mjs');
    takeLock(path)();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is refused while its owner lives', async () => {
    const { takeLock, ownerOf } = await import('./lock.mjs');
    const owner = spawn('sleep', ['60']);
    try {
      writeFileSync(path, ownerOf(owner.pid ?? 0));
      expect(() => takeLock(path)).toThrow(`npm start runs here already (process ${owner.pid})`);
    } finally {
      owner.kill();
    }
  });

  it.each([
    ['of a process that is gone', '4194304 1'],
    ['of another process that had the same id before', `${process.pid} 1`],
    ['without an owner', ''],
  ])('is taken over when it is one %s', async (_, stale) => {
    const { takeLock, ownerOf } = await import('./lock.mjs');
    writeFileSync(path, stale);
    takeLock(path);
    expect(readFileSync(path, 'utf8')).toBe(ownerOf(process.pid));
    expect(readdirSync(folder)).toEqual(['lock']);
  });
});
