import { parse, processOf, readLine } from './line.js';

const ptp4l = (said: string): string => `ptp4l[81021.120]: [ptp4l.0.config] ${said}`;
const daemon = (process: string, said: string): string => `${process}[1724100001]:[ts2phc.0.config] ${said}`;

const chrony = (said: string): string => `chronyd[4711][chronyd.0.config]: ${said}`;

const readAll = (line: string): unknown[] => {
  const found: unknown[] = [];
  readLine(line, (seen) => found.push(seen));
  return found;
};

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

  const TIME = '2026-03-01T12:34:05Z ';

  it.each([
    ['Selected source 192.0.2.7 (ntp.example.net)', 'LOCKED'],
    ['Selected source 2001:db8::7', 'LOCKED'],
    ['Selected source PHC0', 'LOCKED'],
    ['Selected source fe80::1%ens1f0 (a-b_c.example)', 'LOCKED'],
    ["Can't synchronise: no selectable sources", 'FREERUN'],
    ["Can't synchronise: no selectable sources (2 unreachable sources)", 'FREERUN'],
    ["Can't synchronise: no majority", 'FREERUN'],
    ["Can't synchronise: no majority (no agreement among 3 sources)", 'FREERUN'],
    ["Can't synchronise: not enough selectable sources", 'FREERUN'],
    ["Can't synchronise: no required source in selectable sources", 'FREERUN'],
    ["Can't synchronise: no sources", 'FREERUN'],
    ["Can't synchronize: no selectable sources", 'FREERUN'],
    ["Can't synchronize: a reason that nobody has thought of yet", 'FREERUN'],
  ])('of chronyd is read, whatever stands before it: %s', (said, state) => {
    const heads = [
      '',
      TIME,
      `${TIME}${TIME}`,
      '2026-03-01 12:34:05 ',
      '1772000000.123456 ',
      '2026-03-01T12:34:05.123456+01:00 ',
    ];
    for (const head of heads) {
      for (const line of [
        chrony(head + said),
        `chronyd[5678.901]: [chronyd.0.config] ${head}${said}`,
        `chronyd[1]:[chronyd.0.config:6] ${head}${said}`,
      ]) {
        expect([line, parse(line)]).toEqual([line, { kind: 'chrony', config: 'chronyd.0.config', state }]);
      }
    }
  });

  it.each([
    'System clock wrong by -0.004411 seconds',
    'chronyd version 4.5 starting (+CMDMON +NTP +REFCLOCK +RTC +PRIVDROP +SCFILTER)',
    'Source 192.0.2.7 replaced with 192.0.2.8',
    'Could not resolve the selected source',
    'chronyd exiting',
  ])('of chronyd may be about something else: %s', (said) => {
    expect([parse(chrony(said)), parse(chrony(TIME + said))]).toEqual(['ignored', 'ignored']);
  });

  it('of chronyd that ends in the middle selects nothing', () => {
    expect([parse(chrony('Selected source')), parse(chrony(`${TIME}Selected`))]).toEqual(['malformed', 'ignored']);
  });

  it.each(['', ':6', ':{level}', ':level', ':6:5', ':{level}:5'])('has a tag that ends in %j', (suffix) => {
    const tag = `[ptp4l.0.config${suffix}]`;
    expect(parse(`ptp4l[1.1]: ${tag} master offset 17 s2 freq -5 path delay 3`)).toMatchObject({ offsetNs: 17 });
    expect(parse(`ptp4l[1.1]:${tag} port 1 (ens1f0): UNCALIBRATED to SLAVE on RS_SLAVE`)).toMatchObject({ port: 1 });
  });

  const HUGE = '99999999999999999999';
  it.each<[string, string, object]>([
    [
      'a fix that is not known',
      daemon('gnss', 'ens9f0 gnss_status -1 offset 5 s0'),
      { fix: -1, offsetNs: 5, state: 'FREERUN' },
    ],
    ['a fix outside the list', daemon('gnss', 'ens9f0 gnss_status 17 offset 5 s2'), { fix: 17, state: 'LOCKED' }],
    [
      'a fix beyond 2^53',
      daemon('gnss', `ens9f0 gnss_status ${HUGE} offset 5 s2`),
      { fix: undefined, state: 'LOCKED' },
    ],
    [
      'a GNSS offset beyond 2^63',
      daemon('gnss', `ens9f0 gnss_status 3 offset ${HUGE} s1`),
      { fix: 3, offsetNs: undefined },
    ],
    [
      'a frequency status',
      daemon('dpll', 'ens9f0 frequency_status 9 offset 4 phase_status 3 pps_status 1 s2'),
      { frequencyStatus: undefined, phaseStatus: 3, ppsStatus: 1, offsetNs: 4 },
    ],
    [
      'a phase status',
      daemon('dpll', 'ens9f0 frequency_status 3 offset 4 phase_status -2 pps_status 1 s2'),
      { frequencyStatus: 3, phaseStatus: undefined },
    ],
    [
      'a pps status',
      daemon('dpll', 'ens9f0 pps_status 7 offset 4 s1'),
      { ppsStatus: undefined, offsetNs: 4, state: 'HOLDOVER' },
    ],
    [
      'a dpll offset',
      daemon('dpll', `ens9f0 frequency_status 3 offset ${HUGE} s0`),
      { frequencyStatus: 3, offsetNs: undefined },
    ],
    [
      'a pair that nobody knows',
      daemon('dpll', 'ens9f0 frequency_status 3 temperature hot offset 4 s2'),
      { frequencyStatus: 3, offsetNs: 4 },
    ],
    [
      'an extended quality',
      'synce4l[1]:[synce4l.0.config] ens4f0 clock_quality PRTC device synce1 ext_ql 0x120 network_option 1 ql 0x2 s2',
      { ql: 2, extQl: undefined },
    ],
    [
      'a network option',
      'synce4l[1]:[synce4l.0.config] ens4f0 device synce1 eec_state EEC_LOCKED network_option 3 s2',
      { networkOption: undefined, state: 'LOCKED' },
    ],
    [
      'a state that is not known',
      'synce4l[1]:[synce4l.0.config] ens4f0 clock_quality PRTC device synce1 network_option 1 ql 0x2 -1',
      { ql: 2 },
    ],
    [
      'a state that is not there',
      'synce4l[1]:[synce4l.0.config] ens4f0 clock_quality PRTC device synce1 network_option 1 ql 0x2 ',
      { ql: 2 },
    ],
    [
      'a path delay',
      ptp4l(`master offset 3 s2 freq -5 path delay ${HUGE}`),
      { offsetNs: 3, delayNs: undefined, lacksDelay: false },
    ],
    ['a negative path delay', ptp4l('master offset 3 s2 freq -5 path delay -12'), { delayNs: -12 }],
    [
      'a frequency',
      ptp4l(`master offset 3 s2 freq -${HUGE} path delay 3`),
      { offsetNs: 3, freqPpb: undefined, delayNs: 3 },
    ],
    [
      'a delay of phc2sys',
      `phc2sys[1.1]: [ptp4l.0.config] CLOCK_REALTIME phc offset 3 s2 freq -5 delay ${HUGE}`,
      { delayNs: undefined, lacksDelay: false },
    ],
    [
      'an rms',
      ptp4l(`rms ${HUGE} max 77 freq -5 +/- 3 delay 9 +/- 1`),
      { rmsNs: undefined, maxNs: 77, freqPpb: -5, delayNs: 9 },
    ],
    [
      'a max',
      ptp4l(`rms 41 max ${HUGE} freq -5 +/- 3 delay ${HUGE} +/- ${HUGE}`),
      { rmsNs: 41, maxNs: undefined, delayNs: undefined },
    ],
    [
      'an offset of nmea',
      daemon('ts2phc', `ens9f0 nmea_status 1 offset ${HUGE} s0`),
      { kind: 'nmea', isAvailable: true },
    ],
    ['a frequency of ts2phc', daemon('ts2phc', `ens9f0 offset 3 s2 freq ${HUGE}`), { offsetNs: 3, freqPpb: undefined }],
  ])('counts without the one figure that is odd: %s', (_, line, seen) => {
    expect(parse(line)).toMatchObject(seen);
  });

  it.each(['99999999999', '-99999999999', '+99999999999', '99999999999.000', '-9999999999999999'])(
    'has no offset where the daemon writes %s, in every kind of line',
    (word) => {
      for (const line of [
        ptp4l(`master offset ${word} s0 freq -5 path delay 3`),
        `phc2sys[1.1]: [ptp4l.0.config] CLOCK_REALTIME phc offset ${word} s2 freq -5 delay 3`,
        daemon('ts2phc', `ens9f0 master offset ${word} s2 freq -5`),
        daemon('ts2phc', `ens9f0 lost holdover lock (offset ${word})`),
        daemon('gnss', `ens9f0 gnss_status 3 offset ${word} s2`),
        daemon('dpll', `ens9f0 frequency_status 3 offset ${word} s2`),
        daemon('T-BC', `ens4f0 offset ${word} T-BC-STATUS s2`),
      ]) {
        expect([line, parse(line)]).toEqual([line, expect.objectContaining({ offsetNs: undefined })]);
      }
      for (const sums of [
        ptp4l(`rms ${word} max ${word} freq -5 +/- 3 delay 9 +/- 1`),
        `phc2sys[1.1]: [ptp4l.0.config] CLOCK_REALTIME rms ${word} max ${word} freq -5 +/- 3 delay 9 +/- 1`,
      ]) {
        expect(parse(sums)).toMatchObject({ kind: 'summary', rmsNs: undefined, maxNs: undefined, delayNs: 9 });
      }
      expect(parse(daemon('ts2phc', `ens9f0 nmea_status 0 offset ${word} s0`))).toMatchObject({ isAvailable: false });
    },
  );

  it.each<[string, string, object]>([
    ['gnss', daemon('gnss', 'ens9f0 offset 5 gnss_status 3 s2'), { kind: 'gnss', fix: 3, offsetNs: 5 }],
    ['nmea', daemon('ts2phc', 'ens9f0 offset 0 nmea_status 1 s2'), { kind: 'nmea', isAvailable: true }],
    ['T-BC', daemon('T-BC', 'ens4f0 T-BC-STATUS s2 offset 12'), { kind: 'boundary', offsetNs: 12, state: 'LOCKED' }],
    [
      'eec',
      'synce4l[1]:[synce4l.0.config] ens4f0 eec_state EEC_LOCKED network_option 1 device synce1 s2',
      { kind: 'synce-state', device: 'synce1', state: 'LOCKED' },
    ],
    [
      'quality',
      'synce4l[1]:[synce4l.0.config] ens4f0 device synce1 ql 0x2 ext_ql 0x20 clock_quality PRTC network_option 1 s2',
      { kind: 'synce-quality', ql: 2, extQl: 32 },
    ],
  ])('has its pairs in any order: %s', (_, line, seen) => {
    expect(parse(line)).toMatchObject(seen);
  });

  it.each<[string, object | string]>([
    ['ens7f0 lost holdover lock (offset       1411)', { servo: 'FREERUN', offsetNs: 1411, saysHoldover: false }],
    ['/dev/ptp6 lost holdover lock (offset -7)', { iface: '/dev/ptp6', offsetNs: -7 }],
    ['ens7f0 lost holdover lock (offset 14', 'malformed'],
    ['ens7f0 lost holdover lock (offset x)', 'malformed'],
    ['ens7f0 lost holdover lock', 'malformed'],
    ['ens7f0 lost holdover', 'malformed'],
  ])('says that a holdover is lost: %s', (said, seen) => {
    const read = parse(`ts2phc[1.1]: [ts2phc.0.config:6] ${said}`);
    if (typeof seen === 'string') expect(read).toBe(seen);
    else expect(read).toMatchObject({ kind: 'offset', process: 'ts2phc', ...seen });
  });

  it.each<[string, object | string]>([
    ['pps offset 43 s2 freq -1587', { offsetNs: 43, delayNs: 0, lacksDelay: false }],
    ['pps offset 43 s2 freq -1587 delay 5', { delayNs: 5, lacksDelay: false }],
    ['phc offset 43 s2 freq -1587', { lacksDelay: true }],
    ['sys offset 43 s2 freq -1587', { lacksDelay: true }],
    ['pps offset 43 s2 freq', 'malformed'],
    ['pps offset 43 s2', 'malformed'],
    ['pps offset 43 s2 freq -1587 delay', 'malformed'],
  ])('of phc2sys lacks a delay only where there should be one: %s', (said, seen) => {
    const read = parse(`phc2sys[1.1]: [ptp4l.0.config] CLOCK_REALTIME ${said}`);
    if (typeof seen === 'string') expect(read).toBe(seen);
    else expect(read).toMatchObject(seen);
  });

  it.each<[string, object | string]>([
    ['port 2 (ens1f1): UNCALIBRATED to SLAVE on RS_SLAVE', { port: 2, iface: 'ens1f1', is: 'SLAVE' }],
    ['port 2: UNCALIBRATED to SLAVE on RS_SLAVE', { port: 2, iface: '' }],
    ['port 1 (enP2p1s0f0np0): SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)', { iface: 'enP2p1s0f0np0' }],
    ['port 1 (ens1f0.100): SLAVE to PASSIVE on RS_PASSIVE', { iface: 'ens1f0.100' }],
    ['port 0 (/var/run/ptp4l.0.socket): INITIALIZING to LISTENING on INIT_COMPLETE', 'ignored'],
    ['port 0 (ens1f1): SLAVE to FAULTY on FAULT_DETECTED', { port: 0, iface: 'ens1f1' }],
    ['port 65536 (ens1f1): SLAVE to FAULTY on FAULT_DETECTED', { port: undefined, iface: 'ens1f1' }],
    [`port ${HUGE} (ens1f1): SLAVE to FAULTY on FAULT_DETECTED`, { port: undefined, iface: 'ens1f1' }],
    [`port ${HUGE}: SLAVE to FAULTY on FAULT_DETECTED`, 'malformed'],
    ['port x (ens1f1): SLAVE to FAULTY on FAULT_DETECTED', 'malformed'],
    ['port 1 (ens1f0: SLAVE to FAULTY on FAULT_DETECTED', 'malformed'],
    ['port 1 (a"b): SLAVE to FAULTY on FAULT_DETECTED', 'malformed'],
  ])('names its port: %s', (said, seen) => {
    const read = parse(ptp4l(said));
    if (typeof seen === 'string') expect(read).toBe(seen);
    else expect(read).toMatchObject({ kind: 'port', ...seen });
  });

  const SLAVE = 'ptp4l[20.100]: [ptp4l.0.config:5] port 3 (ens2f0): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED';
  const PASSIVE = 'ptp4l[10.100]: [ptp4l.0.config] port 1 (ens1f0): SLAVE to PASSIVE on RS_PASSIVE';
  const CLASS = 'ptp4l[1770000000]:[ptp4l.0.config] CLOCK_CLASS_CHANGE 6';
  const OFFSET = 'ptp4l[1.1]: [ptp4l.0.config:6] master offset -3 s2 freq -5 path delay 201';
  const GM = 'GM[1770000000]:[ts2phc.0.config] ens1f0 T-GM-STATUS s2';
  const BC = 'T-BC[1770000000]:[ts2phc.1.config] ens1f0 offset 1 T-BC-STATUS s2';
  const CHRONY = 'chronyd[4711][chronyd.0.config]: 2026-03-01T12:00:05Z Selected source 192.0.2.7';

  it.each([
    ['nothing between them', [SLAVE, PASSIVE, CLASS, OFFSET], ''],
    ['daemons and tools by turns', [PASSIVE, GM, SLAVE, BC, CHRONY, OFFSET], ''],
    ['a blank between them', [GM, OFFSET, CHRONY], ' '],
    ['a tab between them', [SLAVE, CLASS], '\t'],
  ])('may be several messages, with %s', (_, messages, glue) => {
    expect(readAll(messages.join(glue))).toEqual(messages.map(parse));
  });

  it.each(['\0\x01\x02', 'ÿþ\x80', 'xxxx', 'SELECTED', '...)', '[[[', '][:'])(
    'counts behind what is left of another one: %j',
    (rubbish) => {
      for (const message of [SLAVE, CLASS, OFFSET, GM, BC, CHRONY]) {
        expect(readAll(rubbish + message).filter((seen) => typeof seen !== 'string')).toEqual([parse(message)]);
      }
    },
  );

  it.each([
    'ptp4l[1.1]: [ptp4l.0.con',
    'ptp4l[1.1]: [ptp4l.0.cfg] port 1',
    'ptp4l[1.1',
    'ptp4l ',
    'phc2sys[1]: ',
    'gnss rubbish ',
    'chronyd[1]: what is left of a line ',
    'CMD LIV',
  ])('counts behind one that was cut off: %j', (cut) => {
    for (const message of [SLAVE, CLASS, OFFSET, GM, BC, CHRONY]) {
      expect(readAll(cut + message).filter((seen) => typeof seen !== 'string')).toEqual([parse(message)]);
      expect(readAll(OFFSET + cut + message).at(-1)).toEqual(parse(message));
    }
  });

  it('has its own words only, when a process that is not known follows', () => {
    const other = 'pmc[1770000000]:[ptp4l.0.config] PTP_PROCESS_STATUS:1';
    expect(readAll(SLAVE + other + OFFSET)).toEqual([parse(SLAVE), 'ignored', parse(OFFSET)]);
    expect(readAll(OFFSET + other)).toEqual([parse(OFFSET), 'ignored']);
  });

  it('is one message where nothing but a name of a configuration comes again', () => {
    const twice = 'ptp4l[1.1]: [ptp4l.0.config] selected /var/run/ptp4l.0.config as the file [ptp4l.0.config]';
    expect(readAll(twice)).toEqual(['ignored']);
    expect(readAll('evil[1.1]: [ptp4l.0.config] master offset 3 s2 freq -5 path delay 3')).toEqual(['ignored']);
    expect(readAll('')).toEqual(['malformed']);
    expect(readAll('CMD RESTART')).toEqual([{ kind: 'command', command: 'RESTART' }]);
  });

  it('of any bytes is read in a time that its length bounds', () => {
    for (const part of [
      '[1]',
      '[',
      '.config',
      '[1]:' + ' '.repeat(9),
      'ptp4l[1]',
      '[ptp4l.0.config]',
      'a[1]: [ptp4l.0.config] ',
    ]) {
      const line = part.repeat(Math.floor(65_536 / part.length));
      expect(readAll(line).length).toBeLessThanOrEqual(line.length / 16 + 1);
    }
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
