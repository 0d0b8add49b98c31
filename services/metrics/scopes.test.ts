import { BadMessage } from '../shared/messageChecks.js';
import type { GatewayReport } from '../shared/messages.js';
import { MAX_SCOPES, readGatewayReport, Scopes } from './scopes.js';

const report = (more: Partial<GatewayReport> = {}): GatewayReport => ({
  scope: 'cluster',
  gateway: 'g1',
  isReading: true,
  tailSequence: 5,
  lastSequence: 7,
  subscriptions: 3,
  behind: 1,
  oldestUndeliveredSeconds: 2,
  nodes: 4,
  cursorAgeSeconds: 0.2,
  ...more,
});
const read = (more: object): GatewayReport =>
  readGatewayReport(Buffer.from(JSON.stringify({ ...report(), ...more })), 'cluster');

describe('the gateways of a scope', () => {
  it('are summed up, and what is late is that of the latest', () => {
    const scopes = new Scopes({ forgetAfterMs: 60_000 });
    scopes.heard(report(), 0);
    scopes.heard(report({ gateway: 'g2', isReading: false, subscriptions: 4, oldestUndeliveredSeconds: 9 }), 0);
    expect(scopes.alive(0)).toEqual([{ labels: { scope: 'cluster' }, value: 2 }]);
    expect(scopes.reading(0)).toEqual([{ labels: { scope: 'cluster' }, value: 1 }]);
    expect(scopes.sum(0, ({ subscriptions }) => subscriptions)[0]?.value).toBe(7);
    expect(scopes.max(0, ({ oldestUndeliveredSeconds }) => oldestUndeliveredSeconds)[0]?.value).toBe(9);
  });

  it('are 0 once they are silent, their figures absent, and the scope forgotten in the end', () => {
    const scopes = new Scopes({ forgetAfterMs: 60_000 });
    scopes.heard(report(), 0);
    expect(scopes.alive(15_000)[0]?.value).toBe(1);
    expect(scopes.alive(15_001)[0]?.value).toBe(0);
    expect(scopes.max(15_001, ({ behind }) => behind)).toEqual([]);
    expect(scopes.alive(60_001)).toEqual([]);
  });

  it('are missed for as long as they lived, and for a minute at least', () => {
    const scopes = new Scopes({ forgetAfterMs: 86_400_000 });
    scopes.heard(report(), 0);
    scopes.heard(report(), 4_000);
    expect(scopes.alive(64_000)).toHaveLength(1);
    expect(scopes.alive(64_001)).toEqual([]);
    // One that soon comes back is remembered from its first time on.
    for (let at = 300_000; at <= 3_600_000; at += 300_000) scopes.heard(report(), at);
    expect(scopes.alive(7_200_000)).toHaveLength(1);
    expect(scopes.alive(7_200_001)).toEqual([]);
    // Hours later it is another one.
    scopes.heard(report(), 30_000_000);
    expect(scopes.alive(30_060_001)).toEqual([]);
  });

  it('are not missed when the last one says that it leaves', () => {
    const scopes = new Scopes({ forgetAfterMs: 86_400_000 });
    scopes.heard(report(), 0);
    scopes.heard(report({ gateway: 'g2' }), 0);
    scopes.heard(report({ isLeaving: true }), 1_000);
    expect(scopes.alive(1_000)[0]?.value).toBe(1);
    scopes.heard(report({ gateway: 'g2' }), 2_000);
    scopes.heard(report({ gateway: 'g2', isLeaving: true }), 3_000);
    expect(scopes.alive(3_000)).toEqual([]);
    scopes.heard(report({ gateway: 'g3' }), 4_000);
    expect(scopes.alive(19_001)[0]?.value).toBe(0);
  });

  it('are not said to be none while the broker is not heard, nor soon after', () => {
    const scopes = new Scopes({ forgetAfterMs: 60_000 });
    scopes.heard(report(), 0);
    scopes.heardSince = undefined;
    expect(scopes.alive(10_000)[0]?.value).toBe(1);
    expect(scopes.alive(20_000)).toEqual([]);
    scopes.heardSince = 20_000;
    expect(scopes.alive(35_000)).toEqual([]);
    expect(scopes.reading(35_001)[0]?.value).toBe(0);
  });

  it('are bounded in number, and so are scopes: one that nobody serves leaves first', () => {
    const scopes = new Scopes({ forgetAfterMs: 60_000 });
    for (let i = 0; i < 64; i += 1) expect(scopes.heard(report({ gateway: `g${i}` }), 0)).toBe(true);
    expect(scopes.heard(report({ gateway: 'one more' }), 0)).toBe(false);
    for (let i = 1; i < MAX_SCOPES; i += 1) scopes.heard(report({ scope: `s${i}` }), 10_000);
    expect(scopes.heard(report({ scope: 'more' }), 10_000)).toBe(false);
    expect(scopes.heard(report({ scope: 'more' }), 15_001)).toBe(true);
    expect(scopes.alive(15_001)).toHaveLength(MAX_SCOPES);
  });
});

describe('a message of ptp.gateways', () => {
  it('is read', () => expect(read({})).toEqual(report()));

  it.each<[string, object]>([
    ['another scope than its subject', { scope: 'other' }],
    ['no gateway', { gateway: '' }],
    ['a very long gateway', { gateway: 'x'.repeat(129) }],
    ['a word for a yes', { isReading: 'yes' }],
    ['a negative number', { behind: -1 }],
    ['no number', { cursorAgeSeconds: 'NaN' }],
    ['a novel in it', { more: 'x'.repeat(5_000) }],
  ])('is refused with %s', (_, more) => {
    expect(() => read(more)).toThrow(BadMessage);
  });
});
