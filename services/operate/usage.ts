import type { Setting } from '../shared/env.js';

export function usage(settings: readonly Setting[]): string {
  const lines = settings.map(
    ({ name, what, unit, fallback }) =>
      `  ${name.padEnd(15)} ${what} [${unit}; ${fallback === undefined ? 'not set' : `default ${fallback}`}]`,
  );
  return `Usage: npm run -s operate -- COMMAND      (in a container: node dist/services/operate/main.js COMMAND)

  forget node NODE      a node that is gone for good: its state, its publishers and its maintenance are deleted, and the metrics
                        service has no series of it any more; refused while its collector answers
  forget scope SCOPE    a gateway scope that is gone for good: its subscriptions, publishers and cursor are deleted, and its
                        series end; refused while a gateway of it reports
  maintenance           the nodes that somebody works on
  maintenance start NODE [--for DURATION] [--reason TEXT]
                        ptp_node_maintenance{node="NODE"} is 1 from now on, until it is ended or DURATION is over (30min, 2h, 1d)
  maintenance end NODE

It works on the broker: whoever may write the buckets there may do it. Settings are environment variables:

${lines.join('\n')}

Examples:
  npm run -s operate -- forget node compute-7.example.com
  npm run -s operate -- maintenance start compute-7 --for 2h --reason 'new network card'
  NATS_URL=nats://broker:4222 NATS_CREDS=/etc/nats/operator.creds node dist/services/operate/main.js maintenance
`;
}
