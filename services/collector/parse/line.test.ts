import { parse, processOf } from './line.js';

const ptp4l = (said: string): string => `ptp4l[81021.120]: [ptp4l.0.config] ${said}`;
const daemon = (process: string, said: string): string => `${process}[1724100001]:[ts2phc.0.config] ${said}`;

describe('a line of the daemon', () => {
  it.each<[string, string, object]>([
    [
      'an offset of ptp4l',
      ptp4l('master offset         17 s2 freq   -5120 path delay       312'),
      { kind: 'offset', process: 'ptp4l', offsetNs: 17, servo: 'LOCKED', freqPpb: -5120, delayNs: 312 },
    ],
    [
      'an offset without a delay',
      ptp4l('master offset -3 s2 freq -1120'),
      { kind: 'offset', offsetNs: -3, lacksDelay: true },
    ],
    [
      'an offset of a clock that is decades off, exact to the nanosecond',
      ptp4l('master offset -1676543210123456789 s0 freq +0 path delay 300'),
      { offsetNs: -1676543210123456789n, servo: 'FREERUN' },
    ],
    [
      'a port',
      ptp4l('port 1: SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)'),
      { kind: 'port', port: 1, was: 'SLAVE', is: 'FAULTY' },
    ],
    [
      'a port with its interface',
      ptp4l('port 11 (ens8f2): LISTENING to MASTER on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES'),
      { kind: 'port', port: 11, was: 'LISTENING', is: 'MASTER' },
    ],
    [
      'a summary',
      ptp4l('rms   41 max   77 freq -16002 +/-  38 delay  1011 +/-  17'),
      { kind: 'summary', rmsNs: 41, maxNs: 77, freqPpb: -16002, delayNs: 1011 },
    ],
    ['a summary without a delay', ptp4l('rms 41 max 77 freq -16002 +/- 38'), { kind: 'summary', delayNs: 0 }],
    [
      'an offset of the OS clock',
      'phc2sys[81021.410]: [ptp4l.0.config] CLOCK_REALTIME sys offset        31 s2 freq  -11020 delay    611',
      { kind: 'offset', process: 'phc2sys', source: 'sys', offsetNs: 31, delayNs: 611 },
    ],
    [
      'a line with a level in its tag',
      'ptp4l[1.2]: [ptp4l.0.config:6] master offset 3 s2 freq -5 path delay 3',
      { kind: 'offset', config: 'ptp4l.0.config', offsetNs: 3 },
    ],
    [
      'ts2phc, whose configuration is that of ptp4l',
      'ts2phc[61021.402]: [ts2phc.3.config] ens9f0 master offset         -2 s2 freq      -6',
      { kind: 'offset', process: 'ts2phc', config: 'ptp4l.3.config', iface: 'ens9f0', delayNs: 0 },
    ],
    [
      'ts2phc in holdover',
      'ts2phc[1.1]: [ts2phc.0.config] /dev/ptp6 offset 1 s3 freq +1 holdover',
      { iface: '/dev/ptp6', servo: 'LOCKED', saysHoldover: true },
    ],
    ['nmea', daemon('ts2phc', 'ens9f0 nmea_status 1 offset 0 s2'), { kind: 'nmea', isAvailable: true }],
    [
      'gnss',
      daemon('gnss', 'ens9f0 gnss_status 3 offset 5 s1'),
      { kind: 'gnss', fix: 3, offsetNs: 5, state: 'HOLDOVER' },
    ],
    [
      'dpll in another order',
      daemon('dpll', 'ens9f1 offset -21 frequency_status 2 pps_status 0 phase_status 4 s1'),
      { kind: 'dpll', offsetNs: -21, frequencyStatus: 2, ppsStatus: 0, phaseStatus: 4, state: 'HOLDOVER' },
    ],
    ['dpll with fewer pairs', daemon('dpll', 'ens9f1 offset -21 s2'), { kind: 'dpll', phaseStatus: undefined }],
    ['a grandmaster', daemon('GM', 'ens9f0 T-GM-STATUS s1'), { kind: 'grandmaster', state: 'HOLDOVER' }],
    [
      'a boundary clock',
      daemon('T-BC', 'ens4f0 offset 12 T-BC-STATUS s3 holdover'),
      { kind: 'boundary', offsetNs: 12, state: 'FREERUN' },
    ],
    ['a process', daemon('ts2phc', 'PTP_PROCESS_STATUS:0'), { writtenConfig: 'ts2phc.0.config', isUp: false }],
    ['a clock class', ptp4l('CLOCK_CLASS_CHANGE 248.000000'), { kind: 'clock-class', clockClass: 248 }],
    [
      'SyncE',
      'synce4l[1]:[synce4l.0.config] ens4f0 device synce1 eec_state EEC_LOCKED network_option 1 s2',
      { kind: 'synce-state', device: 'synce1', networkOption: 1, state: 'LOCKED' },
    ],
    [
      'SyncE quality',
      'synce4l[1]:[synce4l.0.config] ens4f0 clock_quality PRTC device synce1 ext_ql 0x20 network_option 1 ql 0x2 s2',
      { kind: 'synce-quality', ql: 2, extQl: 32 },
    ],
    [
      'chronyd',
      "chronyd[1.1]: [chronyd.0.config] Can't synchronise: no selectable sources",
      { kind: 'chrony', state: 'FREERUN' },
    ],
    [
      'a high-availability profile',
      'phc2sys[1]:[phc2sys.2.config] ptp_ha_profile ha-a state 1',
      { kind: 'ha-profile', profile: 'ha-a', isActive: true },
    ],
    ['a command', 'CMD LIVE_START', { kind: 'command', command: 'LIVE_START' }],
  ])('is read: %s', (_, line, seen) => {
    expect(parse(line)).toMatchObject(seen);
  });

  it.each([
    '',
    '   ',
    'hello world',
    'ptp4l',
    'ptp4l[1.1]:',
    'ptp4l[1.1]: [ptp4l.0.config]',
    'ptp4l[1.1]: [ptp4l.0.conf] master offset 3 s2 freq -5 path delay 3',
    ptp4l('master offset'),
    ptp4l('master offset s2 12 freq -5 path delay 3'),
    ptp4l('master offset 1x2 s2 freq -5 path delay 3'),
    ptp4l('master offset 12 s7 freq -5 path delay 3'),
    ptp4l('master offset 12 s2 freq'),
    ptp4l('master offset 12 s2 freq -'),
    ptp4l('master offset 12 s2 freq -5 path'),
    ptp4l('master offset 12 s2 freq -5 path delay'),
    ptp4l('master offset 12 s2 freq -5 path delay 3x'),
    ptp4l('master offset 99999999999999999999 s2 freq -5 path delay 3'),
    ptp4l('rms 41 max x freq -16002 +/- 38 delay 1011 +/- 17'),
    ptp4l('rms 41 max 77 freq -16002 +/- 38 delay'),
    ptp4l('port x: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED'),
    ptp4l('port 1: SLAVE to'),
    ptp4l('port 1: SLAVE to MAST'),
    ptp4l('port 1: SLAVE to FAULTY on'),
    ptp4l('CLOCK_CLASS_CHANGE'),
    ptp4l('CLOCK_CLASS_CHANGE n/a'),
    ptp4l('CLOCK_CLASS_CHANGE 256'),
    ptp4l('PTP_PROCESS_STATUS:down'),
    ptp4l('PTP_PROCESS_STATUS'),
    daemon('dpll', 'ens3f1 frequency_status 3 offset 4'),
    daemon('dpll', 'ens3f1 frequency_status x offset 4 s2'),
    daemon('gnss', 'ens3f1 gnss_status 3'),
    daemon('gnss', 'ens3f1 gnss_status x offset 5 s2'),
    daemon('GM', 'T-GM-STATUS s2'),
    daemon('GM', 'a"b T-GM-STATUS s2'),
    daemon('ts2phc', 'ens9f0 nmea_status x offset 0 s2'),
  ])('is malformed: %j', (line) => {
    expect(parse(line)).toBe('malformed');
  });

  it.each([
    ptp4l('selected best master clock 0c4f7a.fffe.118830'),
    ptp4l('port 1: delay timeout'),
    ptp4l('port 1: new foreign master aede42.fffe.c5abb3-1'),
    ptp4l('updating UTC offset to 37'),
    'phc2sys[9.1]: [ptp4l.0.config] ens3f1 phc offset       -88 s2 freq    -890 delay   2464',
    'phc2sys[1.9]: [ptp4l.0.config] port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED',
    'ts2phc[82674.465]: [ts2phc.0.config] nmea delay: 88403525 ns',
    'evil[1.1]: [ptp4l.0.config] master offset 3 s2 freq -5 path delay 3',
  ])('is ignored: %s', (line) => {
    expect(parse(line)).toBe('ignored');
  });

  it('counts under its process, or under "other"', () => {
    expect([ptp4l('x'), 'GM', 'evil[1]: [ptp4l.0.config] x', ''].map(processOf)).toEqual([
      'ptp4l',
      'GM',
      'other',
      'other',
    ]);
  });
});
