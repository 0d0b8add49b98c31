import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders = new Set<string>();
// However the benchmark ends, also by Ctrl-C.
process.once('exit', () => folders.forEach(removeFolder));

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ptp-bench-'));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  folders.delete(folder);
  rmSync(folder, { recursive: true, force: true });
}
