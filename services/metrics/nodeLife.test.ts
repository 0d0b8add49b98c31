import { BadMessage } from '../shared/messageChecks.js';
import { readLifeMs } from './nodeLife.js';

const WRITTEN = Date.parse('2026-03-01T12:00:00.000Z');
const life = (value: object): number | undefined =>
  readLifeMs(
    Buffer.from(
      JSON.stringify({ node: 'n1', bootId: 'b', ports: [], writtenAt: '2026-03-01T12:00:00.000Z', ...value }),
    ),
  );
const resources = (...sequences: (string | undefined)[]): object => ({
  resources: sequences.map((sequence) => ({
    resource: '/x',
    type: 't',
    data: { version: '1.0', values: [] },
    clocks: [],
    ...(sequence && { lastEvent: { id: 'e', time: '2026-03-01T12:00:00.000Z', sequence } }),
  })),
});

describe('how long a node had lived', () => {
  it('follows from its first sequence, which is a time', () => {
    expect(life(resources(String(WRITTEN - 4_000), String(WRITTEN - 1_000), undefined))).toBe(4_000);
  });

  it.each([
    ['nothing was ever published', resources()],
    ['a resource has no event', resources(undefined)],
    ['sequences are no times', resources('7')],
    ['a sequence is ahead of the time', resources(String(WRITTEN + 10_000))],
  ])('is not known when %s', (_, value) => expect(life(value)).toBeUndefined());

  it.each([
    ['the time is none', { ...resources(String(WRITTEN)), writtenAt: 'then' }],
    ['the time is missing', { ...resources(String(WRITTEN)), writtenAt: undefined }],
  ])('cannot be read when %s', (_, value) => expect(() => life(value)).toThrow(BadMessage));
});
