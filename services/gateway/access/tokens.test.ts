import { createHash } from 'node:crypto';
import { checkOwner, Forbidden, hasRole, openAccess, Unauthenticated, type Caller, type Role } from './caller.js';
import { parseTokens, TokenAccess } from './tokens.js';

const DU = 'du-token-du-token-du-token';
const OPS = 'ops-token-ops-token-ops-token==';
const FILE = `
- name: du-1
  token: ${DU}
  roles: [subscriber]
- name: ops # also as JSON
  sha256: ${createHash('sha256').update(OPS).digest('hex')}
  roles: ["admin"]
`;
const access = new TokenAccess(parseTokens(FILE));
const callerOf = (authorization: string): Caller => access.callerOf({ authorization });

describe('tokens', () => {
  it.each([
    [`Bearer ${DU}`, 'token:du-1'],
    [`bearer  ${DU} `, 'token:du-1'],
    [`Bearer ${OPS}`, 'token:ops'],
  ])('are known: %s', (authorization, owner) => {
    expect(callerOf(authorization)).toMatchObject({ owner, isAuthenticated: true });
  });

  it.each(['', 'Bearer', 'Bearer ', `Basic ${DU}`, `Bearer ${DU}x`, `Bearer ${DU.slice(1)}`, `Bearer ${DU} x`, DU])(
    'are not: %p',
    (authorization) => {
      expect(() => callerOf(authorization)).toThrow(Unauthenticated);
    },
  );

  it('can be replaced', () => {
    const changing = new TokenAccess(parseTokens(FILE));
    changing.replace(parseTokens(`[{"name":"b","token":"another-long-token","roles":["reader"]}]`));
    expect(() => changing.callerOf({ authorization: `Bearer ${DU}` })).toThrow(Unauthenticated);
    expect(changing.callerOf({ authorization: 'Bearer another-long-token' }).owner).toBe('token:b');
  });

  it.each([
    ['', /list/],
    ['[]', /list/],
    ['a: b', /list/],
    ['- [', /not YAML, see line/],
    ['- null', /entry 1: "name"/],
    [`- {name: a b, token: ${DU}, roles: [reader]}`, /"name"/],
    [`- {name: a, roles: [reader]}`, /one of "token" and "sha256"/],
    [`- {name: a, token: ${DU}, sha256: aa, roles: [reader]}`, /one of/],
    [`- {name: a, token: short-secret, roles: [reader]}`, /16 or more/],
    [`- {name: a, token: "${DU} ", roles: [reader]}`, /16 or more/],
    [`- {name: a, sha256: short-secret, roles: [reader]}`, /64 hexadecimal/],
    [`- {name: a, token: ${DU}}`, /"roles"/],
    [`- {name: a, token: ${DU}, roles: []}`, /"roles"/],
    [`- {name: a, token: ${DU}, roles: [root]}`, /reader, subscriber, publisher, admin/],
    [`- {name: a, token: ${DU}, roles: [reader], role: admin}`, /no "role"/],
    [`- {name: a, token: ${DU}, roles: [reader]}\n- {name: b, token: ${DU}, roles: [reader]}`, /entry 2/],
  ])('are refused in %p, without showing them', (text, reason) => {
    const read = (): unknown => parseTokens(text);
    expect(read).toThrow(TypeError);
    expect(read).toThrow(reason);
    expect(read).not.toThrow(new RegExp(`${DU}|short-secret`));
  });
});

const withRoles = (...roles: Role[]): Caller => ({ owner: 'token:a', isAuthenticated: true, roles: new Set(roles) });

describe('roles', () => {
  it.each<[Role[], Role[]]>([
    [['reader'], ['reader']],
    [['subscriber'], ['reader', 'subscriber']],
    [['publisher'], ['reader', 'publisher']],
    [['admin'], ['reader', 'subscriber', 'publisher', 'admin']],
  ])('%p may do what %p may', (roles, may) => {
    const all: Role[] = ['reader', 'subscriber', 'publisher', 'admin'];
    expect(all.filter((role) => hasRole(withRoles(...roles), role))).toEqual(may);
  });

  it('keep a caller from what is not its own', () => {
    const own = { id: '1', owner: 'token:a' };
    const other = { id: '2', owner: 'token:b' };
    expect(() => checkOwner(withRoles('subscriber'), own)).not.toThrow();
    expect(() => checkOwner(withRoles('subscriber'), other)).toThrow(Forbidden);
    expect(() => checkOwner(withRoles('admin'), other)).not.toThrow();
  });
});

describe('without authentication', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::1', '::1'],
    ['', ''],
  ])('a caller from %p is %p', (address, owner) => {
    const caller = openAccess.callerOf({ authorization: 'Bearer x', address });
    expect(caller.owner).toBe(owner);
    expect(hasRole(caller, 'publisher')).toBe(true);
    expect(hasRole(caller, 'admin')).toBe(false);
    expect(() => checkOwner(caller, { id: '1', owner: 'another' })).not.toThrow();
  });
});
