import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../test/support/eventually.js';

describe('the last words of a process', () => {
  it.each([
    [
      'the sentence of a service that cannot start',
      '{"level":"info","msg":"x"}\ncollector cannot start: NODE_NAME is required\n',
      'NODE_NAME is required',
    ],
    [
      'all mistakes of a service that cannot start',
      'collector cannot start:\n  NODE_NAME is required\n  LOG_LEVEL must be a word\n',
      'NODE_NAME is required; LOG_LEVEL must be a word',
    ],
    [
      'the last error in a log of JSON',
      '{"level":"fatal","err":{"message":"disk full"},"msg":"failed"}\n{"level":"info","msg":"stopping"}\n',
      'failed: disk full',
    ],
    ['the last message, if it did not complain', '{"level":"info","msg":"ready"}\n', 'ready'],
    ['the last line of anything else', 'one\ntwo\n\n', 'two'],
    ['nothing, if it said nothing', '', ''],
  ])('are %s', async (_, log, words) => {
    const { lastWords } = await import('./processes.mjs');
    expect(lastWords(log)).toBe(words);
  });
});

describe('the processes of a run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ptp-processes-'));
  const options = { cwd: folder, env: process.env };
  afterAll(() => rmSync(folder, { recursive: true }));

  it('end the run when one of them ends by itself, and say why', async () => {
    const { Processes } = await import('./processes.mjs');
    const failure = new Promise<Error>((onFailure) => {
      const script = 'echo "collector cannot start: no disk" >&2; exit 3';
      new Processes(folder, onFailure).start('collector', ['sh', '-c', script], options);
    });
    expect((await failure).message).toBe(
      `The collector ended (exit code 3): no disk (log: ${join(folder, 'collector.log')}).`,
    );
  });

  it('are killed when they do not stop', async () => {
    const { Processes } = await import('./processes.mjs');
    const onFailure = jest.fn();
    const processes = new Processes(folder, onFailure);
    processes.start('broker', ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 60; done'], options);
    await eventually(() => readFileSync(join(folder, 'broker.log'), 'utf8') === 'ready\n');

    await processes.stop();

    expect(onFailure).not.toHaveBeenCalled();
  });

  it('hand over what they print, line by line, and keep it', async () => {
    const { Processes } = await import('./processes.mjs');
    const lines: string[] = [];
    const onLine = (line: string): void => void lines.push(line);
    const ended = new Promise((onFailure) => {
      new Processes(folder, onFailure).start('consumer', ['printf', 'one\ntwo\n'], { ...options, onLine });
    });
    await ended;
    expect(lines).toEqual(['one', 'two']);
    await eventually(() => readFileSync(join(folder, 'consumer.log'), 'utf8') === 'one\ntwo\n');
  });
});
