import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CorpusCase } from './case.js';
import { differences } from './compare.js';
import { runCase } from './run.js';

const text = readFileSync(join(__dirname, '../../../test/fixtures/corpus/cases.jsonl'), 'utf8');
const cases = text
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as CorpusCase);

describe('the corpus', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', (_, one) => {
    expect(one.target?.events).toBeDefined();
    expect(differences(one.target ?? {}, runCase(one))).toEqual([]);
  });

  it('notices every kind of difference', () => {
    const one = cases.find(({ name }) => name === 'oc-full-lock-with-os-clock');
    if (one === undefined) throw new Error('the case is gone');
    const { events, metrics, pull } = runCase(one);
    const wanted = {
      events: events.slice(1),
      metrics: metrics.slice(1),
      pull: { '/sync/ptp-status/lock-state': null },
    };
    expect(differences(wanted, { events, metrics, pull })).toHaveLength(3);
  });
});
