import { clockAlias, type Names } from './event/names.js';
import type { Process } from './parse/observation.js';
import type { Clock } from './state/clock.js';
import type { Configuration } from './state/configuration.js';
import type { NodeClocks } from './state/nodeClocks.js';
import { NO_EXTENDED_QL } from './state/synce.js';

/** One sample of an `openshift_ptp_*` series, without the prefix. */
export interface Sample {
  name: SeriesName;
  labels: Record<string, string>;
  value: number;
}

export type SeriesName =
  | 'offset_ns'
  | 'max_offset_ns'
  | 'frequency_adjustment_ns'
  | 'delay_ns'
  | 'clock_state'
  | 'nmea_status'
  | 'threshold'
  | 'interface_role'
  | 'clock_class'
  | 'process_status'
  | 'process_restart_count'
  | 'frequency_status'
  | 'phase_status'
  | 'pps_status'
  | 'gnss_status'
  | 'ha_profile_status'
  | 'synce_ssm_ql'
  | 'synce_clock_quality';

const STATE_CODES = { FREERUN: 0, LOCKED: 1, HOLDOVER: 2 } as const;

/**
 * Every sample as of now, made from the state when asked for: what is not in the state any more has no series, and what
 * is only remembered from before the start has none yet. Clocks
 * whose interfaces share an alias share a series too; the one that was heard last has it.
 */
export function samplesOf(node: NodeClocks, names: Names, atMs: number): Sample[] {
  const samples = new Samples(names);
  for (const config of node.configs.values()) addConfig(samples, config, atMs);
  for (const { clock, isHeard } of node.os.clocks) addClock(samples, clock, clock.source, atMs, isHeard);
  for (const { process, writtenConfig, isUp, restarts } of node.processes.values()) {
    const labels = { process, config: writtenConfig };
    samples.add('process_status', labels, Number(isUp));
    if (restarts > 0) samples.add('process_restart_count', labels, restarts);
  }
  for (const { name: profile, limits } of node.profiles.values()) {
    samples.add('threshold', { threshold: 'MinOffsetThreshold', profile }, limits.minOffsetNs);
    samples.add('threshold', { threshold: 'MaxOffsetThreshold', profile }, limits.maxOffsetNs);
    samples.add('threshold', { threshold: 'HoldOverTimeout', profile }, limits.holdoverMs / 1_000);
  }
  for (const [profile, isActive] of node.haProfiles) {
    samples.add('ha_profile_status', { process: 'phc2sys', profile }, Number(isActive));
  }
  return samples.list();
}

function addConfig(samples: Samples, config: Configuration, atMs: number): void {
  const { ptp4l, grandmaster, boundary } = config;
  if (ptp4l && !isOfRemovedInterface(samples, config, ptp4l)) addClock(samples, ptp4l, 'master', atMs);
  for (const clock of config.ts2phc.values()) addClock(samples, clock, 'master', atMs);
  if (grandmaster) addJudge(samples, grandmaster, ['GM']);
  if (boundary) addJudge(samples, boundary, ['T-BC', 'ts2phc']);
  for (const { iface, listedFix, offsetNs, state, stamp } of config.gnss.values()) {
    const labels = { process: 'gnss', iface: samples.alias(iface) };
    samples.add('gnss_status', { from: 'gnss', ...labels }, listedFix, stamp);
    samples.add('offset_ns', { from: 'gnss', ...labels }, offsetNs === undefined ? undefined : Number(offsetNs), stamp);
    samples.add('clock_state', labels, STATE_CODES[state], stamp);
  }
  for (const { iface, state, stamp, offsetNs, ...statuses } of config.dpll.values()) {
    const labels = { process: 'dpll', iface: samples.alias(iface) };
    const from = { from: 'dpll', ...labels };
    samples.add('frequency_status', from, statuses.frequencyStatus, stamp);
    samples.add('phase_status', from, statuses.phaseStatus, stamp);
    samples.add('pps_status', from, statuses.ppsStatus, stamp);
    samples.add('offset_ns', from, offsetNs === undefined ? undefined : Number(offsetNs), stamp);
    samples.add('clock_state', labels, STATE_CODES[state], stamp);
  }
  for (const [iface, isAvailable] of config.nmea) {
    samples.add('nmea_status', { process: 'ts2phc', iface: samples.alias(iface) }, Number(isAvailable));
  }
  for (const { port, code } of config.roles.values()) {
    samples.add('interface_role', { process: 'ptp4l', iface: port.iface }, code);
  }
  if (config.clockClass?.lastLine) {
    const { process, clockClass } = config.clockClass;
    samples.add('clock_class', { process, config: config.name }, clockClass);
  }
  addSynce(samples, config);
}

function addClock(samples: Samples, clock: Clock, from: string, atMs: number, hasState = true): void {
  const { process, freqPpb, delayNs, offsetNs, readingsStamp } = clock;
  const labels = { process, iface: samples.alias(clock.iface) };
  const readings = { from, ...labels };
  const offset = offsetNs ?? clock.rememberedNs;
  // chronyd gives no figures.
  if (process !== 'chronyd') {
    samples.add('offset_ns', readings, offset === undefined ? undefined : Number(offset), readingsStamp);
    samples.add('max_offset_ns', readings, clock.maximum.at(atMs), readingsStamp);
    samples.add('frequency_adjustment_ns', readings, freqPpb, readingsStamp);
    samples.add('delay_ns', readings, delayNs, readingsStamp);
  }
  if (hasState) addState(samples, clock, process);
}

/** A grandmaster or boundary clock: its state is the daemon's, its offset the one of its events. */
function addJudge(samples: Samples, clock: Clock, processes: Process[]): void {
  const { process, iface, offsetNs, readingsStamp } = clock;
  const labels = { from: process, process, iface: samples.alias(iface) };
  samples.add('offset_ns', labels, offsetNs === undefined ? undefined : Number(offsetNs), readingsStamp);
  for (const shown of processes) addState(samples, clock, shown);
}

function addState(samples: Samples, { iface, state, stateStamp }: Clock, process: Process): void {
  const code = state === undefined ? undefined : STATE_CODES[state];
  samples.add('clock_state', { process, iface: samples.alias(iface) }, code, stateStamp);
}

function addSynce(samples: Samples, config: Configuration): void {
  for (const record of config.synce.values()) {
    const { iface, device, networkOption, state, ql, extQl, lastLine, lastQualityLine } = record;
    // Real interface name, as the reference has it.
    if (state !== undefined && lastLine) samples.add('clock_state', { process: 'synce4l', iface }, STATE_CODES[state]);
    if (ql === undefined || !lastQualityLine) continue;
    const profile = config.name;
    const labels = { process: 'synce4l', profile, network_option: String(networkOption), iface, device };
    const extended = extQl ?? NO_EXTENDED_QL;
    samples.add('synce_ssm_ql', { ...labels, ql_type: 'SSM' }, ql);
    samples.add('synce_ssm_ql', { ...labels, ql_type: 'Extended SSM' }, extended);
    samples.add('synce_clock_quality', labels, ql + extended);
  }
}

/** The port that the clock was last heard through is no longer in the file, and no other port has its alias. */
const isOfRemovedInterface = (samples: Samples, { ports }: Configuration, { iface }: Clock): boolean =>
  !ports.some((port) => samples.alias(port.iface) === samples.alias(iface));

class Samples {
  readonly #names: Names;
  readonly #byKey = new Map<string, Sample & { stamp: number }>();

  constructor(names: Names) {
    this.#names = names;
  }

  alias(iface: string): string {
    return clockAlias(this.#names, iface);
  }

  /**
   * A value that is not known has no series.
   * @param stamp of the line it is from; 0 for what is known from before the start only, which has no series either
   */
  add(name: SeriesName, labels: Record<string, string>, value: number | undefined, stamp = 1): void {
    if (value === undefined || stamp === 0) return;
    const key = `${name} ${Object.values(labels).join(' ')}`;
    const there = this.#byKey.get(key);
    if (there && there.stamp > stamp) return;
    this.#byKey.set(key, { name, labels: { ...labels, node: this.#names.node }, value, stamp });
  }

  list(): Sample[] {
    return [...this.#byKey.values()].map(({ name, labels, value }) => ({ name, labels, value }));
  }
}
