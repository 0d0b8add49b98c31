import { stampOf } from './stamp.js';

describe('the stamp of a line', () => {
  it.each([
    ['ptp4l[81021.120]: [ptp4l.0.config] master offset 17 s2 freq -5120 path delay 312', 81_021_120],
    ['phc2sys[0.001]: [ptp4l.0.config] CLOCK_REALTIME phc offset 31 s2 freq -11020 delay 611', 1],
    // Of the daemon: seconds since 1970.
    ['GM[1724100001]:[ts2phc.0.config] ens9f0 T-GM-STATUS s2', undefined],
    ['ptp4l[1724000010]:[ptp4l.0.config] CLOCK_CLASS_CHANGE 6.000000', undefined],
    ['CMD LIVE_START', undefined],
    ['ptp4l[99999999999.120]: [ptp4l.0.config] master offset 17 s2 freq -5120', undefined],
    ['', undefined],
  ])('%s → %s', (line, stampMs) => {
    expect(stampOf(line)).toBe(stampMs);
  });
});
