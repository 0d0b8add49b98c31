import fc from 'fast-check';
import { LineSplitter, MAX_LINE_BYTES } from './lineSplitter.js';

const split = (splitter: LineSplitter, text: string): (string | undefined)[] => splitter.split(Buffer.from(text));

describe('bytes of a connection', () => {
  it('become the same lines however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[ -~]{0,40}$/)),
        fc.array(fc.integer({ min: 1, max: 30 })),
        (lines, cuts) => {
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
          const splitter = new LineSplitter();
          const found: (string | undefined)[] = [];
          let start = 0;
          for (const cut of cuts) {
            found.push(...splitter.split(bytes.subarray(start, start + cut)));
            start = Math.min(start + cut, bytes.length);
          }
          found.push(...splitter.split(bytes.subarray(start)));
          expect(found).toEqual(lines);
        },
      ),
    );
  });

  it('may be a line of 64 KiB, not more', () => {
    const splitter = new LineSplitter();
    const longest = 'x'.repeat(MAX_LINE_BYTES);
    expect(split(splitter, `${longest}\n`)).toEqual([longest]);
    expect(split(splitter, `${longest}y\nnext\n`)).toEqual([undefined, 'next']);
  });

  it('are thrown away while a line is too long, and the next line counts again', () => {
    const splitter = new LineSplitter();
    for (let i = 0; i < 100; i++) expect(split(splitter, 'x'.repeat(10_000))).toEqual([]);
    expect(split(splitter, 'end\nptp4l[1.1]')).toEqual([undefined]);
    expect(split(splitter, ': …\n')).toHaveLength(1);
  });
});
