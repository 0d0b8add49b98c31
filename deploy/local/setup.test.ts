import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ptp-setup-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a version of Node', () => {
  it.each([
    ['14.21.3', true],
    ['20.9.0', true],
    ['20.18.0', true],
    ['20.18.1', false],
    ['20.20.2', false],
    ['22.0.0', false],
    ['24.1.0', false],
  ])('%s: too old is %s', async (version, tooOld) => {
    const { isOlder } = await import('./nodeVersion.mjs');
    expect(isOlder(version, '20.18.1')).toBe(tooOld);
  });
});

describe('the dependencies', () => {
  const wanted = { packages: { '': {}, 'node_modules/koa': { version: '3.0.0' } } };
  const otherPlatform = { 'node_modules/buf-win32': { version: '1.0.0', optional: true } };

  it.each([
    ['as in the lock file', { 'node_modules/koa': { version: '3.0.0' } }, true],
    ['of another version', { 'node_modules/koa': { version: '2.0.0' } }, false],
    ['missing', {}, false],
  ])('that are %s', async (_, packages, installed) => {
    const { isInstalled } = await import('./dependencies.mjs');
    expect(isInstalled({ packages: { ...wanted.packages, ...otherPlatform } }, { packages })).toBe(installed);
  });

  it('are not there as long as npm has not finished', async () => {
    const { isInstalled } = await import('./dependencies.mjs');
    expect(isInstalled(wanted, undefined)).toBe(false);
  });
});

describe('nats-server', () => {
  it('is found on PATH before the usual folders, if it can be run', async () => {
    const { findProgram } = await import('./programs.mjs');
    for (const name of ['bin', 'sbin', 'other']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'bin/nats-server'), 'no program');
    for (const name of ['sbin', 'other']) {
      writeFileSync(join(folder, name, 'nats-server'), '#!/bin/sh');
      chmodSync(join(folder, name, 'nats-server'), 0o755);
    }
    const PATH = `${join(folder, 'bin')}:${join(folder, 'other')}`;
    expect(findProgram('nats-server', { PATH }, [join(folder, 'sbin')])).toBe(join(folder, 'other/nats-server'));
    expect(findProgram('nats-server', {}, [join(folder, 'sbin')])).toBe(join(folder, 'sbin/nats-server'));
    expect(findProgram('nats-server', {}, [])).toBeUndefined();
  });
});

describe('the build', () => {
  it('is due when a source has changed, come or gone', async () => {
    const { fingerprint } = await import('./build.mjs');
    mkdirSync(join(folder, 'services/shared/contract'), { recursive: true });
    writeFileSync(join(folder, 'services/a.ts'), 'a');
    const before = fingerprint(folder);
    writeFileSync(join(folder, 'services/shared/contract/made.ts'), 'made');
    expect(fingerprint(folder)).toBe(before);
    writeFileSync(join(folder, 'services/b.ts'), 'b');
    const after = fingerprint(folder);
    rmSync(join(folder, 'services/a.ts'));
    expect(new Set([before, after, fingerprint(folder)]).size).toBe(3);
  });
});

describe('the data folder', () => {
  it('is one sentence when it cannot be written', async () => {
    const { openDataFolder } = await import('./dataFolder.mjs');
    writeFileSync(join(folder, 'file'), '');
    expect(() => openDataFolder(join(folder, 'file/data'))).toThrow(
      `Cannot write to ${folder}/file/data (ENOTDIR): make it writable, or set DATA_DIR to another folder.`,
    );
  });

  it('has its socket elsewhere when the path would be too long for one', async () => {
    const { openDataFolder } = await import('./dataFolder.mjs');
    const data = openDataFolder(join(folder, 'x'.repeat(107)));
    try {
      expect(data.eventSocket.length).toBeLessThan(107);
      expect(data.eventSocket.startsWith(join(tmpdir(), 'ptp-event-bus-'))).toBe(true);
    } finally {
      data.close();
    }
  });
});
