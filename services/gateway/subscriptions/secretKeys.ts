import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SEALED = /^sealed:([0-9a-f]{8}):([A-Za-z0-9_-]+)$/;

/** What would make a gateway keep secrets. */
export const HOW_TO_SET =
  'set SECRET_KEYS_FILE (a file of keys, one a line) or SECRET_KEYS (keys with commas between them), each the base64 of 32 random bytes: openssl rand -base64 32';

/** A subscription with a secret, at a gateway that has no key to seal it with. */
export class NoSecretKey extends Error {
  override name = 'NoSecretKey';
}

/** A secret that cannot be opened: what is signed with it cannot be sent. */
export class SecretNotReadable extends Error {
  override name = 'SecretNotReadable';
}

interface Key {
  /** Tells keys apart, and says nothing about them. */
  id: string;
  bytes: Buffer;
}

/**
 * Seals the secrets of subscriptions, so that who may read the bucket cannot sign pushes: AES-256-GCM, with the place of
 * the secret as additional data, so that a sealed one is worth nothing at another place. The first key seals, all of them
 * open.
 */
export class SecretKeys {
  readonly #keys: readonly Key[];

  constructor(keys: readonly Buffer[]) {
    this.#keys = keys.map((bytes) => ({ id: createHash('sha256').update(bytes).digest('hex').slice(0, 8), bytes }));
  }

  /** Throws NoSecretKey. */
  check(): void {
    if (this.#keys.length === 0) throw new NoSecretKey(`this gateway cannot keep a "secret": ${HOW_TO_SET}`);
  }

  /** A secret as it is stored. Without a key, and when it is sealed already, it stays as it is. */
  seal(secret: string, place: string): string {
    const [key] = this.#keys;
    if (key === undefined || isSealed(secret)) return secret;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, key.bytes, nonce).setAAD(Buffer.from(place));
    const sealed = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `sealed:${key.id}:${sealed.toString('base64url')}`;
  }

  /** The secret in what was stored, also by a version that did not seal; undefined when no key opens it. */
  open(stored: string, place: string): string | undefined {
    if (!isSealed(stored)) return stored;
    const [, id, text = ''] = SEALED.exec(stored) ?? [];
    const sealed = Buffer.from(text, 'base64url');
    const key = this.#keys.find((one) => one.id === id);
    if (key === undefined || sealed.length <= NONCE_BYTES + TAG_BYTES) return undefined;
    const decipher = createDecipheriv(CIPHER, key.bytes, sealed.subarray(0, NONCE_BYTES))
      .setAAD(Buffer.from(place))
      .setAuthTag(sealed.subarray(-TAG_BYTES));
    try {
      return decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      return undefined;
    }
  }
}

/** Whether a secret is as `seal` makes it, and was not opened. */
export const isSealed = (secret: string): boolean => secret.startsWith('sealed:');

/** Reads keys between commas or white space. Throws TypeError that says which one is wrong, never what it says. */
export function parseSecretKeys(text: string): Buffer[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 0) throw new TypeError('there is no key in it');
  return words.map((word, i) => {
    const key = Buffer.from(word, 'base64');
    if (key.length === KEY_BYTES && key.toString('base64') === word) return key;
    throw new TypeError(`key ${i + 1} is not the base64 of 32 bytes, as openssl rand -base64 32 makes it`);
  });
}
