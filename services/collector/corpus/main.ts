import { readFileSync } from 'node:fs';
import type { CorpusCase } from './case.js';
import { differences } from './compare.js';
import { runCase } from './run.js';

const USAGE = `Usage: npm run -s corpus -- [--emit] FILE.jsonl

Plays log lines into the collector's core and compares the events with those that are expected: one case a line
(test/fixtures/corpus/README.md). The exit code is 1 when one differs, 2 when the file cannot be read.

  --emit   print what comes out instead of comparing it
  --help   this text

Example: npm run -s corpus -- test/fixtures/corpus/cases.jsonl
`;

/** `corpus <file>` compares every case with its target; `--emit` prints what comes out instead. */
function main(args: string[]): number {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE);
    return 0;
  }
  const emits = args.includes('--emit');
  const [path, ...more] = args.filter((arg) => arg !== '--emit');
  if (path === undefined || more.length > 0) {
    process.stderr.write(USAGE);
    return 2;
  }
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (err) {
    process.stderr.write(`${path} cannot be read (${(err as NodeJS.ErrnoException).code})\n`);
    return 2;
  }
  const cases = text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [JSON.parse(line) as CorpusCase]));
  return emits ? emit(cases) : compare(cases);
}

function emit(cases: CorpusCase[]): number {
  for (const one of cases) process.stdout.write(`${JSON.stringify({ name: one.name, ...runCase(one) })}\n`);
  return 0;
}

function compare(cases: CorpusCase[]): number {
  let differing = 0;
  for (const one of cases) {
    const found = differences(one.target ?? {}, runCase(one));
    process.stdout.write(found.length === 0 ? `ok   ${one.name}\n` : `DIFF ${one.name}: ${found.join('; ')}\n`);
    if (found.length > 0) differing++;
  }
  process.stdout.write(`${cases.length - differing} of ${cases.length} cases as wanted\n`);
  return differing === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
