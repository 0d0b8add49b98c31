import { keepLedger } from './support/ledger.js';

const seconds = Number(process.env['LEDGER_SECONDS'] ?? 20);
const seed = Number(process.env['LEDGER_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describe('the ledger', () => {
  it(
    `of ${seconds} s of outages and kills, seed ${seed}: every event arrives, in order, repeated only after a kill`,
    async () => {
      const { violations, ...figures } = await keepLedger({ seed, seconds });
      process.stdout.write(`ledger: ${JSON.stringify({ seed, ...figures })}\n`);
      expect(violations.slice(0, 20)).toEqual([]);
      expect(figures.delivered).toBe(figures.expected);
      expect(figures.expected).toBeGreaterThan(0);
    },
    (seconds + 120) * 1_000,
  );
});
