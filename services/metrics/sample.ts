import type { Gauge, Registry } from 'prom-client';

/** One line of a scrape. */
export interface Sample {
  labels: Record<string, string>;
  value: number;
  /** Where it is not the family's own: …_bucket, …_sum, …_count. */
  metricName?: string;
  exemplar?: { labelSet: Record<string, string>; value: number; timestamp: number };
}

export interface Family {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  /** What is true now: asked for at every scrape. */
  samples: () => Sample[];
}

/** The registry writes the text of `sharedLabels` once for each object, and that of `labels` at every scrape. */
const NONE = {};

/**
 * Puts a family on the registry whose samples are made when it is scraped. prom-client's own classes look every sample up
 * by a text made of its labels, and write its labels anew: most of the time where there are tens of thousands. So labels
 * that last are handed in as objects that last.
 */
export function registerFamily(registry: Registry, { name, help, type, samples }: Family): void {
  const metric = {
    // The registry takes `_total` off a counter's name, and puts it on its samples: the form of OpenMetrics.
    name,
    help,
    type,
    get() {
      const values = samples().map(({ labels, value, metricName, exemplar }) => ({
        labels: NONE,
        sharedLabels: labels,
        value,
        metricName,
        exemplar,
      }));
      return Promise.resolve({ name: this.name, help, type, values });
    },
  };
  registry.registerMetric(metric as unknown as Gauge);
}
