import { readYaml } from './support/observability.js';

interface Policy {
  name: string;
  type: string;
  composite?: {
    policy_order: string[];
    rate_allocation: { policy: string; percent: number }[];
    composite_sub_policy: Policy[];
  };
}

interface Config {
  receivers: Record<string, { protocols: { http: { endpoint: string } } }>;
  processors: Record<string, { policies?: Policy[] }>;
  exporters: Record<string, object>;
  service: { pipelines: { traces: { receivers: string[]; processors: string[]; exporters: string[] } } };
}

/** It cannot be run here: what is checked is that it refers to nothing that is not there. */
describe('the OpenTelemetry Collector configuration', () => {
  const config = readYaml('observability/otel-collector/config.yaml') as Config;
  const { receivers, processors, exporters } = config.service.pipelines.traces;

  it('uses all parts that it defines, in one pipeline', () => {
    expect(receivers).toEqual(Object.keys(config.receivers));
    expect(processors).toEqual(Object.keys(config.processors));
    expect(exporters).toEqual(Object.keys(config.exporters));
  });

  it('listens where the services send their spans', () => {
    expect(config.receivers['otlp']?.protocols.http.endpoint).toBe('0.0.0.0:4318');
  });

  it('shares the rate among all rules', () => {
    const { composite } = config.processors['tail_sampling']?.policies?.[0] ?? {};
    const names = composite?.composite_sub_policy.map(({ name }) => name);
    expect(composite?.policy_order).toEqual(names);
    expect(composite?.rate_allocation.map(({ policy }) => policy)).toEqual(names);
    expect(composite?.rate_allocation.reduce((sum, { percent }) => sum + percent, 0)).toBe(100);
  });
});
