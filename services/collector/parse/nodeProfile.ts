import { parsePtp4lOptions, type Ptp4lOptions } from './configFile.js';

/** Thresholds of a profile: an offset is in range when it lies between them, both excluded. */
export interface Limits {
  minOffsetNs: number;
  maxOffsetNs: number;
  holdoverMs: number;
}

/** One profile of the node, as far as the collector needs it. */
export interface Profile {
  name: string;
  limits: Limits;
  /** Ports that ptp4l has from its command line. */
  ptp4l: Ptp4lOptions;
  runsPhc2sys: boolean;
  runsChronyd: boolean;
  /** A telecom boundary clock: its state comes from T-BC lines, not from ptp4l's offsets. */
  isBoundary: boolean;
  /** Members of a high-availability group; empty for other profiles. */
  haProfiles: string[];
}

/** The node profile is no JSON, or not of the daemon's shape. */
export class BadNodeProfile extends Error {
  override name = 'BadNodeProfile';
}

export const DEFAULT_LIMITS: Limits = { minOffsetNs: -100, maxOffsetNs: 100, holdoverMs: 5_000 };

type Fields = Record<string, unknown>;

/**
 * Reads the node profile, a JSON array of profiles or (older daemons) one object, its keys in any case.
 * Throws BadNodeProfile.
 */
export function parseNodeProfile(text: string): Profile[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (err) {
    throw new BadNodeProfile('not JSON', { cause: err });
  }
  const list: unknown[] = Array.isArray(content) ? content : [content];
  return list.flatMap((entry) => {
    if (typeof entry !== 'object' || entry === null) throw new BadNodeProfile('a profile must be an object');
    const fields = lowerCased(entry);
    // {"name":null,"interface":null} means none.
    return typeof fields['name'] === 'string' && fields['name'] !== '' ? [readProfile(fields['name'], fields)] : [];
  });
}

function readProfile(name: string, fields: Fields): Profile {
  const settings = lowerCased(fields['ptpsettings']);
  const haProfiles = text(settings['haprofiles']).split(',');
  return {
    name,
    limits: readLimits(fields['ptpclockthreshold']),
    ptp4l: parsePtp4lOptions(text(fields['ptp4lopts'])),
    // Any text enables a process, a single blank too.
    runsPhc2sys: text(fields['phc2sysopts']) !== '',
    runsChronyd: text(fields['chronydopts']) !== '',
    isBoundary: text(settings['controllingprofile']) !== '' || text(fields['ts2phcopts']).includes('external_pps'),
    haProfiles: haProfiles.map((member) => member.trim()).filter((member) => member !== ''),
  };
}

function readLimits(block: unknown): Limits {
  if (typeof block !== 'object' || block === null) return DEFAULT_LIMITS;
  const fields = lowerCased(block);
  const max = positive(fields['maxoffsetthreshold']) ?? DEFAULT_LIMITS.maxOffsetNs;
  const min = number(fields['minoffsetthreshold']) ?? DEFAULT_LIMITS.minOffsetNs;
  const holdoverSeconds = positive(fields['holdovertimeout']);
  return {
    maxOffsetNs: max,
    minOffsetNs: min > max ? max - 1 : min,
    holdoverMs: holdoverSeconds === undefined ? DEFAULT_LIMITS.holdoverMs : holdoverSeconds * 1_000,
  };
}

function lowerCased(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key.toLowerCase(), member as unknown]));
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;
const positive = (value: unknown): number | undefined => {
  const found = number(value);
  return found !== undefined && found > 0 ? found : undefined;
};
