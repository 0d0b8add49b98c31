import { MsgHdrsImpl } from '@nats-io/transport-node';
import fc from 'fast-check';
import { readHeadersWithCare } from './headers.js';

readHeadersWithCare();
const decode = (text: string): MsgHdrsImpl => MsgHdrsImpl.decode(Buffer.from(text));
const PLACE = 'Nats-Stream: S\r\nNats-Subject: a\r\nNats-Sequence: 7\r\nNats-Time-Stamp: 2026-03-01T12:00:00Z\r\n\r\n';

describe('a header block', () => {
  it.each(['404 Message Not Found', '503', '409 Consumer Deleted', '100 FlowControl Request', '-1 x'])(
    'of the server itself has the status %s',
    (status) => {
      expect(decode(`NATS/1.0 ${status}\r\n\r\n`).code).toBe(Number.parseInt(status, 10));
    },
  );

  it.each([
    ['a status', 'NATS/1.0 404 Not Found\r\n'],
    ['a status and no line end', 'NATS/1.0 4'],
    ['headers of its own', 'NATS/1.0 503\r\nNats-Sequence: 99\r\nKV-Operation: DEL\r\n'],
    ['a name with a blank', 'NATS/1.0 404\r\na b: c\r\n'],
    ['a value on two lines', 'NATS/1.0 404\r\na: b\nc\r\n'],
    ['no block at all', 'garbage'],
  ])('that was stored with %s has none, and its place is known', (_, stored) => {
    const read = decode(`${stored}${PLACE}`);
    expect([read.code, read.last('Nats-Subject'), read.last('Nats-Sequence')]).toEqual([0, 'a', '7']);
  });

  it('keeps what can be read of one that is broken', () => {
    const read = decode('NATS/1.0\r\na b: c\r\nPtp-Clock: {}\r\nd: e\nf\r\n: g\r\n\r\n');
    expect([read.get('Ptp-Clock'), read.has('d')]).toEqual(['{}', false]);
  });

  it('never stops the client', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void MsgHdrsImpl.decode(bytes)));
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (lines) => void decode(`NATS/1.0\r\n${lines.join('\r\n')}`)),
    );
  });
});
