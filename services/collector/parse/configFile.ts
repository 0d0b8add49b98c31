import { isInterface } from './names.js';

/** A port of a configuration: its number is its place among the interface sections, from 1. */
export interface PortConfig {
  number: number;
  iface: string;
  /** Not `masterOnly 1` or `serverOnly 1`. */
  maySlave: boolean;
}

/** What a file such as /var/run/ptp4l.0.config says. */
export interface ConfigFile {
  /** Empty where the file names none; then no line of this configuration counts. */
  profile: string;
  ports: PortConfig[];
}

const FILE_NAME = /^(?:ptp4l|phc2sys|synce4l|chronyd)\.\d{1,4}\.config$/;
const PROFILE = /profile:[ \t]*([A-Za-z0-9_-]+)/;
const SECTION = /^\[([^\]]*)\]$/;
const MASTER_ONLY = /^(?:masterOnly|serverOnly)\s+(\d+)/;
const NO_INTERFACES = new Set(['global', 'nmea']);

export const isConfigFileName = (name: string): boolean => FILE_NAME.test(name);

/**
 * Reads a configuration file. Sections that are no interface (global, nmea, unicast_*, <device>, the message tag) are
 * no ports and take no number.
 */
export function parseConfigFile(text: string): ConfigFile {
  const ports: PortConfig[] = [];
  let isGlobal = false;
  let mayAllSlave = true;
  let port: PortConfig | undefined;
  for (const line of text.split('\n').map((raw) => raw.trim())) {
    const section = SECTION.exec(line)?.[1];
    if (section !== undefined) {
      isGlobal = section === 'global';
      port = isPort(section) ? { number: ports.length + 1, iface: section, maySlave: mayAllSlave } : undefined;
      if (port) ports.push(port);
      continue;
    }
    const only = MASTER_ONLY.exec(line)?.[1];
    if (only === undefined) continue;
    if (port) port.maySlave = Number(only) === 0;
    else if (isGlobal) mayAllSlave = Number(only) === 0;
  }
  return { profile: PROFILE.exec(text)?.[1] ?? '', ports };
}

const isPort = (section: string): boolean =>
  isInterface(section) &&
  !NO_INTERFACES.has(section) &&
  !section.startsWith('unicast_') &&
  !/^(?:ptp4l|ts2phc|phc2sys|synce4l|chronyd)\.\d/.test(section);
