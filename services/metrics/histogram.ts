import type { Sample } from './sample.js';

type Exemplar = NonNullable<Sample['exemplar']>;

interface Row {
  labels: Record<string, string>;
  /** One more than there are bounds: the last one is past all of them. */
  counts: number[];
  exemplars: (Exemplar | undefined)[];
  sum: number;
}

/**
 * A histogram whose observations have a weight: a record may stand for a million deliveries, and prom-client's own would
 * have to be told a million times.
 */
export class WeightedHistogram {
  readonly #name: string;
  readonly #bounds: readonly number[];
  readonly #rows = new Map<string, Row>();

  constructor(name: string, bounds: readonly number[]) {
    this.#name = name;
    this.#bounds = bounds;
  }

  /** Shows these labels with nothing observed: the first observation is an increase, which a new series is not. */
  expect(labels: Record<string, string>): void {
    this.#row(labels);
  }

  /** The exemplar of a bucket is the newest. */
  observe(labels: Record<string, string>, seconds: number, times: number, exemplar?: Omit<Exemplar, 'value'>): void {
    const row = this.#row(labels);
    const at = this.#bounds.findIndex((bound) => seconds <= bound);
    const bucket = at < 0 ? this.#bounds.length : at;
    row.counts[bucket] = (row.counts[bucket] ?? 0) + times;
    row.sum += seconds * times;
    if (exemplar) row.exemplars[bucket] = { ...exemplar, value: seconds };
  }

  samples(): Sample[] {
    return Array.from(this.#rows.values(), (row) => this.#samplesOf(row)).flat();
  }

  #samplesOf({ labels, counts, exemplars, sum }: Row): Sample[] {
    let count = 0;
    const buckets = counts.map((more, i): Sample => {
      count += more;
      const exemplar = exemplars[i];
      const le = canonical(this.#bounds[i]);
      return {
        name: `${this.#name}_bucket`,
        labels: { ...labels, le },
        value: count,
        ...(exemplar && { exemplar }),
      };
    });
    return [
      ...buckets,
      { name: `${this.#name}_sum`, labels, value: sum },
      { name: `${this.#name}_count`, labels, value: count },
    ];
  }

  #row(labels: Record<string, string>): Row {
    const key = Object.values(labels).join(' ');
    const known = this.#rows.get(key);
    if (known) return known;
    const size = this.#bounds.length + 1;
    const row = {
      labels,
      counts: Array<number>(size).fill(0),
      exemplars: Array<undefined>(size).fill(undefined),
      sum: 0,
    };
    this.#rows.set(key, row);
    return row;
  }
}

/** As OpenMetrics wants it, and newer versions of Prometheus make it: 1.0, not 1. */
function canonical(bound: number | undefined): string {
  if (bound === undefined) return '+Inf';
  return Number.isInteger(bound) ? bound.toFixed(1) : String(bound);
}
