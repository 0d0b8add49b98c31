import { unwatchFile, watchFile } from 'node:fs';

const LOOK_EVERY_MS = 1_000;

/**
 * Calls back when one of some files has changed, also when it is replaced as a whole or by way of a symbolic link, as
 * mounted secrets are: the files are looked at once a second. Returns how to end that.
 */
export function watchFiles(paths: string[], onChange: () => void): () => void {
  const look = (): void => onChange();
  for (const path of paths) watchFile(path, { interval: LOOK_EVERY_MS, persistent: false }, look);
  return () => {
    for (const path of paths) unwatchFile(path, look);
  };
}
