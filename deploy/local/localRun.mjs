// @ts-check
import { EventEmitter, once } from 'node:events';
import { brokerCommand, checkBroker } from './broker.mjs';
import { CannotStart, report } from './cannotStart.mjs';
import { openDataFolder } from './dataFolder.mjs';
import { replayArgs, writeDemoConfig } from './demo.mjs';
import { startMessage } from './message.mjs';
import { freePort, isFree } from './ports.mjs';
import { isPrepared, prepare, root } from './prepare.mjs';
import { Processes } from './processes.mjs';
import { prometheusCommand, writePrometheusConfig } from './prometheus.mjs';
import { provideSecretKey } from './secretKey.mjs';
import { refuse, serviceEnvironments, serviceMistakes, SERVICES, urlHost } from './services.mjs';
import { readSettings, USAGE } from './settings.mjs';

/**
 * `npm start`: everything on this machine, each part a process of its own, until Ctrl-C or until the broker or a service
 * ends. Prometheus and the demo may end: the rest goes on.
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} exit code
 */
export async function main(args, env) {
  const end = new AbortController();
  // Ctrl-C in a terminal reaches us twice, from the terminal and from npm: the first one counts.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end.abort(new Stopped()));
  // Whoever read what we print has gone, as in `npm start | head`.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => end.abort(new Stopped()));
  try {
    const { settings, mistakes } = readSettings(args, env, root);
    if (settings.help) console.log(USAGE);
    else {
      // Those of the services are known only when they are built: then all are told together.
      refuse([...mistakes, ...(isPrepared() ? await mistakesOfServices(settings, env) : [])]);
      await runUntilEnd(settings, env, end);
    }
    return 0;
  } catch (err) {
    return err instanceof Stopped ? 0 : report(err);
  }
}

/**
 * @param {Run['settings']} settings
 * @param {NodeJS.ProcessEnv} env
 */
const mistakesOfServices = (settings, env) =>
  serviceMistakes(
    root,
    serviceEnvironments(env, { ...settings, ...brokerOf(settings), eventSocket: '/events.sock' }),
    env,
  );

/**
 * @param {Run['settings']} settings
 * @param {string} [ownUrl]
 */
const brokerOf = ({ natsUrl }, ownUrl = 'nats://127.0.0.1:4222') => ({
  natsUrl: natsUrl ?? ownUrl,
  ownBroker: natsUrl === undefined,
});

/** The user has had enough: not a failure. */
class Stopped extends Error {
  /** @override */
  name = 'Stopped';
}

/**
 * What the parts of a run share.
 * @typedef {object} Run
 * @property {import('./settings.mjs').Settings} settings
 * @property {NodeJS.ProcessEnv} env the user's
 * @property {import('./dataFolder.mjs').DataFolder} data
 * @property {Processes} processes
 * @property {Set<number>} ports given to processes of this run
 * @property {AbortSignal} signal the end of the run, with its reason
 */

/**
 * @param {Run['settings']} settings
 * @param {NodeJS.ProcessEnv} env
 * @param {AbortController} end
 */
async function runUntilEnd(settings, env, end) {
  const { signal } = end;
  const data = openDataFolder(settings.dataDir);
  const processes = new Processes(data.log, (reason) => end.abort(reason));
  try {
    await startAll({ settings, env, data, processes, ports: new Set([settings.apiPort]), signal });
    if (!signal.aborted) await once(signal, 'abort');
    signal.throwIfAborted();
  } catch (err) {
    // What was interrupted by the end has its own words for it.
    throw signal.aborted ? signal.reason : err;
  } finally {
    if (signal.reason instanceof Stopped) console.log('Stopping …');
    await processes.stop();
    data.close();
  }
}

/** @param {Run} run */
async function startAll(run) {
  const { settings, env, data, signal } = run;
  // Before the long work, so that nobody waits for it in vain.
  if (!(await isFree(settings.apiPort, settings.host))) {
    throw new CannotStart(`Port ${settings.apiPort} is already in use: free it, or set API_PORT to another one.`);
  }
  if (settings.natsUrl !== undefined) await checkBroker(settings.natsUrl);
  const programs = await prepare(env, {
    needsBroker: settings.natsUrl === undefined,
    needsPrometheus: settings.withPrometheus,
    signal,
  });
  refuse(await mistakesOfServices(settings, env));

  const startedAt = performance.now();
  const broker = programs.natsServer === undefined ? undefined : await startBroker(run, programs.natsServer);
  const eventSocket = env['EVENT_SOCKET'] || data.eventSocket;
  const services = await startServices(run, broker?.url, eventSocket);
  const seconds = (performance.now() - startedAt) / 1000;
  const prometheus =
    programs.prometheus === undefined ? undefined : await startPrometheus(run, programs.prometheus, services.addresses);
  const { natsUrl } = brokerOf(settings, broker?.url);
  console.log(
    startMessage({
      ...settings,
      ...services,
      broker: { url: natsUrl, ...broker },
      prometheus,
      needsToken: Boolean(env['API_TOKENS_FILE']),
      certificate: env['API_TLS_CERT'] || undefined,
      eventSocket,
      seconds,
    }),
  );
  if (!settings.demo) return;
  try {
    await startDemo(run, services.apiUrl, eventSocket);
  } catch (err) {
    signal.throwIfAborted();
    if (!(err instanceof CannotStart)) throw err;
    goesOn(new CannotStart(`The demo does not run: ${err.message}`));
  }
}

/**
 * An own broker on ports nobody else uses: never an unknown one that happens to listen.
 * @param {Run} run
 * @param {string} natsServer
 */
async function startBroker({ settings, env, data, processes, ports, signal }, natsServer) {
  const port = await freePort(settings.brokerPort, '127.0.0.1', ports);
  const monitoringPort = await freePort(settings.monitoringPort, '127.0.0.1', ports);
  const monitoringUrl = `http://127.0.0.1:${monitoringPort}`;
  const command = brokerCommand(natsServer, { root, store: data.broker, port, monitoringPort });
  processes.start('broker', command, { cwd: root, env });
  await processes.ready('broker', `${monitoringUrl}/healthz`, signal);
  return { url: `nats://127.0.0.1:${port}`, monitoringUrl };
}

/**
 * @param {Run} run
 * @param {string | undefined} ownBrokerUrl
 * @param {string} eventSocket
 */
async function startServices({ settings, env, data, processes, ports, signal }, ownBrokerUrl, eventSocket) {
  const { demo, host, apiPort, nodeName } = settings;
  const free = async (/** @type {number} */ port) => freePort(port, host, ports);
  const chosen = {
    apiPort,
    collectorPort: await free(settings.collectorPort),
    metricsPort: await free(settings.metricsPort),
    otlpPort: await free(settings.otlpPort),
    queryPort: await free(settings.queryPort),
  };
  const run = {
    ...chosen,
    ...brokerOf(settings, ownBrokerUrl),
    nodeName,
    host,
    eventSocket,
    secretKeysFile: provideSecretKey(data.secretKeys),
  };
  const environments = serviceEnvironments(env, run);
  Object.assign(environments['collector'] ?? {}, demo && writeDemoConfig(data.demo, nodeName));
  const address = (/** @type {number} */ port) => `${urlHost(host)}:${port}`;
  const addresses = {
    collector: address(chosen.collectorPort),
    gateway: address(apiPort),
    metrics: address(chosen.metricsPort),
    tracing: address(chosen.queryPort),
  };
  for (const name of SERVICES) {
    const serviceEnv = environments[name] ?? {};
    processes.start(name, [process.execPath, `dist/services/${name}/main.js`], { cwd: root, env: serviceEnv });
  }
  const apiUrl = `${env['API_TLS_CERT'] ? 'https' : 'http'}://${addresses.gateway}`;
  await Promise.all(
    Object.entries(addresses).map(([name, at]) =>
      processes.ready(name, `${name === 'gateway' ? apiUrl : `http://${at}`}/readyz`, signal),
    ),
  );
  return {
    addresses,
    apiUrl,
    collectorUrl: `http://${addresses.collector}`,
    metricsUrl: `http://${addresses.metrics}`,
    tracingUrl: `http://${addresses.tracing}`,
    otlpUrl: environments['collector']?.['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '',
  };
}

/**
 * Our configuration, for the ports of this run; everything below .data/. The run does not need it.
 * @param {Run} run
 * @param {string} program
 * @param {Record<'collector' | 'gateway' | 'metrics' | 'tracing', string>} addresses
 * @returns {Promise<{ url: string } | { failure: string }>} its URL, or why it does not run
 */
async function startPrometheus({ settings, env, data, processes, ports, signal }, program, addresses) {
  const ended = new AbortController();
  try {
    const port = await freePort(settings.prometheusPort, '127.0.0.1', ports);
    const config = await writePrometheusConfig(root, data.prometheus, {
      'ptp-collector': { address: addresses.collector, labels: { node: settings.nodeName } },
      'ptp-gateway': { address: addresses.gateway, ...gatewayAccess(env) },
      'ptp-metrics': { address: addresses.metrics },
      'ptp-tracing': { address: addresses.tracing },
    });
    const command = prometheusCommand(program, { config, folder: data.prometheus, port });
    processes.start('prometheus', command, { cwd: root, env, onEnd: (reason) => ended.abort(reason) });
    await processes.ready('prometheus', `http://127.0.0.1:${port}/-/ready`, AbortSignal.any([signal, ended.signal]));
    ended.signal.addEventListener('abort', () => goesOn(ended.signal.reason));
    return { url: `http://localhost:${port}` };
  } catch (err) {
    signal.throwIfAborted();
    return { failure: /** @type {Error} */ (err).message };
  }
}

/**
 * What Prometheus needs beside the gateway's address.
 * @param {NodeJS.ProcessEnv} env
 */
const gatewayAccess = (env) => ({
  // The gateway is ours: whose certificate it has does not matter here.
  ...(env['API_TLS_CERT'] && { scheme: 'https', tls_config: { insecure_skip_verify: true } }),
  ...(env['API_TOKEN'] && { authorization: { credentials: env['API_TOKEN'] } }),
});

/**
 * A part that the run does not need has ended.
 * @param {Error} reason
 */
function goesOn({ message }) {
  console.log(`${message} Everything else runs on.`);
}

/**
 * A consumer like any other, and recordings in the place of a daemon. The run goes on without them.
 * @param {Run} run
 * @param {string} apiUrl
 * @param {string} eventSocket
 */
async function startDemo({ settings, env, processes, ports, signal }, apiUrl, eventSocket) {
  const port = await freePort(settings.consumerPort, '127.0.0.1', ports);
  const consumer = ['dist/examples/consumer.js', '--gateway', apiUrl, '--node', settings.nodeName];
  const consuming = new EventEmitter();
  const onLine = (/** @type {string} */ line) => {
    console.log(line);
    consuming.emit('begun');
  };
  const onEnd = (/** @type {Error} */ reason) => {
    goesOn(reason);
    consuming.emit('begun');
  };
  const command = [process.execPath, ...consumer, '--port', String(port)];
  // It trusts the gateway's own certificate, also when nobody has signed it.
  const ca = env['API_TLS_CERT'];
  const consumerEnv = ca ? { ...env, NODE_EXTRA_CA_CERTS: ca } : env;
  processes.start('consumer', command, { cwd: root, env: consumerEnv, onLine, onEnd });
  // Its first line. The recordings begin afterwards, so that it is told of everything in them.
  await once(consuming, 'begun', { signal });
  const replay = ['dist/examples/replay.js', '--socket', eventSocket, ...replayArgs];
  processes.start('replay', [process.execPath, ...replay], { cwd: root, env, onEnd: goesOn });
}
