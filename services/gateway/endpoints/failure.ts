import { errors } from 'undici';
import { CLOSED, endOf } from './connection.js';
import { AnswerRefused } from './finalAnswer.js';
import { EndpointRefused } from './policy.js';

/** Longest time to connect. */
export const CONNECT_MS = 3_000;

/** Why there was no answer, in one word; the label of a metric. */
export type FailureKind = 'connect' | 'name' | 'policy' | 'tls' | 'closed' | 'malformed' | 'timeout' | 'other';

/** Why there was no answer to a request. */
export interface Failure {
  why: FailureKind;
  /** In words for a log or a caller; never what the other side said. */
  reason: string;
}

const KNOWN: Record<string, Failure> = {
  ECONNREFUSED: { why: 'connect', reason: 'connection refused' },
  EHOSTUNREACH: { why: 'connect', reason: 'host unreachable' },
  ENETUNREACH: { why: 'connect', reason: 'network unreachable' },
  EADDRNOTAVAIL: { why: 'connect', reason: 'no local address or port to connect from' },
  EMFILE: { why: 'connect', reason: 'this process may not open more connections' },
  ETIMEDOUT: { why: 'connect', reason: 'connection timed out' },
  UND_ERR_CONNECT_TIMEOUT: { why: 'connect', reason: `no connection within ${CONNECT_MS} ms` },
  ENOTFOUND: { why: 'name', reason: 'host name not found' },
  EAI_AGAIN: { why: 'name', reason: 'host name could not be looked up' },
  UND_ERR_HEADERS_OVERFLOW: { why: 'malformed', reason: 'its answer is refused: headers too long' },
  UND_ERR_ABORTED: { why: 'other', reason: 'aborted' },
};

/** As OpenSSL reports it: its reason is one of its own constant texts. */
interface TlsError extends NodeJS.ErrnoException {
  reason?: string;
}

/** What the error of a request means. */
export function failureOf(err: unknown): Failure {
  if (err instanceof EndpointRefused) return { why: 'policy', reason: err.message };
  if (err instanceof AnswerRefused) return { why: 'malformed', reason: err.message };
  const { code = '', message } = err as NodeJS.ErrnoException;
  const known = KNOWN[code];
  if (known !== undefined) return known;
  const how = CLOSED[code];
  if (how !== undefined) return { why: 'closed', reason: `connection ${how} by the other side ${when(err)}` };
  if (err instanceof errors.HTTPParserError || err instanceof errors.ResponseContentLengthMismatchError) {
    return { why: 'malformed', reason: malformed(err) };
  }
  const tls = tlsReason(err as TlsError);
  if (tls !== undefined) return { why: 'tls', reason: tls };
  return { why: 'other', reason: (code || message).slice(0, 200) };
}

function when(err: unknown): string {
  const end = endOf(err);
  if (end === undefined) return 'while it was made';
  if (end.during === 'answer') return 'in the middle of its answer';
  const isUnexplained = end.during === 'first request' && !end.isTls;
  return isUnexplained ? 'before it answered: does it expect https?' : 'before it answered';
}

/** The parser's own words; for a header with a content-length undici has others, which mislead. */
function malformed(err: Error): string {
  const [, words] = /\((.*)\)$/.exec(err.message) ?? [];
  return `its answer is not valid HTTP/1.1 (${words ?? 'malformed header'})`;
}

const CERTIFICATE = /CERT|SIGNATURE|HOSTNAME_MISMATCH|ISSUER|CRL|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH/;

function tlsReason({ code = '', reason }: TlsError): string | undefined {
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') return 'no TLS: what it answers is none, perhaps it expects http';
  if (reason !== undefined) return `no TLS: ${reason}`;
  if (CERTIFICATE.test(code)) return `its certificate is not accepted: ${code}`;
  return code === 'EPROTO' || /^ERR_(SSL|TLS)_/.test(code) ? `no TLS: ${code}` : undefined;
}
