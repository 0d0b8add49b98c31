import { readFileSync } from 'node:fs';
import type { HttpServer } from '../../shared/http.js';
import type { Deps } from '../../shared/service.js';
import { openAccess, type Access } from './caller.js';
import { readIdentity, type TlsFiles } from './tls.js';
import { parseTokens, TokenAccess } from './tokens.js';
import { watchFiles } from './watchFiles.js';

/** Access with the tokens of a file, read again whenever it changes; without a file, no authentication. */
export function openTokens(file: string | undefined, { log, life }: Deps): Access {
  if (file === undefined) return openAccess;
  const read = (): ReturnType<typeof parseTokens> => parseTokens(readFileSync(file, 'utf8'));
  const access = new TokenAccess(read());
  const renew = (): void => {
    try {
      access.replace(read());
      log.info({ file }, 'read the tokens again');
    } catch (err) {
      log.error({ err, file }, 'the tokens cannot be used, going on with those before');
    }
  };
  life.onStop('tokens', watchFiles([file], renew));
  return access;
}

/** Has a server change its certificate whenever its files change. */
export function renewTls(server: HttpServer, files: TlsFiles, { log, life }: Deps): void {
  const renew = (): void => {
    try {
      server.renew(readIdentity(files));
      log.info({ file: files.cert }, 'read the certificate again');
    } catch (err) {
      log.error({ err, file: files.cert }, 'the certificate cannot be used, going on with the one before');
    }
  };
  life.onStop('certificate', watchFiles([files.cert, files.key], renew));
}
