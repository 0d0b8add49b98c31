import { Registry, type OpenMetricsContentType } from 'prom-client';
import type { Family, Sample } from './sample.js';

/**
 * Everything that a scrape shows, in OpenMetrics 1.0: the counters of a registry, and families whose samples are made when
 * asked for. prom-client would look each sample up by its labels and write them anew: most of the time where there are tens
 * of thousands.
 */
export class Exposition {
  readonly contentType = Registry.OPENMETRICS_CONTENT_TYPE;
  readonly #registry: Registry;
  readonly #families: Family[] = [];

  constructor(registry: Registry) {
    // Only this form of the text carries exemplars.
    (registry as unknown as Registry<OpenMetricsContentType>).setContentType(this.contentType);
    this.#registry = registry;
  }

  add(family: Family): void {
    this.#families.push(family);
  }

  /** The whole text. */
  async metrics(): Promise<string> {
    const counters = (await this.#registry.metrics()).replace(/# EOF\n$/, '');
    return `${counters}${this.#families.map(textOf).join('')}# EOF\n`;
  }
}

function textOf({ name, help, type, samples }: Family): string {
  const family = type === 'counter' ? name.replace(/_total$/, '') : name;
  let text = `# HELP ${family} ${help}\n# TYPE ${family} ${type}\n`;
  for (const sample of samples()) text += lineOf(name, sample);
  return text;
}

function lineOf(family: string, { name = family, labels, value, exemplar }: Sample): string {
  const line = `${name}${labelsText(labels)} ${value}`;
  if (exemplar === undefined) return `${line}\n`;
  return `${line} # ${labelsText(exemplar.labels)} ${exemplar.value} ${exemplar.timestampSeconds}\n`;
}

const written = new WeakMap<object, string>();

/** `{node="n1",state="LOCKED"}` */
function labelsText(labels: Record<string, string>): string {
  const known = written.get(labels);
  if (known !== undefined) return known;
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escape(value)}"`);
  const text = pairs.length === 0 ? '' : `{${pairs.join()}}`;
  written.set(labels, text);
  return text;
}

const escape = (text: string): string => text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
