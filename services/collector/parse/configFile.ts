import { isInterface } from './names.js';

/** A port of a configuration: its number is its place among the interfaces, from 1. */
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
  /** Interfaces in the order of their first sections, each with its own masterOnly or serverOnly where it has one. */
  interfaces: { iface: string; serverOnly: boolean | undefined }[];
  /** That of `[global]`, which counts for ports without one of their own. */
  serverOnly: boolean;
}

/** What the command line of ptp4l adds; see parsePtp4lOptions. */
export interface Ptp4lOptions {
  /** Of `-i`, in order. */
  interfaces: string[];
  /** Of `--serverOnly` or `--masterOnly`, which no `[global]` overrules. */
  serverOnly: boolean | undefined;
}

export const NO_OPTIONS: Ptp4lOptions = { interfaces: [], serverOnly: undefined };

const FILE_NAME = /^(?:ptp4l|phc2sys|synce4l|chronyd)\.\d{1,4}\.config$/;
const PROFILE = /profile:[ \t]*([A-Za-z0-9_-]+)/;
const GLOBAL = 'global';
/** The same option in linuxptp; the first is the older name. */
const SERVER_ONLY = new Set(['masterOnly', 'serverOnly']);

export const isConfigFileName = (name: string): boolean => FILE_NAME.test(name);

/**
 * Reads a configuration file as linuxptp does (its config.c; decision s): `#` begins a comment at the start of a line
 * only, brackets count as blanks and the first word is the section, and a section that comes again continues the same
 * port. Sections that are no interface (global, nmea, unicast_*, <device>, the message tag) are no ports and take no number.
 */
export function parseConfigFile(text: string): ConfigFile {
  const interfaces: ConfigFile['interfaces'] = [];
  const all: { serverOnly: boolean | undefined } = { serverOnly: undefined };
  let section: { serverOnly: boolean | undefined } | undefined;
  for (const line of text.split('\n')) {
    const [first = '', second] = wordsOf(line);
    if (first.startsWith('#')) continue;
    if (first.startsWith('[')) section = sectionOf(line, interfaces, all);
    else if (section && SERVER_ONLY.has(first)) section.serverOnly = isSet(second) ?? section.serverOnly;
  }
  return { profile: PROFILE.exec(text)?.[1] ?? '', interfaces, serverOnly: all.serverOnly ?? false };
}

/**
 * The options of ptp4l that name ports, read as getopt does: `-i ens1f0`, `-iens1f0`, `-2i ens1f0`, `--serverOnly=1`.
 */
export function parsePtp4lOptions(text: string): Ptp4lOptions {
  const options: Ptp4lOptions = { interfaces: [], serverOnly: undefined };
  const words = wordsOf(text);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word.startsWith('--')) {
      const [name = '', value] = word.slice(2).split('=', 2);
      // Every long option has a value, in the same word or in the next.
      const given = value ?? words[++i];
      if (SERVER_ONLY.has(name)) options.serverOnly = isSet(given) ?? options.serverOnly;
      continue;
    }
    const option = /^-[AEP246HSLsmqvh]*([fipl])(.*)$/.exec(word);
    if (option === null) continue;
    const [, name, rest] = option;
    const value = rest === '' ? words[++i] : rest;
    if (name === 'i' && isPort(value) && !options.interfaces.includes(value)) options.interfaces.push(value);
  }
  return options;
}

/** The ports that ptp4l has: those of its command line first, then those of the file. */
export function portsOf({ interfaces, serverOnly }: ConfigFile, options: Ptp4lOptions): PortConfig[] {
  const own = new Map(interfaces.map(({ iface, serverOnly: isOnly }) => [iface, isOnly]));
  const names = new Set([...options.interfaces, ...own.keys()]);
  return [...names].map((iface, i) => ({
    number: i + 1,
    iface,
    maySlave: !(own.get(iface) ?? options.serverOnly ?? serverOnly),
  }));
}

function sectionOf<T>(line: string, interfaces: ConfigFile['interfaces'], all: T) {
  const [name] = wordsOf(line.replaceAll(/[[\]]/g, ' '));
  if (name?.toLowerCase() === GLOBAL) return all;
  if (!isPort(name)) return undefined;
  const known = interfaces.find(({ iface }) => iface === name);
  if (known) return known;
  const section = { iface: name, serverOnly: undefined };
  interfaces.push(section);
  return section;
}

const wordsOf = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

/** undefined for what is no value of the option. */
function isSet(value: string | undefined): boolean | undefined {
  return value === '0' || value === '1' ? value === '1' : undefined;
}

function isPort(section: string | undefined): section is string {
  if (!isInterface(section)) return false;
  const name = section.toLowerCase();
  if (name === GLOBAL || name === 'nmea' || name.startsWith('unicast_')) return false;
  return !/^(?:ptp4l|ts2phc|phc2sys|synce4l|chronyd)\.\d/.test(name);
}
