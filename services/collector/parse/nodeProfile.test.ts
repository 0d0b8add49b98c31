import { BadNodeProfile, parseNodeProfile } from './nodeProfile.js';

const limitsOf = (ptpClockThreshold: object | undefined): object | undefined =>
  parseNodeProfile(JSON.stringify([{ name: 'p', ptpClockThreshold }]))[0]?.limits;

describe('the node profile', () => {
  it('has keys in any case', () => {
    const text = JSON.stringify([
      {
        Name: 'gm',
        PHC2SYSOPTS: ' ',
        ts2PhcOpts: '--ts2phc.external_pps 1',
        ptpsettings: { HAPROFILES: 'a, b' },
        PtpClockThreshold: { HoldOverTimeout: 7, MAXOFFSETTHRESHOLD: 50, minoffsetthreshold: -60 },
      },
    ]);
    expect(parseNodeProfile(text)).toEqual([
      {
        name: 'gm',
        limits: { minOffsetNs: -60, maxOffsetNs: 50, holdoverMs: 7_000 },
        ptp4l: { interfaces: [], serverOnly: undefined },
        runsPhc2sys: true,
        runsChronyd: false,
        isBoundary: true,
        haProfiles: ['a', 'b'],
      },
    ]);
  });

  it.each([
    [undefined, { minOffsetNs: -100, maxOffsetNs: 100, holdoverMs: 5_000 }],
    [{}, { minOffsetNs: -100, maxOffsetNs: 100, holdoverMs: 5_000 }],
    [{ maxOffsetThreshold: 300 }, { minOffsetNs: -100, maxOffsetNs: 300, holdoverMs: 5_000 }],
    [{ minOffsetThreshold: 0 }, { minOffsetNs: 0, maxOffsetNs: 100, holdoverMs: 5_000 }],
    [
      { maxOffsetThreshold: -5, minOffsetThreshold: -40, holdOverTimeout: -3 },
      { minOffsetNs: -40, maxOffsetNs: 100, holdoverMs: 5_000 },
    ],
    [
      { maxOffsetThreshold: 50, minOffsetThreshold: 70, holdOverTimeout: 9 },
      { minOffsetNs: 49, maxOffsetNs: 50, holdoverMs: 9_000 },
    ],
  ])('has thresholds, and defaults for those that make no sense: %j', (block, limits) => {
    expect(limitsOf(block)).toEqual(limits);
  });

  it('may be one object, or none', () => {
    expect(parseNodeProfile('{"name":"one"}').map(({ name }) => name)).toEqual(['one']);
    expect(parseNodeProfile('{"name":null,"interface":null}')).toEqual([]);
  });

  it.each(['', '{', '[1]', 'null', '"text"'])('is refused when it is no profile: %j', (text) => {
    expect(() => parseNodeProfile(text)).toThrow(BadNodeProfile);
  });
});
