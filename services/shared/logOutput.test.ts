import { createLog } from './log.js';
import { LogOutput } from './logOutput.js';

const failed = (code: string): Error => Object.assign(new Error(code), { code });
let written: string;
let room: number;
let why: string;
let attempts: number;
const output = new LogOutput('gateway', (bytes) => {
  attempts += 1;
  if (room === 0) throw failed(why);
  const part = bytes.subarray(0, room);
  room -= part.length;
  written += Buffer.from(part).toString();
  return part.length;
});

beforeEach(() => ([written, room, why, attempts] = ['', Infinity, 'ENOSPC', 0]));

describe('a log that cannot be written', () => {
  it('keeps nobody from going on, and says afterwards how many lines are missing', () => {
    const log = createLog('gateway', 'info', output);
    room = 0;
    log.info('one');
    log.fatal('two');
    room = Infinity;
    log.info('three');
    log.info('four');
    const lines = written
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { msg: string; lines?: number });
    expect(lines.map(({ msg }) => msg)).toEqual([expect.stringContaining('missing'), 'three', 'four']);
    expect(lines[0]).toMatchObject({ level: 'warn', service: 'gateway', lines: 2 });
  });

  it('begins a line anew behind one that was cut off', () => {
    room = 5;
    output.write('a long line\n');
    room = Infinity;
    output.write('next\n');
    expect(written).toMatch(/^a lon\n\{.*"lines":1.*\}\nnext\n$/);
  });

  it('that is a full pipe is waited for a moment, once', () => {
    [room, why] = [0, 'EAGAIN'];
    output.write('one\n');
    expect(attempts).toBeGreaterThan(5);
    attempts = 0;
    output.write('two\n');
    expect(attempts).toBe(1);
    room = Infinity;
    output.write('three\n');
  });
});
