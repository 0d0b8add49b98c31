import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { TlsIdentity } from '../../shared/http.js';

/** Paths of a certificate (with its chain) and of its key. */
export interface TlsFiles {
  cert: string;
  key: string;
}

/** Reads both; throws when they cannot be read, or do not belong together. */
export function readIdentity({ cert, key }: TlsFiles): TlsIdentity {
  const identity = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  createSecureContext(identity);
  return identity;
}
