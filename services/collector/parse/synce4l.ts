import { isDevice, isInterface } from './names.js';
import { integerWithin, isNumber } from './numbers.js';
import type { Observation, Unread } from './observation.js';
import { valueOf } from './pairs.js';
import { daemonState } from './servo.js';

const HEXADECIMAL = /^0x[0-9a-fA-F]{1,16}$/;
const MAX_BYTE = 0xff;

export function parseSynce4l(config: string, words: string[]): Observation | Unread {
  const iface = words[0];
  const isQuality = words.includes('clock_quality');
  if (!isQuality && !words.includes('eec_state')) return 'ignored';
  const device = valueOf(words, 'device');
  const option = valueOf(words, 'network_option');
  if (!isInterface(iface) || !isDevice(device) || !isNumber(option)) return 'malformed';
  const networkOption = integerWithin(option, 1, 2);

  // ens4f0 device synce1 eec_state EEC_LOCKED network_option 1 s2
  if (!isQuality) {
    const state = daemonState(words.at(-1));
    // The interface, pairs, and the state.
    if (state === undefined || words.length % 2 !== 0) return 'malformed';
    return { kind: 'synce-state', config, iface, device, networkOption, state };
  }
  // ens4f0 clock_quality PRTC device synce1 ext_ql 0x20 network_option 1 ql 0x2 s2
  // There may be no state yet, and the quality is known all the same.
  const ql = valueOf(words, 'ql');
  const extQl = valueOf(words, 'ext_ql');
  const level = byteOf(ql);
  if (level === undefined || (words.includes('ext_ql') && !HEXADECIMAL.test(extQl ?? ''))) return 'malformed';
  return { kind: 'synce-quality', config, iface, device, networkOption, ql: level, extQl: byteOf(extQl) };
}

function byteOf(word: string | undefined): number | undefined {
  if (word === undefined || !HEXADECIMAL.test(word)) return undefined;
  const value = Number(word);
  return value <= MAX_BYTE ? value : undefined;
}
