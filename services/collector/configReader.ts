import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../shared/log.js';
import { isConfigFileName, parseConfigFile } from './parse/configFile.js';
import { parseNodeProfile } from './parse/nodeProfile.js';
import type { Change } from './state/change.js';
import type { Instant } from './state/clock.js';
import type { NodeClocks } from './state/nodeClocks.js';

export interface ConfigPlaces {
  /** Where the daemon writes ptp4l.<n>.config. */
  configDir: string;
  /** Folder of the node profile, whose file is called like the node. */
  profileDir: string;
  nodeName: string;
}

/** Reads the daemon's configuration files and the node profile, and tells the clocks what is new since the last time. */
export class ConfigReader {
  readonly #places: ConfigPlaces;
  readonly #log: Logger;
  readonly #texts = new Map<string, string>();
  #profileText: string | undefined;

  constructor(places: ConfigPlaces, log: Logger) {
    this.#places = places;
    this.#log = log;
  }

  /** Returns what has changed with files and interfaces that are gone. A file with the same bytes as before is left alone. */
  read(clocks: NodeClocks, at: Instant): Change[] {
    this.#readProfile(clocks);
    const found = this.#readConfigs();
    for (const [name, text] of found) {
      // An empty file is one that is just being written.
      if (text === '' || text === this.#texts.get(name)) continue;
      this.#texts.set(name, text);
      const file = parseConfigFile(text);
      clocks.setConfigFile(name, file);
      this.#log.info(
        { config: name, profile: file.profile, ports: clocks.configs.get(name)?.ports.map(({ iface }) => iface) },
        'configuration read',
      );
    }
    const gone = [...this.#texts.keys()].filter((name) => !found.has(name));
    const changes = gone.flatMap((name) => {
      this.#texts.delete(name);
      this.#log.info({ config: name }, 'configuration deleted');
      return clocks.removeConfigFile(name, at);
    });
    // An interface that was taken out of its file took its clocks with it.
    return [...changes, ...clocks.checkOverall(at)];
  }

  #readConfigs(): Map<string, string> {
    const found = new Map<string, string>();
    for (const name of listFiles(this.#places.configDir).filter(isConfigFileName).toSorted()) {
      const text = readText(join(this.#places.configDir, name));
      if (text !== undefined) found.set(name, text);
    }
    return found;
  }

  #readProfile(clocks: NodeClocks): void {
    const path = join(this.#places.profileDir, this.#places.nodeName);
    const text = readText(path);
    if (text === this.#profileText || text === '') return;
    this.#profileText = text;
    try {
      const profiles = text === undefined ? [] : parseNodeProfile(text);
      clocks.setProfiles(profiles);
      this.#log.info({ path, profiles: profiles.map(({ name }) => name) }, 'node profile read');
    } catch (err) {
      this.#log.error({ err, path }, 'node profile cannot be used, the last one stays');
    }
  }
}

function listFiles(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

/** undefined when there is no such file. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
