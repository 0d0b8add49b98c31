import { readFileSync } from 'node:fs';
import { play, stampedAt, timedLines } from './replay.js';

describe('timedLines', () => {
  it('takes the spacing from the stamps', () => {
    expect(timedLines('ptp4l[7.100]: a\nptp4l[7.350]: b\n')).toEqual([
      { atMs: 0, line: 'ptp4l[7.100]: a' },
      { atMs: 250, line: 'ptp4l[7.350]: b' },
    ]);
  });

  it('lets a line without a stamp come with the one before it', () => {
    expect(timedLines('phc2sys[1.5]: a\nioctl PTP_SYS_OFFSET: x\nphc2sys[2.0]: b').map(({ atMs }) => atMs)).toEqual([
      0, 0, 500,
    ]);
  });

  it('leaves out what comes later than asked for', () => {
    expect(timedLines('ptp4l[1.0]: a\nptp4l[2.9]: b\nptp4l[3.0]: c', 2)).toHaveLength(2);
  });

  it('plays the whole of the first demo recording in a lap of 15.6 s', () => {
    const lines = timedLines(readFileSync('test/fixtures/recordings/offset-lines.log', 'utf8'));
    expect(lines.at(-1)?.atMs).toBe(14_564);
  });
});

describe('stampedAt', () => {
  it('writes the stamp as linuxptp does, cut off below', () => {
    expect(stampedAt('ptp4l[7.100]: [ptp4l.0.config] port 1[8.000]: a', 16_680_050.999)).toBe(
      'ptp4l[16680.050]: [ptp4l.0.config] port 1[8.000]: a',
    );
  });

  it.each(['ioctl PTP_SYS_OFFSET: x', 'GM[1700000000]:[ts2phc.0.config] ens1f0 T-GM-STATUS s1'])(
    'leaves %s alone',
    (line) => expect(stampedAt(line, 1_000)).toBe(line),
  );
});

describe('play', () => {
  it('writes all lines in order, each not before its time', async () => {
    const written: string[] = [];
    const start = performance.now();
    await play(
      [
        { atMs: 0, line: 'a' },
        { atMs: 100, line: 'b' },
      ],
      { write: async (line) => void written.push(line) },
      2,
    );
    expect(written).toEqual(['a', 'b']);
    // Node's timers may be a millisecond early.
    expect(performance.now() - start).toBeGreaterThanOrEqual(45);
  });
});
