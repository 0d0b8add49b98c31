import { NO_OPTIONS, portsOf, type ConfigFile, type PortConfig } from '../parse/configFile.js';
import type { Profile } from '../parse/nodeProfile.js';
import type { ClockState, DpllSeen, GnssSeen, PortSeen, Process } from '../parse/observation.js';
import type { GnssWord } from './change.js';
import { Clock, type Instant } from './clock.js';
import { SummaryWatch } from './summaryWatch.js';

/** Interfaces whose lines are kept per configuration; a flood of invented names must not fill the memory. */
const MAX_INTERFACES = 64;

export interface GnssRecord extends GnssSeen {
  word: GnssWord;
  /** The last fix that the metric has a meaning for. */
  listedFix: number | undefined;
  since: number;
  lastLine: Instant | undefined;
  stamp: number;
}

export interface DpllRecord extends DpllSeen {
  stamp: number;
}

export interface SynceRecord {
  iface: string;
  device: string;
  networkOption: number;
  state: ClockState | undefined;
  since: number;
  ql: number | undefined;
  /** As the line had it; undefined without one. */
  extQl: number | undefined;
  qualitySince: number;
  lastLine: Instant | undefined;
  lastQualityLine: Instant | undefined;
}

export interface ClockClassRecord {
  process: Process;
  clockClass: number;
  since: number;
  lastLine: Instant | undefined;
}

export interface PortRole {
  port: PortConfig;
  /** The port state's own word. */
  role: string;
  /** As the metric interface_role has it; undefined for a role that is remembered from before the start. */
  code: number | undefined;
}

const ROLE_CODES: Record<string, number> = {
  PASSIVE: 0,
  SLAVE: 1,
  MASTER: 2,
  GRAND_MASTER: 2,
  FAULTY: 3,
  LISTENING: 5,
};
const UNKNOWN_ROLE = 4;
const LEFT_SLAVE_ROLE = 3;

/** A configuration that is known from before the start only. */
export const NO_FILE: ConfigFile = { profile: '', interfaces: [], serverOnly: false };

/** One configuration of the daemon (ptp4l.<n>.config): its file, its ports and every clock that it speaks about. */
export class Configuration {
  readonly name: string;
  file: ConfigFile;
  /** That of the node profile whose name the file has; undefined where there is none. */
  profile: Profile | undefined;
  /** By number, from 1. */
  ports: PortConfig[];
  readonly roles = new Map<number, PortRole>();
  /** How often a port line gave a port another role. */
  roleChanges = 0;
  /** Known from before the start only: its file is not there, or not yet. */
  isOrphan = false;
  /** Number of the port known to be SLAVE. */
  slavePort: number | undefined = undefined;
  /** A port has been heard of as SLAVE since the file was read (decision k). */
  heardOfSlave = false;
  /** Whose offset line was accepted last: ports start a holdover only while it is ptp4l's. */
  offsetSource: 'ptp4l' | 'ts2phc' | undefined = undefined;

  readonly summaries = new SummaryWatch();

  ptp4l: Clock | undefined = undefined;
  grandmaster: Clock | undefined = undefined;
  boundary: Clock | undefined = undefined;
  /** By real interface name, in the order in which they were first heard. */
  readonly ts2phc = new Map<string, Clock>();
  readonly gnss = new Map<string, GnssRecord>();
  readonly dpll = new Map<string, DpllRecord>();
  readonly nmea = new Map<string, boolean>();
  readonly synce = new Map<string, SynceRecord>();
  clockClass: ClockClassRecord | undefined = undefined;

  constructor(name: string, file: ConfigFile, profile: Profile | undefined) {
    this.name = name;
    this.file = file;
    this.profile = profile;
    this.ports = this.#findPorts();
  }

  /** Its lines count: the file names a profile and an interface. phc2sys and chronyd need no interface. */
  get isKnown(): boolean {
    if (this.file.profile === '') return false;
    return this.ports.length > 0 || this.name.startsWith('phc2sys') || this.name.startsWith('chronyd');
  }

  /** A telecom boundary clock: what ptp4l and ts2phc say are figures only. */
  get isBoundary(): boolean {
    return this.boundary !== undefined || this.profile?.isBoundary === true;
  }

  /** Another line than those of ptp4l and ts2phc decides: T-GM-STATUS or T-BC-STATUS. */
  get isJudged(): boolean {
    return this.grandmaster !== undefined || this.isBoundary;
  }

  /** The file was read again. */
  replaceFile(file: ConfigFile, profile: Profile | undefined): void {
    this.file = file;
    this.isOrphan = false;
    this.setProfile(profile);
  }

  /** The node profile was read again, or another one is meant now. */
  setProfile(profile: Profile | undefined): void {
    this.profile = profile;
    this.#replacePorts(this.#findPorts());
  }

  /** The options of ptp4l are no options of phc2sys, whose file names the same profile. */
  #findPorts(): PortConfig[] {
    return portsOf(this.file, (this.name.startsWith('ptp4l') && this.profile?.ptp4l) || NO_OPTIONS);
  }

  /** A port keeps its role only with the same name and the same number. */
  #replacePorts(ports: PortConfig[]): void {
    const before = this.ports;
    this.ports = ports;
    const isSame = before.length === ports.length && before.every(({ iface }, i) => iface === ports[i]?.iface);
    for (const [number, role] of this.roles) {
      const port = ports[number - 1];
      if (port?.iface === role.port.iface) role.port = port;
      else this.roles.delete(number);
    }
    if (isSame) return;
    if (this.slavePort !== undefined && !this.roles.has(this.slavePort)) this.slavePort = undefined;
    this.heardOfSlave = this.slavePort !== undefined;
    const present = new Set(ports.map(({ iface }) => iface));
    const gone = before.filter(({ iface }) => !present.has(iface));
    for (const { iface } of gone) this.#forgetInterface(iface);
  }

  /** Notes what a port line says. Returns whether the port left SLAVE, or undefined for a port that there is not. */
  hearPort({ port: printed, iface, was, is }: PortSeen): { leftSlave: boolean } | undefined {
    // The name is better evidence than the number (decision s).
    // Without a name, port 0 is ptp4l's own socket.
    const port = iface === '' ? this.ports[(printed ?? 0) - 1] : this.ports.find((one) => one.iface === iface);
    if (port === undefined) return undefined;
    const { number } = port;
    const wasSlave = was === 'SLAVE' || this.roles.get(number)?.role === 'SLAVE';
    const leftSlave = wasSlave && is !== 'SLAVE' && is !== 'PASSIVE';
    const code = is === 'UNCALIBRATED' && leftSlave ? LEFT_SLAVE_ROLE : (ROLE_CODES[is] ?? UNKNOWN_ROLE);
    if (this.roles.get(number)?.role !== is) this.roleChanges++;
    this.roles.set(number, { port, role: is, code });
    if (is === 'SLAVE') this.slavePort = number;
    else if (this.slavePort === number) this.slavePort = this.#otherSlave();
    if (wasSlave || is === 'SLAVE') this.heardOfSlave = true;
    return { leftSlave };
  }

  /** A role from before the start; lines know better. */
  restoreRole(number: number, iface: string, role: string): void {
    if (this.roles.has(number)) return;
    const port = this.ports[number - 1];
    if (port !== undefined && port.iface !== iface) return;
    this.roles.set(number, { port: port ?? { number, iface, maySlave: true }, role, code: undefined });
    if (role !== 'SLAVE' || this.heardOfSlave) return;
    this.slavePort = number;
    this.heardOfSlave = true;
  }

  /** The port for which an offset line of ptp4l counts (decision k). */
  slaveInterface(): string | undefined {
    if (this.slavePort !== undefined) return this.ports[this.slavePort - 1]?.iface;
    if (this.heardOfSlave) return undefined;
    return this.ports.find(({ maySlave }) => maySlave)?.iface;
  }

  /** The port known to be SLAVE. */
  knownSlaveInterface(): string | undefined {
    return this.slavePort === undefined ? undefined : this.ports[this.slavePort - 1]?.iface;
  }

  /** The interface that stands for the whole configuration: of its clock, else its first port. */
  mainInterface(): string | undefined {
    const clock = this.grandmaster ?? this.boundary ?? this.ptp4l;
    return clock?.iface ?? this.knownSlaveInterface() ?? this.ports[0]?.iface;
  }

  clockOf(process: 'ptp4l' | 'GM' | 'T-BC', iface: string): Clock {
    const slot = process === 'ptp4l' ? 'ptp4l' : process === 'GM' ? 'grandmaster' : 'boundary';
    const clock = (this[slot] ??= new Clock(process, this.name, iface));
    clock.iface = iface;
    return clock;
  }

  /** undefined when too many interfaces are known already. */
  ts2phcOf(iface: string): Clock | undefined {
    let clock = this.ts2phc.get(iface);
    if (clock === undefined && this.ts2phc.size < MAX_INTERFACES) {
      clock = new Clock('ts2phc', this.name, iface);
      this.ts2phc.set(iface, clock);
    }
    return clock;
  }

  hasRoomFor(records: ReadonlyMap<string, unknown>, key: string): boolean {
    return records.has(key) || records.size < MAX_INTERFACES;
  }

  /** The clocks of lock-state that count. Once a grandmaster or boundary line was seen, only that one does. */
  lockClocks(): Clock[] {
    const judge = this.grandmaster ?? this.boundary;
    if (judge) return [judge];
    if (this.isJudged) return [];
    const clocks = [...this.ts2phc.values()];
    return this.ptp4l ? [this.ptp4l, ...clocks] : clocks;
  }

  #otherSlave(): number | undefined {
    for (const [number, { role }] of this.roles) if (role === 'SLAVE') return number;
    return undefined;
  }

  #forgetInterface(iface: string): void {
    for (const records of [this.ts2phc, this.gnss, this.dpll, this.nmea]) records.delete(iface);
    for (const [key, record] of this.synce) if (record.iface === iface) this.synce.delete(key);
    if (this.grandmaster?.iface === iface) this.grandmaster = undefined;
    if (this.boundary?.iface === iface) this.boundary = undefined;
  }
}
