import { differences } from './differences.js';
import type { SubscriptionRecord } from './record.js';

const record = (id: string, more: Partial<SubscriptionRecord> = {}): SubscriptionRecord => ({
  id,
  resource: '/cluster/node/n1/sync',
  filter: { node: 'n1', path: '/sync' },
  endpointUri: 'http://127.0.0.1:9090/event',
  owner: 'o',
  createdAt: '2026-03-01T12:00:00.000Z',
  start: 1,
  stream: 's',
  incarnation: id,
  ...more,
});
const map = (...records: SubscriptionRecord[]) => new Map(records.map((one) => [one.id, one]));
const none = { added: [], changed: [], replaced: [], removed: [] };

describe('differences', () => {
  it('finds none between equal lists', () => {
    expect(differences(map(record('a')), [record('a')], () => false)).toEqual(none);
  });

  it('tells what was added, changed, made again and removed', () => {
    const known = map(record('same'), record('off'), record('again'), record('gone'));
    const off = record('off', { disabledAt: '2026-03-01T12:00:00.000Z' });
    const again = record('again', { incarnation: 'other', start: 9 });
    expect(differences(known, [record('same'), off, again, record('new')], () => false)).toEqual({
      added: [record('new')],
      changed: [off],
      replaced: [again],
      removed: [record('gone')],
    });
  });

  it('says nothing about those that we change ourselves', () => {
    const known = map(record('made'), record('changed', { dataVersion: 'v1' }));
    expect(differences(known, [record('changed'), record('deleted')], () => true)).toEqual(none);
  });
});
