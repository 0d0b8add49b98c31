import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;

/** The key in a secret of Standard Webhooks (`whsec_` and base64 of 24 to 64 bytes); undefined when it is none. */
export function keyOf(secret: string): Buffer | undefined {
  if (!secret.startsWith(PREFIX)) return undefined;
  const text = secret.slice(PREFIX.length);
  const key = Buffer.from(text, 'base64');
  const isBase64 = key.toString('base64') === text;
  return isBase64 && key.length >= MIN_KEY_BYTES && key.length <= MAX_KEY_BYTES ? key : undefined;
}

/**
 * The headers of a signed push (Standard Webhooks, HMAC-SHA256); none without a secret.
 * @param id the event's: the same on every attempt, contains no dot
 * @param nowMs when the attempt is made
 */
export function signature(
  secret: string | undefined,
  { id, body }: { id: string; body: string },
  nowMs: number,
): Record<string, string> {
  const key = secret === undefined ? undefined : keyOf(secret);
  if (key === undefined) return {};
  const timestamp = String(Math.floor(nowMs / 1_000));
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` };
}
