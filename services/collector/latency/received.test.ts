import { BadMessage } from '../../shared/messageChecks.js';
import { readReceipt } from './received.js';

const about = {
  event: '5d6ad8b6-3b0c-4e37-a9a5-8b8a2f1c7f5e',
  subject: 'ptp.events.compute-1.sync.ptp-status.lock-state',
  scope: 'cluster',
  gateway: 'g1',
  sentAtMs: 1_772_366_408_243.25,
};
const tail = { matches: 3, receivedAtMs: 1_772_366_408_243, stalledMs: 0.5, others: 0, otherMatches: 0 };
const delivery = {
  subscription: 's1',
  outcome: 'delivered',
  attempts: 1,
  queueMs: 0.5,
  retryMs: 0,
  postMs: 2,
  weight: 1,
};
const read = (value: unknown): unknown => readReceipt(Buffer.from(JSON.stringify(value) ?? ''), 'compute-1');

describe('a receipt', () => {
  it('is read with what it is about', () => {
    const topic = { resource: '/sync/ptp-status/lock-state', traffic: 'event' };
    const { subject: _, sentAtMs: __, ...sender } = about;
    expect(read({ ...about, tail })).toEqual({ ...sender, topic, heldMs: 0, tail });
    expect(read({ ...about, delivery, heldMs: 4.5 })).toEqual({ ...sender, topic, heldMs: 4.5, delivery });
    const canary = { ...about, subject: 'ptp.canary.compute-1', delivery: { ...delivery, queueMs: undefined } };
    expect(read(canary)).toMatchObject({ topic: { resource: '/canary', traffic: 'canary' } });
  });

  it.each([
    ['nothing', undefined],
    ['a list', []],
    ['a word', 'delivered'],
    ['neither of the tail nor of a delivery', about],
    ['of both', { ...about, tail, delivery }],
    ['of another node', { ...about, subject: 'ptp.events.compute-2.sync.ptp-status.lock-state', tail }],
    ['of no resource', { ...about, subject: 'ptp.events.compute-1.sync.ptp-status.other', tail }],
    ['of an event on a canary subject', { ...about, subject: 'ptp.canary.compute-1.sync.ptp-status.lock-state', tail }],
    ['of a canary among the events', { ...about, subject: 'ptp.events.compute-1.canary', tail }],
    ['of a subject that is a number', { ...about, subject: 1, tail }],
    ['without a scope', { ...about, scope: undefined, tail }],
    ['of an endless id', { ...about, event: 'x'.repeat(257), tail }],
    ['of an id with blanks', { ...about, event: 'group 0', tail }],
    ['without a time', { ...about, sentAtMs: null, tail }],
    ['held back for less than nothing', { ...about, heldMs: -1, tail }],
    ['held back for a word', { ...about, heldMs: 'long', tail }],
    ['of a tail that is null', { ...about, tail: null }],
    ['of half a match', { ...about, tail: { ...tail, matches: 0.5 } }],
    ['of too many others', { ...about, tail: { ...tail, others: 1_000_001 } }],
    ['of negative matches', { ...about, tail: { ...tail, otherMatches: -1 } }],
    ['of a time that is text', { ...about, tail: { ...tail, receivedAtMs: 'NaN' } }],
    ['of an endless stall', { ...about, tail: { ...tail, stalledMs: 1e300 } }],
    ['of an unknown outcome', { ...about, delivery: { ...delivery, outcome: 'duplicate' } }],
    ['of a negative time', { ...about, delivery: { ...delivery, postMs: -0.001 } }],
    ['of no time', { ...about, delivery: { ...delivery, retryMs: undefined } }],
    ['of no weight', { ...about, delivery: { ...delivery, weight: 0 } }],
    ['of too much weight', { ...about, delivery: { ...delivery, weight: 1e9 } }],
    ['of no subscription', { ...about, delivery: { ...delivery, subscription: '' } }],
    ['with more than anybody would say', { ...about, tail, more: 'x'.repeat(4_096) }],
  ])('%s is none', (_, value) => {
    let receipt: unknown;
    try {
      receipt = read(value);
    } catch (err) {
      expect(err).toBeInstanceOf(BadMessage);
    }
    expect(receipt).toBeUndefined();
  });

  it('that is no JSON is none', () => {
    expect(() => readReceipt(Buffer.from('{'), 'compute-1')).toThrow(BadMessage);
  });
});
