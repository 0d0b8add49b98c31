import { parseConfigFile } from '../parse/configFile.js';
import { parse } from '../parse/line.js';
import { parseNodeProfile } from '../parse/nodeProfile.js';
import { NodeClocks } from './nodeClocks.js';
import { clocksOf, type Resource } from './view.js';
import { doubtAbout } from './vouch.js';

const STALE_AFTER_MS = 30_000;

function world(profile: object = {}) {
  const clocks = new NodeClocks();
  clocks.setProfiles(parseNodeProfile(JSON.stringify([{ name: 'p', phc2sysOpts: '-a', ...profile }])));
  clocks.setConfigFile('ptp4l.0.config', parseConfigFile('#profile: p\n[ens1f0]\n'));
  clocks.setConfigFile('chronyd.0.config', parseConfigFile('#profile: p\n'));
  let atMs = 0;
  const at = () => ({ now: 1_772_000_000_000 + atMs, monotonic: atMs });
  return {
    hear: (...lines: string[]) => {
      for (const line of lines) {
        const seen = parse(line);
        if (typeof seen === 'string') throw new Error(`${seen}: ${line}`);
        clocks.observe(seen, at());
      }
    },
    wait: (ms: number) => {
      atMs += ms;
      clocks.timePassed(at());
    },
    doubt: (resource: Resource) => doubtAbout(clocksOf(clocks, resource), at(), STALE_AFTER_MS),
  };
}

const TS2PHC = 'ts2phc[1.1]: [ts2phc.0.config] ens1f0 offset 1 s3 freq +1';
const OFFSET = 'ptp4l[1.1]: [ptp4l.0.config] master offset 3 s2 freq -5 path delay 3';
const OS = 'phc2sys[1.1]: [ptp4l.0.config] CLOCK_REALTIME phc offset 3 s2 freq -5 delay 3';
const FAULT = 'ptp4l[1.1]: [ptp4l.0.config] port 1: SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)';
const HOLDOVER_OF_TS2PHC = `${TS2PHC} holdover`;
const gm = (state: string): string => `GM[1]:[ts2phc.0.config] ens1f0 T-GM-STATUS ${state}`;
const bc = (state: string): string => `T-BC[1]:[ts2phc.0.config] ens1f0 offset 5 T-BC-STATUS ${state}`;

describe('a state that nobody renews', () => {
  it.each<[string, string[], Resource, string]>([
    ['LOCKED of ts2phc', [TS2PHC], 'lockState', 'ts2phc of ens1f0 (ptp4l.0.config) was LOCKED'],
    [
      'HOLDOVER of ts2phc',
      [TS2PHC, HOLDOVER_OF_TS2PHC],
      'lockState',
      'ts2phc of ens1f0 (ptp4l.0.config) was in HOLDOVER',
    ],
    [
      'HOLDOVER of ts2phc as the first word',
      [HOLDOVER_OF_TS2PHC],
      'lockState',
      'ts2phc of ens1f0 (ptp4l.0.config) was in HOLDOVER',
    ],
    ['HOLDOVER of a grandmaster', [gm('s2'), gm('s1')], 'lockState', 'GM of ens1f0 (ptp4l.0.config) was in HOLDOVER'],
    [
      'HOLDOVER of a boundary clock',
      [bc('s2'), bc('s1')],
      'lockState',
      'T-BC of ens1f0 (ptp4l.0.config) was in HOLDOVER',
    ],
    [
      'HOLDOVER of the OS clock',
      [OFFSET, FAULT, OS],
      'osClockSyncState',
      'phc2sys of CLOCK_REALTIME (ptp4l.0.config) was in HOLDOVER',
    ],
  ])('is not vouched for: %s', (_, lines, resource, sentence) => {
    const { hear, wait, doubt } = world();
    hear(...lines);
    wait(STALE_AFTER_MS - 1);
    expect(doubt(resource)).toBeUndefined();
    wait(1);
    expect(doubt(resource)).toBe(`${sentence}, but has been silent for 30 s`);
    expect(doubt('syncState')).toMatch(/has been silent for 30 s$/);
    hear(lines.at(-1) ?? '');
    expect(doubt(resource)).toBeUndefined();
  });

  it.each<[string, string[], Resource]>([
    [
      'FREERUN of ts2phc',
      [TS2PHC, 'ts2phc[1.1]: [ts2phc.0.config] ens1f0 lost holdover lock (offset 1411)'],
      'lockState',
    ],
    ['FREERUN of a grandmaster', [gm('s0')], 'lockState'],
    [
      'chronyd, which speaks only when something changes',
      ['chronyd[1][chronyd.0.config]: Selected source PHC0'],
      'osClockSyncState',
    ],
  ])('may be the truth all the same: %s', (_, lines, resource) => {
    const { hear, wait, doubt } = world();
    hear(...lines);
    wait(10 * STALE_AFTER_MS);
    expect(doubt(resource)).toBeUndefined();
  });

  it('is vouched for as long as its own end is still to come: HOLDOVER of ptp4l', () => {
    const { hear, wait, doubt } = world({ ptpClockThreshold: { holdOverTimeout: 3_600 } });
    hear(OFFSET, FAULT);
    wait(3_599_000);
    expect(doubt('lockState')).toBeUndefined();
  });

  it('is not vouched for: the OS clock when phc2sys ended for a chronyd that tells nothing', () => {
    const { hear, wait, doubt } = world({ chronydOpts: '-d' });
    hear(OS, 'phc2sys[1]:[ptp4l.0.config] PTP_PROCESS_STATUS:0');
    wait(STALE_AFTER_MS);
    expect(doubt('osClockSyncState')).toMatch(/was LOCKED, but has been silent for 30 s$/);
  });
});
