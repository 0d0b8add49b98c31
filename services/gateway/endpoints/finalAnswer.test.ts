import fc from 'fast-check';
import { AnswerRefused, FinalAnswer } from './finalAnswer.js';

const ANSWER = 'HTTP/1.1 204 No Content\r\nx: 1\r\n\r\n';

/** What a client gets to read of an answer that comes in these parts. */
function read(parts: string[]): string {
  const answer = new FinalAnswer();
  answer.await();
  return parts
    .filter((part) => part !== '')
    .map((part) => Buffer.from(part, 'latin1'))
    .map((part) => (answer.isAwaited ? answer.begin(part) : part))
    .map((part) => part?.toString('latin1') ?? '')
    .join('');
}

describe('the beginning of an answer', () => {
  const interim = fc.constantFrom(
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.0 100\r\n\r\n',
    'HTTP/1.1 102 Processing\r\nx: y\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nlink: </b>\r\n\r\n',
    'HTTP/1.1 199 Whatever\n\n',
    '\r\n',
  );

  it('is found behind any interim answers, however they are cut', () => {
    fc.assert(
      fc.property(fc.array(interim, { maxLength: 8 }), fc.array(fc.nat(400)), (before, cuts) => {
        const all = before.join('') + ANSWER;
        const places = [0, ...cuts.filter((at) => at < all.length), all.length].toSorted((a, b) => a - b);
        const parts = places.slice(1).map((end, i) => all.slice(places[i], end));
        expect(read(parts)).toBe(ANSWER);
      }),
    );
  });

  it('is left to the client whatever it is, if it is no interim answer', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1, unit: 'binary-ascii' }), { minLength: 1 }), (parts) => {
        const all = parts.join('').replace(/^[\r\n]+/, '');
        fc.pre(!all.startsWith('H') && !all.startsWith('\x15'));
        expect(read(parts).replace(/^[\r\n]+/, '')).toBe(all);
      }),
    );
  });

  it('is no interim answer with a status of more digits, however it is cut', () => {
    const answer = 'HTTP/1.1 1000 What\r\n\r\n';
    for (let at = 0; at < answer.length; at += 1) expect(read([answer.slice(0, at), answer.slice(at)])).toBe(answer);
  });

  it('leaves what comes after it alone, also what looks like an interim answer', () => {
    expect(read(['HTTP/1.1 200 OK\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n'])).toContain('100 Continue');
  });

  it.each([
    ['101', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', /switched protocols/],
    ['101 after 100', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n', /switched protocols/],
    ['a status below 100', 'HTTP/1.1 042 What\r\n\r\n', /status 042/],
    ['TLS', '\x15\x03\x01\x00\x02\x02\x46', /TLS.*https/],
    ['interim answers without end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1_000), /without end/],
    ['an interim answer without end', `HTTP/1.1 100 Continue\r\nx: ${'y'.repeat(20_000)}`, /without end/],
  ])('is refused when it is %s', (_, text, reason) => {
    expect(() => read([text])).toThrow(AnswerRefused);
    expect(() => read([text])).toThrow(reason);
  });
});
