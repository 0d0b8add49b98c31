// @ts-check
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Seconds of a lap: ptp4l's recording lasts 14.6 s, and its clock shows LOCKED, HOLDOVER, FREERUN and LOCKED again. */
const LAP_S = 15.6;

const RECORDINGS = ['offset-lines.log', 'phc2sys-simulated-clocks.log'].map((name) =>
  join('test/fixtures/recordings', name),
);

/** What the replay tool is told. */
export const replayArgs = ['--seconds', String(LAP_S), ...RECORDINGS];

const PTP4L_CONF = `[global]
slaveOnly 1
[ens1f0]
masterOnly 0
`;

/** As the daemon writes it. Software timestamping on a busy machine has spikes of 100 µs: hence the wide thresholds. */
const PROFILE = {
  name: 'demo',
  interface: '',
  ptp4lOpts: '-2 -s',
  phc2sysOpts: '-a -r',
  ptp4lConf: PTP4L_CONF,
  ptpClockThreshold: { holdOverTimeout: 2, maxOffsetThreshold: 200_000, minOffsetThreshold: -200_000 },
};

/**
 * Writes what linuxptp-daemon would write on the recorded node: its profile, and ptp4l's configuration.
 * @param {string} folder
 * @param {string} nodeName
 * @returns the collector's settings
 */
export function writeDemoConfig(folder, nodeName) {
  const configDir = join(folder, 'run');
  const profileDir = join(folder, 'linuxptp');
  for (const dir of [configDir, profileDir]) mkdirSync(dir, { recursive: true });
  writeFileSync(
    join(configDir, 'ptp4l.0.config'),
    `#profile: demo\n\n${PTP4L_CONF.replace('[global]', '[global]\nmessage_tag [ptp4l.0.config]')}`,
  );
  writeFileSync(join(profileDir, nodeName), JSON.stringify([PROFILE], null, 2));
  return { PTP_CONFIG_DIR: configDir, PTP_PROFILE_PATH: profileDir };
}
