import { Counter, Gauge, type Registry } from 'prom-client';
import type { Sample, SeriesName } from './series.js';

const PREFIX = 'openshift_ptp_';
const CLOCK = ['process', 'node', 'iface'];
const READING = ['from', ...CLOCK];
const SYNCE = ['process', 'node', 'profile', 'network_option', 'iface', 'device'];
const DPLL_STATUS = '-1 unknown, 0 invalid, 1 freerun, 2 locked, 3 locked and holdover acquired, 4 holdover';

/** The contract that existing dashboards rely on: names, labels and values of the reference implementation. */
const SERIES: Record<SeriesName, { help: string; labelNames: string[] }> = {
  offset_ns: { help: 'Offset in ns; of a summary line its rms.', labelNames: READING },
  max_offset_ns: { help: 'Largest absolute offset of the last minute, in ns.', labelNames: READING },
  frequency_adjustment_ns: { help: 'Frequency adjustment in ppb.', labelNames: READING },
  delay_ns: { help: 'Path delay in ns; 0 where the line has none.', labelNames: READING },
  clock_state: { help: '0 FREERUN, 1 LOCKED, 2 HOLDOVER', labelNames: CLOCK },
  nmea_status: { help: '0 unavailable, 1 available', labelNames: CLOCK },
  threshold: {
    help: 'Thresholds of a profile: ns, and s for HoldOverTimeout.',
    labelNames: ['threshold', 'node', 'profile'],
  },
  interface_role: { help: '0 PASSIVE, 1 SLAVE, 2 MASTER, 3 FAULTY, 4 UNKNOWN, 5 LISTENING', labelNames: CLOCK },
  clock_class: {
    help: '6 locked, 7 PRC unlocked in spec, 52/187 out of spec, 135/165 T-BC holdover in/out of spec, 248 default, 255 slave only',
    labelNames: ['process', 'node', 'config'],
  },
  process_status: { help: '0 down, 1 up', labelNames: ['process', 'node', 'config'] },
  process_restart_count: {
    help: 'Starts of a process, the first one included.',
    labelNames: ['process', 'node', 'config'],
  },
  frequency_status: { help: DPLL_STATUS, labelNames: READING },
  phase_status: { help: DPLL_STATUS, labelNames: READING },
  pps_status: { help: '0 unavailable, 1 available', labelNames: READING },
  gnss_status: {
    help: '0 no fix, 1 dead reckoning only, 2 2D, 3 3D, 4 GPS and dead reckoning, 5 time only',
    labelNames: READING,
  },
  ha_profile_status: { help: '0 inactive, 1 active', labelNames: ['process', 'node', 'profile'] },
  synce_ssm_ql: {
    help: 'SyncE quality level, and the extended one (255 where there is none).',
    labelNames: [...SYNCE, 'ql_type'],
  },
  synce_clock_quality: { help: 'SyncE quality level plus the extended one.', labelNames: SYNCE },
};

/** Declares the contract on a registry. Each scrape fills it from the state: nothing is kept that is not true any more. */
export function declareOpenshiftMetrics(registry: Registry, samples: () => Sample[]): void {
  for (const [name, { help, labelNames }] of Object.entries(SERIES)) {
    const options = { name: `${PREFIX}${name}`, help, labelNames, registers: [registry] };
    const found = (): Sample[] => samples().filter((sample) => sample.name === name);
    if (name === 'process_restart_count') {
      void new Counter({
        ...options,
        collect() {
          this.reset();
          for (const { labels, value } of found()) this.inc(labels, value);
        },
      });
    } else {
      void new Gauge({
        ...options,
        collect() {
          this.reset();
          for (const { labels, value } of found()) this.set(labels, value);
        },
      });
    }
  }
}
