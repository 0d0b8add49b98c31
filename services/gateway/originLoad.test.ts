import { loadByOrigin } from './originLoad.js';

const served = (endpointUri: string, openLanes: number, held: number) => ({ record: { endpointUri }, openLanes, held });

describe('loadByOrigin', () => {
  it('sums the subscriptions of an origin, and names only the busiest', () => {
    const all = [
      served('http://a:1/x', 1, 2),
      served('http://a:1/y', 2, 3),
      served('http://b/', 1, 9),
      served('http://c/', 4, 1),
      served('http://d/', 3, 1),
      served('http://rest/', 0, 0),
    ];
    expect(loadByOrigin(all, 2)).toEqual([
      { origin: 'http://b', openLanes: 1, held: 9 },
      { origin: 'http://a:1', openLanes: 3, held: 5 },
      { origin: 'other', openLanes: 7, held: 2 },
    ]);
    expect(loadByOrigin([], 2)).toEqual([{ origin: 'other', openLanes: 0, held: 0 }]);
  });
});
