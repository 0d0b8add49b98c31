import { BadName, canarySubject, eventSubject, nodeOfToken, nodeToken, resourceOfSubject } from './subjects.js';

describe('subjects', () => {
  it('maps a node and a resource to one subject and back', () => {
    const subject = eventSubject('compute-1.example.com', '/sync/ptp-status/lock-state');
    expect(subject).toBe('ptp.events.compute-1_example_com.sync.ptp-status.lock-state');
    expect(resourceOfSubject(subject)).toEqual({ node: 'compute-1.example.com', path: '/sync/ptp-status/lock-state' });
  });

  it('maps the canaries of a node to it and back', () => {
    const subject = canarySubject('compute-1.example.com');
    expect(subject).toBe('ptp.canary.compute-1_example_com');
    expect(resourceOfSubject(subject)).toEqual({ node: 'compute-1.example.com', path: '/canary' });
    expect(() => resourceOfSubject('ptp.canary')).toThrow(BadName);
  });

  it('maps different nodes to different tokens', () => {
    expect(nodeOfToken(nodeToken('a.b-c'))).toBe('a.b-c');
    expect(nodeToken('a.b')).not.toBe(nodeToken('a-b'));
  });

  it.each(['', '.', 'a..b', 'a_b', '*', '>', 'a b', 'nöde', 'a.', 'x'.repeat(254)])(
    'refuses the node name %p',
    (node) => {
      expect(() => nodeToken(node)).toThrow(BadName);
    },
  );

  it.each(['', '/', 'sync', '/sync/', '//sync', '/sync/*', '/sync/>', '/a.b', `/${'x'.repeat(512)}`])(
    'refuses the resource %p',
    (path) => {
      expect(() => eventSubject('n1', path)).toThrow(BadName);
    },
  );

  it.each(['ptp.events', 'ptp.events.n1', 'ptp.events.n$1.sync'])('finds no resource in %p', (subject) => {
    expect(() => resourceOfSubject(subject)).toThrow(BadName);
  });
});
