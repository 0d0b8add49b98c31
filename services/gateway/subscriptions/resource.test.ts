import { matchingKeys, filterKey, NotAResource, parseExactResource, parseResource, RESOURCES } from './resource.js';

describe('parseResource', () => {
  it.each([
    ['/cluster/node/n1/sync/ptp-status/lock-state', 'n1', '/sync/ptp-status/lock-state'],
    ['/cluster/node/compute-1.example.com/sync', 'compute-1.example.com', '/sync'],
    ['/cluster/node/*/sync/sync-status', '*', '/sync/sync-status'],
    ['/cluster/node/n1/ptp', 'n1', '/sync/ptp-status'],
    ['/cluster/node/n1/clock', 'n1', '/sync/sync-status'],
    ['/cluster/node/n1/sync/ptp-status/clock-class', 'n1', '/sync/ptp-status/ptp-clock-class-change'],
    ['/cluster/node/n1/sync/ptp-status/ptp-clock-class-change', 'n1', '/sync/ptp-status/ptp-clock-class-change'],
    ['/cluster/node/sync/sync', 'sync', '/sync'],
    ['/cluster/node/n1/sync/gnss-status/gnss-sync-status', 'n1', '/sync/gnss-status/gnss-sync-status'],
    ['/cluster/node/n1/sync/gnss-status/gnss-sync-state', 'n1', '/sync/gnss-status/gnss-sync-status'],
    ['/cluster/node/n1/sync/ptp-status/lock-state/', 'n1', '/sync/ptp-status/lock-state'],
    ['/cluster/node/n1/sync/ptp-status/clock-class//', 'n1', '/sync/ptp-status/ptp-clock-class-change'],
    ['/cluster/node/*/sync/', '*', '/sync'],
    ['/cluster/node/n1/ptp/', 'n1', '/sync/ptp-status'],
  ])('reads %s', (text, node, path) => {
    expect(parseResource(text)).toEqual({ node, path });
    expect(parseResource(text, 'own.example')).toEqual({ node, path });
  });

  it.each([
    ['/cluster/node/./sync/ptp-status/lock-state', '/sync/ptp-status/lock-state'],
    ['/cluster/node/./sync', '/sync'],
    ['/cluster/node/./ptp', '/sync/ptp-status'],
    ['/cluster/node/sync/ptp-status/lock-state', '/sync/ptp-status/lock-state'],
    ['/cluster/node/sync', '/sync'],
    ['/cluster/node/clock', '/sync/sync-status'],
    ['/cluster/node/sync/', '/sync'],
    ['/cluster/node/./sync/ptp-status/', '/sync/ptp-status'],
  ])('reads %s as the own node, where that is known', (text, path) => {
    expect(parseResource(text, 'own.example')).toEqual({ node: 'own.example', path });
    expect(() => parseResource(text)).toThrow(/NODE_NAME/);
  });

  it.each([
    '',
    '/',
    'cluster/node/n1/sync',
    '/cluster/node/n1',
    '/cluster/node//sync',
    '/cluster/node/n1/',
    '///',
    '/cluster/node/n1/sync/ptp-status/lock',
    '/cluster/node/n1/syn',
    '/cluster/node/n_1/sync',
    '/cluster/node/>/sync',
    '/cluster/node/n1/sync/*',
    '/cluster/node/../sync',
    '/cluster/node/.',
  ])('refuses %p and names the resources', (text) => {
    expect(() => parseResource(text)).toThrow(NotAResource);
  });

  it('names the resources there are', () => {
    expect(() => parseResource('/cluster/node/n1/nothing')).toThrow(
      /\/cluster\/node\/n1\/sync\/ptp-status\/lock-state/,
    );
  });
});

describe('parseExactResource', () => {
  it('names what is below a sub-tree', () => {
    expect(() => parseExactResource('/cluster/node/n1/sync/sync-status')).toThrow(
      /os-clock-sync-state, .*sync-status\/sync-state/,
    );
  });

  it('wants one node', () => {
    expect(() => parseExactResource('/cluster/node/*/sync/ptp-status/lock-state')).toThrow(NotAResource);
  });
});

describe('matchingKeys', () => {
  it('holds the key of every filter that the event matches, and of no other', () => {
    for (const path of RESOURCES) {
      const keys = matchingKeys('n1', path);
      expect(keys).toContain(filterKey({ node: 'n1', path }));
      expect(keys).toContain(filterKey({ node: '*', path: '/sync' }));
      expect(keys).not.toContain(filterKey({ node: 'n2', path }));
      expect(new Set(keys).size).toBe(keys.length);
    }
    expect(matchingKeys('n1', '/sync/ptp-status/lock-state')).not.toContain('n1 /sync/sync-status');
  });
});
