import ipaddr from 'ipaddr.js';
import { excerpt } from '../../shared/excerpt.js';

/** What a caller may do: read; subscribe and unsubscribe; publish; everything, also with what is others'. */
export const ROLES = ['reader', 'subscriber', 'publisher', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Who sends a request. */
export interface Caller {
  /** Whose its subscriptions and publishers are: `token:<name>`, or the address it calls from. */
  owner: string;
  /** Whether it has shown who it is; without authentication an address is all there is. */
  isAuthenticated: boolean;
  roles: ReadonlySet<Role>;
}

/** A request that does not show whose it is, where that is asked for. */
export class Unauthenticated extends Error {
  override name = 'Unauthenticated';
}

/** A caller without the right to do this. */
export class Forbidden extends Error {
  override name = 'Forbidden';
}

/** How callers show who they are. Other ways (JWT, client certificates) have their place here. */
export interface Access {
  /** Throws Unauthenticated. */
  callerOf(request: { authorization: string; address: string }): Caller;
}

/** No authentication: everybody is their address, may do everything with what is theirs, and nobody is admin. */
export const openAccess: Access = {
  callerOf: ({ address }) => ({
    owner: plainAddress(address),
    isAuthenticated: false,
    roles: new Set(['reader', 'subscriber', 'publisher']),
  }),
};

/** Every role includes reading; an admin has all of them. */
export const hasRole = ({ roles }: Caller, role: Role): boolean =>
  roles.has(role) || roles.has('admin') || (role === 'reader' && roles.size > 0);

/** Throws Forbidden when something of another owner is asked for; without authentication, who knows its id may. */
export function checkOwner(caller: Caller, { id, owner }: { id: string; owner: string }): void {
  if (!caller.isAuthenticated || owner === caller.owner || hasRole(caller, 'admin')) return;
  throw new Forbidden(`"${excerpt(id)}" belongs to another caller; the role admin is needed`);
}

/** An IPv4 address is itself on a socket that serves both families too (`::ffff:10.1.2.3`). */
export const plainAddress = (address: string): string =>
  ipaddr.isValid(address) ? ipaddr.process(address).toString() : address;
