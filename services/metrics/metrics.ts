import { Counter, type Registry } from 'prom-client';

/** The service's own vital signs. */
export function declareMetrics(registry: Registry) {
  const records = new Counter({
    name: 'ptp_metrics_records_total',
    help: 'Messages of the bus that were read: used, malformed (passed over), too_many (of nodes or scopes past the limit).',
    labelNames: ['outcome'] as const,
    registers: [registry],
  });
  for (const outcome of ['used', 'malformed', 'too_many'] as const) records.inc({ outcome }, 0);
  return { records };
}

export type MetricsMetrics = ReturnType<typeof declareMetrics>;
