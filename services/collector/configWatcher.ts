import { statSync, watch, type FSWatcher } from 'node:fs';
import type { Clock } from '../shared/clock.js';
import type { Logger } from '../shared/log.js';

/** Writes come in bursts: truncate, write, rename. */
const SETTLE_MS = 50;
/** For what no notice comes of, such as a folder that was mounted over. */
const LOOK_MS = 2_000;

export interface WatchedFolder {
  path: string;
  /** Whether a file of that name matters; a folder such as /var/run is busy with others. */
  matters: (name: string) => boolean;
}

export interface ConfigWatcherOptions {
  folders: readonly WatchedFolder[];
  clock: Clock;
  log: Logger;
  /** Something may have changed. Cheap when nothing has. */
  onChange: () => void;
}

/**
 * Calls when files of the folders have changed: written, renamed into place, deleted, or the folder itself replaced, as
 * a mounted ConfigMap does. Notices of the kernel make it fast; looking every two seconds makes it sure.
 */
export class ConfigWatcher {
  readonly #options: ConfigWatcherOptions;
  readonly #watchers = new Map<string, { watcher: FSWatcher; inode: number | undefined }>();
  #cancelLook: () => void = () => undefined;
  #settling: NodeJS.Timeout | undefined;

  constructor(options: ConfigWatcherOptions) {
    this.#options = options;
    this.#look();
  }

  close(): void {
    this.#cancelLook();
    clearTimeout(this.#settling);
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #look(): void {
    const { folders, clock, onChange } = this.#options;
    for (const folder of folders) this.#watch(folder);
    onChange();
    this.#cancelLook = clock.wakeAt(clock.monotonic() + LOOK_MS, () => this.#look());
  }

  /** A watcher sees the folder that was there when it began; for another one in its place there is a new watcher. */
  #watch({ path: dir, matters }: WatchedFolder): void {
    const { log } = this.#options;
    const inode = statSync(dir, { throwIfNoEntry: false })?.ino;
    const there = this.#watchers.get(dir);
    if (there?.inode === inode) return;
    there?.watcher.close();
    this.#watchers.delete(dir);
    if (inode === undefined) return;
    try {
      const watcher = watch(dir, (_, name) => {
        if (name === null || matters(name)) this.#notice();
      });
      watcher.on('error', (err) => {
        log.debug({ err, dir }, 'folder cannot be watched, it is looked at instead');
        watcher.close();
      });
      this.#watchers.set(dir, { watcher, inode });
    } catch (err) {
      log.debug({ err, dir }, 'folder cannot be watched, it is looked at instead');
    }
  }

  #notice(): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      this.#options.onChange();
    }, SETTLE_MS);
  }
}
