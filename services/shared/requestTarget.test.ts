import { plainTarget, squashedPath } from './requestTarget.js';

describe('squashedPath', () => {
  it.each([
    ['/', '/'],
    ['/api/v1/health', '/api/v1/health'],
    ['/api/v1/health/', '/api/v1/health'],
    ['//api//v1///health', '/api/v1/health'],
    ['/%61pi/%7E%2d%5F%2E/%5a%30', '/api/~-_./Z0'],
    ['/v1/%2Fcluster%2fnode%2Fn1/CurrentState', '/v1/cluster/node/n1/CurrentState'],
    ['/cluster/node/./sync', '/cluster/node/sync'],
    ['/cluster/node/%2E/sync', '/cluster/node/sync'],
    ['/cluster/node/*/sync', '/cluster/node/*/sync'],
    ['/a/../b', '/a/../b'],
    ['/a%20b%00%E0%A4%A%', '/a%20b%00%E0%A4%A%'],
    ['/a%40%5B%60%7B%3A', '/a%40%5B%60%7B%3A'],
  ])('makes %s %s', (path, squashed) => {
    expect(squashedPath(path)).toBe(squashed);
  });
});

describe('plainTarget', () => {
  it.each([
    ['/api/v1/health', '/api/v1/health'],
    ['/a//b/?all=true', '/a/b?all=true'],
    ['//subscriptions?all=@#', '/subscriptions?all=@'],
    ['//a@b#', '/a@b'],
    ['//[::1/#', '/[::1'],
    ['/x?a#b?c', '/x?a'],
    ['http://elsewhere/api//x?y', '/api/x?y'],
    ['http://[::1/#', '/'],
    ['http://elsewhere', '/'],
    ['http://elsewhere?x', '/?x'],
    ['*', '/*'],
    ['?', '/?'],
    ['', '/'],
  ])('reads %s as %s', (target, plain) => {
    expect(plainTarget(target)).toBe(plain);
  });
});
