// @ts-check
import { relative } from 'node:path';

const API = '/api/ocloudNotifications/v1';

const TOKEN = '-H "authorization: Bearer $API_TOKEN"';

const RESOURCES = {
  lockState: 'sync/ptp-status/lock-state',
  osClock: 'sync/sync-status/os-clock-sync-state',
  sync: 'sync/sync-status/sync-state',
};

/**
 * What runs where, and what to try next.
 * @param {object} run
 * @param {boolean} run.demo
 * @param {string} run.nodeName
 * @param {string} run.apiUrl
 * @param {string} run.collectorUrl
 * @param {string} run.metricsUrl
 * @param {string} run.tracingUrl
 * @param {string} run.otlpUrl where collector and gateway send their spans
 * @param {string | undefined} run.certificate file of the gateway's, where it has one
 * @param {boolean} run.needsToken whether the gateway asks for one
 * @param {{ url: string } | { failure: string } | undefined} run.prometheus undefined: not installed
 * @param {{ url: string, monitoringUrl?: string }} run.broker
 * @param {string} run.eventSocket
 * @param {string} run.dataDir
 * @param {number} run.seconds
 */
export function startMessage(run) {
  const { demo, nodeName, apiUrl, broker, eventSocket, dataDir, seconds } = run;
  const api = `${apiUrl}${API}`;
  const curl = ['curl -s', run.certificate && `--cacert ${run.certificate}`, run.needsToken && TOKEN]
    .filter(Boolean)
    .join(' ');
  const node = `cluster/node/${nodeName}`;
  const subjectsOfNode = `ptp.events.${nodeName.replaceAll('.', '_')}.>`;
  const below = relative(process.cwd(), dataDir);
  const data = below === '' || below.startsWith('..') ? dataDir : below;
  const natsUrl = broker.url === 'nats://127.0.0.1:4222' ? '' : `NATS_URL=${broker.url} `;
  const source = demo
    ? `Recorded output of a real linuxptp plays over and over as node ${nodeName}, 15.6 s a lap.`
    : `Waiting for the daemon of node ${nodeName} on ${eventSocket}.`;
  return `
ptp-event-bus is ready after ${seconds.toFixed(1)} s. ${source}

  REST API v1   ${api}
  Prometheus    ${prometheusLine(run.prometheus)}
  traces        ${run.tracingUrl}/  (spans: ${run.otlpUrl})
  metrics       ${run.metricsUrl}/metrics (states, deliveries)
                ${run.collectorUrl}/metrics (collector)  ${apiUrl}/metrics (gateway)
  broker        ${broker.url}${broker.monitoringUrl ? `  (monitoring: ${broker.monitoringUrl})` : ''}
  subjects      ptp.events.>  of all nodes, ${subjectsOfNode}  of this one
  logs          ${data}/log/  (data: ${data}/)

Try in another terminal:

  ${curl} ${api}/health
  ${curl} ${api}/subscriptions
  ${curl} ${api}/${node}/${RESOURCES.lockState}/CurrentState
  ${curl} ${api}/${node}/${RESOURCES.osClock}/CurrentState
  ${curl} ${api}/${node}/${RESOURCES.sync}/CurrentState
${aligned([
  [
    `${run.certificate ? `NODE_EXTRA_CA_CERTS=${run.certificate} ` : ''}node dist/examples/consumer.js --gateway ${apiUrl} --node ${nodeName} --port 0`,
    demo ? 'one more consumer' : 'a consumer',
  ],
  [`${natsUrl}node examples/subscribe.mjs`, 'the events on the bus, without the gateway'],
  [`nats${natsUrl && ` -s ${broker.url}`} sub 'ptp.events.>'`, 'the same, if you have the NATS command-line tool'],
])}

Ctrl-C stops everything.
${demo ? '\nWhat the demo consumer is sent: time (UTC), resource, state, offset, sequence, and its age on arrival:\n' : ''}`;
}

/** @param {{ url: string } | { failure: string } | undefined} prometheus */
function prometheusLine(prometheus) {
  if (prometheus === undefined) return 'not installed: npm start -- --with-prometheus';
  return 'url' in prometheus ? `${prometheus.url}/  (with our rules and alerts)` : `none: ${prometheus.failure}`;
}

/**
 * Commands, with what they are for in a column of its own.
 * @param {[command: string, purpose: string][]} commands
 */
function aligned(commands) {
  const width = Math.max(...commands.map(([command]) => command.length));
  return commands.map(([command, purpose]) => `  ${command.padEnd(width)}  # ${purpose}`).join('\n');
}
