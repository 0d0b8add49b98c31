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

/**
 * Puts a family on the registry whose samples are made when it is scraped. prom-client's own classes look every sample up
 * by a text made of its labels, which takes longer than all the rest when there are tens of thousands.
 */
export function registerFamily(registry: Registry, { name, help, type, samples }: Family): void {
  const metric = {
    // The registry takes `_total` off a counter's name, and puts it on its samples: the form of OpenMetrics.
    name,
    help,
    type,
    get() {
      return Promise.resolve({ name: this.name, help, type, values: samples() });
    },
  };
  registry.registerMetric(metric as unknown as Gauge);
}
