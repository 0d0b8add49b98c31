import { join } from 'node:path';
import { Broker } from './broker.js';
import { writeNodeFiles } from './lines.js';
import { benchProgram, Program, ROOT } from './programs.js';
import { removeFolder, temporaryFolder } from './folders.js';
import { freePort, monotonicMs, until, untilOk } from './waiting.js';

export const NODE = 'bench-node';
export const LOCK_STATE = '/sync/ptp-status/lock-state';
const SERVICES = ['collector', 'gateway', 'metrics'];
const ALL = ['tracing', ...SERVICES];

/** What reads a node's lines and posts events to one endpoint. */
export interface System {
  readonly socket: string;
  /** Each is measured. */
  readonly programs: readonly Program[];
  end(): Promise<void>;
}

export interface ServiceOptions {
  /** Another environment for all services. */
  env?: Record<string, string>;
  tracing?: boolean;
}

/** Broker and services as a user runs them: with metrics, receipts and canaries. */
export class Services implements System {
  readonly broker: Broker;
  readonly socket: string;
  readonly #dir: string;
  readonly #env: Record<string, string>;
  readonly #running = new Map<string, Program>();
  readonly #urls = new Map<string, string>();

  /** One after the other. */
  static async start(options: ServiceOptions = {}): Promise<Services> {
    const services = await Services.#make(options);
    for (const name of options.tracing ? ALL : SERVICES) await services.startOne(name);
    return services;
  }

  /** All four at once; resolves when all are ready. `sinceMs`: when the first was started. */
  static async startTogether(): Promise<{ services: Services; sinceMs: number }> {
    const services = await Services.#make({ tracing: true });
    const ports = await Promise.all(ALL.map(() => freePort()));
    const sinceMs = monotonicMs();
    ALL.forEach((name, i) => services.spawnOne(name, ports[i] ?? 0));
    await Promise.all(ALL.map((name) => services.ready(name)));
    return { services, sinceMs };
  }

  static async #make({ env = {}, tracing = false }: ServiceOptions): Promise<Services> {
    const broker = await Broker.start();
    const dir = temporaryFolder();
    writeNodeFiles(join(dir, 'run'), join(dir, 'linuxptp'), NODE);
    const otlpPort = await freePort();
    return new Services(broker, dir, {
      NATS_URL: broker.url,
      NODE_NAME: NODE,
      EVENT_SOCKET: join(dir, 'events.sock'),
      PTP_CONFIG_DIR: join(dir, 'run'),
      PTP_PROFILE_PATH: join(dir, 'linuxptp'),
      LISTEN_HOST: '127.0.0.1',
      ENDPOINT_POLICY: 'local',
      CANARY: 'true',
      API_RATE: '0',
      MAX_SUBSCRIPTIONS_PER_CALLER: '20000',
      EVENTS_MAX_BYTES: String(256 * 1024 * 1024),
      LOG_LEVEL: 'warn',
      ...(tracing && { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${otlpPort}`, OTLP_PORT: String(otlpPort) }),
      ...env,
    });
  }

  constructor(broker: Broker, dir: string, env: Record<string, string>) {
    this.broker = broker;
    this.#dir = dir;
    this.#env = env;
    this.socket = join(dir, 'events.sock');
  }

  get programs(): readonly Program[] {
    return [...this.#running.values(), this.broker.program];
  }

  program(name: string): Program {
    const program = this.#running.get(name);
    if (program === undefined) throw new Error(`${name} does not run`);
    return program;
  }

  /** `http://127.0.0.1:<port>` of a service. */
  url(name: string): string {
    return this.#urls.get(name) ?? '';
  }

  get api(): string {
    return `${this.url('gateway')}/api/ocloudNotifications/v1`;
  }

  /** Starts a service, on the same port as before, and waits until it is ready. */
  async startOne(name: string): Promise<void> {
    this.spawnOne(name, Number(new URL(this.#urls.get(name) ?? `http://127.0.0.1:${await freePort()}`).port));
    await this.ready(name);
  }

  ready(name: string): Promise<boolean> {
    return untilOk(`${this.url(name)}/readyz`);
  }

  spawnOne(name: string, port: number): void {
    this.#urls.set(name, `http://127.0.0.1:${port}`);
    const ports = { API_PORT: String(port), METRICS_PORT: String(port), QUERY_PORT: String(port) };
    const main = join(ROOT, `dist/services/${name}/main.js`);
    this.#running.set(name, new Program(name, [main], { env: { ...this.#env, ...ports } }));
  }

  /** Subscribes; what was subscribed before is not touched. */
  async subscribe(resource: string, endpointUri: string): Promise<string> {
    return (await subscribe(this.api, resource, endpointUri)).id;
  }

  async end(): Promise<void> {
    await Promise.all([...this.#running.values()].map((program) => program.end()));
    await this.broker.end();
    removeFolder(this.#dir);
  }
}

export async function subscribe(api: string, resource: string, endpointUri: string): Promise<{ id: string }> {
  const answer = await fetch(`${api}/subscriptions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resource, endpointUri }),
  });
  if (answer.status !== 201) throw new Error(`${api} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as { id: string };
}

/** Three small programs of the same architecture that do nothing but the job. */
export class Floor implements System {
  readonly programs: readonly Program[];
  readonly socket: string;
  readonly #broker: Broker;
  readonly #dir: string;

  static async start(endpointUri: string): Promise<Floor> {
    const broker = await Broker.start();
    const dir = temporaryFolder();
    const socket = join(dir, 'events.sock');
    const gateway = benchProgram('gateway', 'floor/gateway.js', [broker.url, endpointUri]);
    await gateway.firstLine();
    const collector = benchProgram('collector', 'floor/collector.js', [broker.url, socket]);
    await collector.firstLine();
    return new Floor(broker, dir, [collector, gateway, broker.program]);
  }

  private constructor(broker: Broker, dir: string, programs: Program[]) {
    this.#broker = broker;
    this.#dir = dir;
    this.programs = programs;
    this.socket = join(dir, 'events.sock');
  }

  async end(): Promise<void> {
    for (const program of this.programs) if (program.name !== 'broker') await program.end('SIGKILL');
    await this.#broker.end();
    removeFolder(this.#dir);
  }
}

/** Processor time of each program while something runs, in us for each of `events`. */
export async function measured<T>(programs: readonly Program[], events: number, run: () => Promise<T>) {
  const before = programs.map((program) => program.cpuUs());
  const result = await run();
  const cpuUs = Object.fromEntries(
    programs.map((program, i) => [program.name, (program.cpuUs() - (before[i] ?? 0)) / events]),
  );
  return { result, cpuUs };
}

/** Waits until programs do next to nothing: what one run has left to do belongs to no other. */
export async function settled(programs: readonly Program[]): Promise<void> {
  const LOOK_MS = 500;
  const total = (): number => programs.reduce((sum, program) => sum + program.cpuUs(), 0);
  let lastMs = performance.now();
  let last = total();
  await until(
    'the programs settle',
    () => {
      if (performance.now() - lastMs < LOOK_MS) return false;
      const now = total();
      const share = (now - last) / ((performance.now() - lastMs) * 1_000);
      last = now;
      lastMs = performance.now();
      return share < 0.1;
    },
    60_000,
  );
}
