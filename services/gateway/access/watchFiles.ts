import { statSync } from 'node:fs';

const LOOK_EVERY_MS = 1_000;

/**
 * Calls back when one of some files has changed, also when it is replaced as a whole or by way of a symbolic link, as
 * mounted secrets are: the files are looked at once a second. Returns how to end that.
 */
export function watchFiles(paths: string[], onChange: () => void): () => void {
  // Looked at right away: `fs.watchFile` takes its first look later, and misses for good what changes before.
  let seen = stamps(paths);
  const timer = setInterval(() => {
    const now = stamps(paths);
    if (now === seen) return;
    seen = now;
    onChange();
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** What changes with the files. */
const stamps = (paths: string[]): string => paths.map(stampOf).join(' ');

function stampOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? 'none' : `${stat.ino}/${stat.size}/${stat.mtimeNs}`;
}
