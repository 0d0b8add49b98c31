import { lookup } from 'node:dns/promises';
import type { Caller } from '../access/caller.js';
import { literalAddress } from '../endpoints/policy.js';
import type { SubscriptionRecord } from './record.js';

/**
 * Which subscriptions are a caller's own. Who has shown who it is owns those it made. Without authentication it owns
 * those made from its address, and those whose endpoint's host is it or resolves to it. The reference consumer
 * deletes "all" subscriptions on its own initiative: it must not empty a shared gateway.
 */
export async function ownOf(
  records: readonly SubscriptionRecord[],
  { owner: caller, isAuthenticated }: Caller,
): Promise<SubscriptionRecord[]> {
  if (isAuthenticated) return records.filter(({ owner }) => owner === caller);
  const hosts = new Map<string, Promise<boolean>>();
  const isOwn = async ({ owner, endpointUri }: SubscriptionRecord): Promise<boolean> => {
    if (owner === caller) return true;
    const { hostname } = new URL(endpointUri);
    const resolves = hosts.get(hostname) ?? resolvesTo(hostname, caller);
    hosts.set(hostname, resolves);
    return resolves;
  };
  const own = await Promise.all(records.map(isOwn));
  return records.filter((_, i) => own[i]);
}

async function resolvesTo(hostname: string, address: string): Promise<boolean> {
  const literal = literalAddress(hostname);
  if (literal !== undefined) return literal === address;
  try {
    const addresses = await lookup(hostname, { all: true });
    return addresses.some((found) => found.address === address);
  } catch {
    return false;
  }
}
