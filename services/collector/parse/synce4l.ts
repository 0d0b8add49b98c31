import { isDevice, isInterface } from './names.js';
import { integerWithin } from './numbers.js';
import type { Observation, Unread } from './observation.js';
import { daemonState } from './servo.js';

const QUALITY_BYTE = /^0x[0-9a-fA-F]{1,2}$/;

export function parseSynce4l(config: string, words: string[]): Observation | Unread {
  const iface = words[0];
  const isQuality = words[1] === 'clock_quality';
  if (!isQuality && words[1] !== 'device') return 'ignored';
  const state = daemonState(words.at(-1));
  if (!isInterface(iface) || state === undefined || words.length % 2 !== 0) return 'malformed';
  const pairs = new Map<string, string>();
  for (let i = 1; i < words.length - 2; i += 2) pairs.set(words[i] ?? '', words[i + 1] ?? '');
  const device = pairs.get('device');
  const networkOption = integerWithin(pairs.get('network_option'), 1, 2);
  if (!isDevice(device) || networkOption === undefined) return 'malformed';

  // ens4f0 device synce1 eec_state EEC_LOCKED network_option 1 s2
  if (!isQuality) {
    if (!pairs.has('eec_state')) return 'malformed';
    return { kind: 'synce-state', config, iface, device, networkOption, state };
  }
  // ens4f0 clock_quality PRTC device synce1 ext_ql 0x20 network_option 1 ql 0x2 s2
  const ql = qualityByte(pairs.get('ql'));
  const extQl = qualityByte(pairs.get('ext_ql'));
  if (ql === undefined || (pairs.has('ext_ql') && extQl === undefined)) return 'malformed';
  return { kind: 'synce-quality', config, iface, device, networkOption, ql, extQl };
}

const qualityByte = (word: string | undefined): number | undefined =>
  word !== undefined && QUALITY_BYTE.test(word) ? Number(word) : undefined;
