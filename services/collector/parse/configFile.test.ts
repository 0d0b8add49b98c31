import { isConfigFileName, parseConfigFile } from './configFile.js';

describe('a configuration file', () => {
  it('names its profile and its ports, in the order of their sections', () => {
    const text =
      '#profile: bc-east\n\n[global]\nmessage_tag [ptp4l.0.config]\n[ens1f0]\nmasterOnly 0\n[ens1f1]\nmasterOnly 1\n';
    expect(parseConfigFile(text)).toEqual({
      profile: 'bc-east',
      ports: [
        { number: 1, iface: 'ens1f0', maySlave: true },
        { number: 2, iface: 'ens1f1', maySlave: false },
      ],
    });
  });

  it('gives no number to a section that is no interface', () => {
    const text =
      '[nmea]\n[ens1f0]\n[unicast_master_table]\n[unicast_x]\n[<synce1>]\n[ptp4l.0.config]\n[ens2f0]\nserverOnly 1\n';
    expect(parseConfigFile(text)).toEqual({
      profile: '',
      ports: [
        { number: 1, iface: 'ens1f0', maySlave: true },
        { number: 2, iface: 'ens2f0', maySlave: false },
      ],
    });
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
