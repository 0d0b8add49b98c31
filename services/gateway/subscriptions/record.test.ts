import { BadMessage } from '../../shared/messageChecks.js';
import { readRecord } from './record.js';

const record = {
  id: 's1',
  resource: '/cluster/node/n1/sync',
  filter: { node: 'n1', path: '/sync' },
  endpointUri: 'http://consumer/event',
  owner: '127.0.0.1',
  createdAt: '2026-03-01T12:00:00.000Z',
  start: 1,
  stream: '2026-03-01T12:00:00Z',
  incarnation: 'i1',
};
const read = (more: object): unknown => readRecord(Buffer.from(JSON.stringify({ ...record, ...more }, null, 2)));

describe('a stored subscription', () => {
  it('may have the word null in its endpoint', () => {
    const endpointUri = 'http://consumer/a:null';
    expect(read({ endpointUri })).toMatchObject({ endpointUri });
  });

  it('is none when a member is null, however its JSON is spaced', () => {
    expect(() => read({ secret: null })).toThrow(BadMessage);
  });
});
