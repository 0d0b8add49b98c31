import { editDistance, suspects } from './misspelt.js';
import { SETTING_NAMES } from './settingNames.js';

const misspelt = (vars: NodeJS.ProcessEnv): string[] => suspects(vars, SETTING_NAMES).misspelt;

/** What Docker, Kubernetes, npm, Node and a login shell put into an environment. */
const ORDINARY = {
  PATH: '/usr/bin',
  HOME: '/root',
  HOSTNAME: 'gateway-0',
  HOST_IP: '10.0.0.1',
  HOST_NAME: 'n1',
  PWD: '/',
  OLDPWD: '/',
  SHLVL: '1',
  TERM: 'xterm',
  LANG: 'C.UTF-8',
  LOGNAME: 'me',
  TZ: 'UTC',
  MAIL: '/var/mail/me',
  SHELL: '/bin/sh',
  USER: 'me',
  LOG_FORMAT: 'json',
  NODE_ENV: 'production',
  NODE_VERSION: '20.18.1',
  NODE_OPTIONS: '--enable-source-maps',
  NODE_PATH: '/usr/lib',
  NODE_IP: '10.0.0.2',
  NODE_EXTRA_CA_CERTS: '/ca.pem',
  NODE_NO_WARNINGS: '1',
  NODE_PORT: '30001',
  POD_NAME: 'gateway-0',
  POD_NAMESPACE: 'ptp',
  POD_IP: '10.0.0.1',
  MY_NODE_NAME: 'n1',
  KUBERNETES_SERVICE_HOST: '10.96.0.1',
  KUBERNETES_SERVICE_PORT: '443',
  KUBERNETES_PORT: 'tcp://10.96.0.1:443',
  KUBERNETES_PORT_443_TCP_ADDR: '10.96.0.1',
  // A Service called nats, and one called queue.
  NATS_SERVICE_HOST: '10.96.0.2',
  NATS_SERVICE_PORT_CLIENT: '4222',
  NATS_PORT: 'tcp://10.96.0.2:4222',
  NATS_PORT_4222_TCP_PROTO: 'tcp',
  QUEUE_PORT: 'tcp://10.96.0.3:80',
  OTEL_SERVICE_NAME: 'gateway',
  OTEL_RESOURCE_ATTRIBUTES: 'a=b',
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
  npm_config_cache: '/root/.npm',
  npm_lifecycle_event: 'start',
  HTTP_PROXY: 'http://proxy:3128',
  no_proxy: 'localhost',
};

describe('a variable', () => {
  it.each([
    ['ENDPOINT_POLCY', 'ENDPOINT_POLICY'],
    ['ENDPOINT_POLIYC', 'ENDPOINT_POLICY'],
    ['API_TOKEN_FILE', 'API_TOKENS_FILE'],
    ['NODENAME', 'NODE_NAME'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['endpoint_policy', 'ENDPOINT_POLICY'],
    ['ENDPOINT-POLICY', 'ENDPOINT_POLICY'],
    ['NATS_URLS', 'NATS_URL'],
    ['EVENT_MAX_BYTES', 'EVENTS_MAX_BYTES'],
  ])('called %s was meant to be %s', (name, meant) => {
    expect(misspelt({ [name]: 'secret' })).toEqual([`${name}: did you mean ${meant}?`]);
  });

  it('of the ordinary environment of a container is no misspelling', () => {
    expect(suspects(ORDINARY, SETTING_NAMES)).toEqual({ misspelt: [], unknown: [] });
  });

  it('that is a setting of another service is none', () => {
    expect(suspects(Object.fromEntries(SETTING_NAMES.map((name) => [name, 'x'])), SETTING_NAMES)).toEqual({
      misspelt: [],
      unknown: [],
    });
  });

  it('beside the setting that it is close to keeps no service from starting', () => {
    const { misspelt: refused, unknown } = suspects({ NODE_NAME: 'n1', NODE_NAMES: 'n1,n2' }, SETTING_NAMES);
    expect(refused).toEqual([]);
    expect(unknown).toEqual(['NODE_NAMES is no setting, NODE_NAME is']);
  });

  it('that begins like our settings is named, and keeps no service from starting', () => {
    expect(suspects({ ENDPOINT_TIMEOUT: '3s' }, SETTING_NAMES)).toEqual({
      misspelt: [],
      unknown: ['ENDPOINT_TIMEOUT is no setting'],
    });
  });
});

it.each([
  ['', '', 0],
  ['abc', '', 3],
  ['abc', 'acb', 1],
  ['abc', 'axc', 1],
  ['kitten', 'sitting', 3],
])('from %j to %j it is %d characters', (a, b, distance) => expect(editDistance(a, b)).toBe(distance));
