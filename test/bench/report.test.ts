import { rowsOf, tableOf } from './report.js';

describe('the report of the benchmark', () => {
  const rounds = [
    [{ name: 'p50', unit: 'ms', value: 2, floor: 1, cpuUs: { gateway: 70 }, floorCpuUs: { gateway: 40 } }],
    [{ name: 'p50', unit: 'ms', value: 6, floor: 2, cpuUs: { gateway: 90 }, floorCpuUs: { gateway: 44 } }],
    [{ name: 'p50', unit: 'ms', value: 4, floor: 4, cpuUs: { gateway: 80 }, floorCpuUs: { gateway: 48 } }],
  ];

  it('takes the median of the values, of the floors, and of the ratios of each round', () => {
    expect(rowsOf('paced', rounds)).toEqual([
      {
        scenario: 'paced',
        name: 'p50',
        unit: 'ms',
        rounds: 3,
        value: 4,
        floor: 2,
        ratio: { median: 2, min: 1, max: 3 },
        spread: [2, 6],
        cpuUs: { gateway: 80 },
        floorCpuUs: { gateway: 44 },
      },
    ]);
  });

  it('is a table that says what the processes used', () => {
    const [, line = ''] = tableOf(rowsOf('paced', rounds)).split('\n');
    expect(line.split(/ {2,}/)).toEqual([
      'paced: p50',
      '4.00 ms',
      '2.00 ms',
      '2.00',
      '1.00 - 3.00',
      'gateway 80.0 (44.0)',
    ]);
  });

  it('leaves out what has no floor', () => {
    const [row] = rowsOf('footprint', [[{ name: 'rest', unit: 'MB', value: 66 }]]);
    expect(row).toEqual({ scenario: 'footprint', name: 'rest', unit: 'MB', rounds: 1, value: 66, spread: [66, 66] });
  });
});
