import { isConfigFileName, NO_OPTIONS, parseConfigFile, parsePtp4lOptions, portsOf } from './configFile.js';

/** `ens1f0` for a port that may be a slave, `(ens1f1)` for one that may not, in the order of their numbers. */
const ports = (text: string, options = ''): string => {
  const found = portsOf(parseConfigFile(text), options === '' ? NO_OPTIONS : parsePtp4lOptions(options));
  expect(found.map(({ number }) => number)).toEqual(found.map((_, i) => i + 1));
  return found.map(({ iface, maySlave }) => (maySlave ? iface : `(${iface})`)).join(' ');
};

describe('a configuration file', () => {
  it.each([
    ['ports in the order of their sections', '[ens1f0]\nmasterOnly 0\n[ens1f1]\nmasterOnly 1\n', 'ens1f0 (ens1f1)'],
    ['either name of the option', '[a0]\nserverOnly 1\n[a1]\nmasterOnly 1\n[a2]\n', '(a0) (a1) a2'],
    [
      'no number for what is no interface',
      '[nmea]\n[ens1f0]\n[unicast_master_table]\n[unicast_x]\n[<synce1>]\n[{ext}]\n[ptp4l.0.config]\n[ens2f0]\n',
      'ens1f0 ens2f0',
    ],
    ['known sections in any case', '[Global]\n[GLOBAL]\n[NMEA]\n[Unicast_Master_Table]\n[ens1f0]\n', 'ens1f0'],
    ['names in their own case', '[Ens1f0]\n[ens1f0]\n', 'Ens1f0 ens1f0'],
    ['brackets as blanks', '[ ens5f0 ]\n[\tens5f1\t]\n[  ens5f2]\n', 'ens5f0 ens5f1 ens5f2'],
    ['the first word only', '[ens5f0 x]\n[ens5f1] # uplink\n[ens5f2][ens5f3]\n', 'ens5f0 ens5f1 ens5f2'],
    ['a bracket that is not closed', '[ens5f0\n[ens5f1\r\n', 'ens5f0 ens5f1'],
    ['blanks inside the brackets of global', '[ global ]\nserverOnly 1\n[ens5f0]\n', '(ens5f0)'],
    ['nothing in an empty section', '[]\n[ ]\nmasterOnly 1\n[ens5f0]\n', 'ens5f0'],
    ['a section that comes again as one port', '[a0]\n[a1]\n[a0]\nmasterOnly 1\n[ a1 ]\nmasterOnly 1\n', '(a0) (a1)'],
    [
      'the last value of several',
      '[a0]\nmasterOnly 1\nserverOnly 0\n[a1]\nmasterOnly 0\n[a1]\nmasterOnly 1\n',
      'a0 (a1)',
    ],
    ['what global says before', '[global]\nserverOnly 1\n[a0]\n[a1]\nserverOnly 0\n', '(a0) a1'],
    ['what global says behind', '[a0]\n[a1]\nmasterOnly 0\n[global]\nmasterOnly 1\n', '(a0) a1'],
    ['what global says in two parts', '[global]\n[a0]\n[Global]\nserverOnly 1\n', '(a0)'],
    ['no option of a section that is none', '[a0]\n[unicast_master_table]\nmasterOnly 1\n[nmea]\nserverOnly 1\n', 'a0'],
    ['no option in another case', '[a0]\nmasteronly 1\nMASTERONLY 1\n', 'a0'],
    ['tabs, indents and Windows line ends', '[global]\r\n\t[a0]\r\n\t masterOnly\t 1\t\r\n  [a1]\r\n', '(a0) a1'],
    ['no comment', '#[a9]\n # [a8]\n[a0]\n#masterOnly 1\n\t#[a7]\n', 'a0'],
    [
      'no bracket inside a value',
      '[global]\nmessage_tag [ptp4l.0.config:{level}]\nproductDescription [a9]\n[a0]\n',
      'a0',
    ],
    ['no value that is none', '[a0]\nmasterOnly\n[a1]\nmasterOnly yes\n[a2]\nmasterOnlyx 1\n', 'a0 a1 a2'],
  ])('has %s', (_, text, wanted) => {
    expect(ports(text)).toBe(wanted);
  });

  it.each([
    ['-2 -i eno2', 'eno2 ens1f0 ens1f1'],
    ['-i ens1f1', 'ens1f1 ens1f0'],
    ['-ieno2', 'eno2 ens1f0 ens1f1'],
    ['-2si eno2', 'eno2 ens1f0 ens1f1'],
    ['-i eno3 -m -i eno2 -q', 'eno3 eno2 ens1f0 ens1f1'],
    ['-i eno2 -i eno2', 'eno2 ens1f0 ens1f1'],
    ['-f -i -l 6 -p /dev/ptp0', 'ens1f0 ens1f1'],
    ['--summary_interval -i', 'ens1f0 ens1f1'],
    ['--summary_interval=-4 -i\teno2', 'eno2 ens1f0 ens1f1'],
    ['-i', 'ens1f0 ens1f1'],
    ['--serverOnly 1', '(ens1f0) (ens1f1)'],
    ['--masterOnly=1 -i eno2', '(eno2) (ens1f0) (ens1f1)'],
    ['--serverOnly=0', 'ens1f0 ens1f1'],
    ['', 'ens1f0 ens1f1'],
  ])('has the ports of the command line before its own: %s', (options, wanted) => {
    expect(ports('[ens1f0]\n[ens1f1]\n', options)).toBe(wanted);
  });

  it('has the option of a port before that of the command line, and that before the one of global', () => {
    expect(ports('[global]\nserverOnly 1\n[a0]\n[a1]\nserverOnly 1\n', '--serverOnly 0')).toBe('a0 (a1)');
  });

  it('has a profile name of letters, digits, - and _ only', () => {
    expect(parseConfigFile('#profile: a-b_c.d\n[eth0]\n').profile).toBe('a-b_c');
  });

  it.each([
    ['ptp4l.0.config', true],
    ['chronyd.12.config', true],
    ['ptp4l.0.conf', false],
    ['ptp4l.x.config', false],
    ['ptp4lX0Yconfig', false],
    ['.ptp4l.0.config.swp', false],
  ])('is recognised by its name: %s %s', (name, isOne) => {
    expect(isConfigFileName(name)).toBe(isOne);
  });
});
