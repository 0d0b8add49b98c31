import { PermissionViolationError, type NatsConnection } from '@nats-io/transport-node';
import type { Logger } from '../../shared/log.js';

/**
 * Publishes on core NATS what is worth nothing later: while the broker is away, nothing is handed to the client, which
 * would keep it; what the broker forbids is not sent again before the next connection.
 */
export class Sender {
  readonly #broker: NatsConnection;
  readonly #log: Logger;
  #isAway = false;
  readonly #forbidden = new Set<string>();

  constructor(broker: NatsConnection, log: Logger) {
    this.#broker = broker;
    this.#log = log;
    void this.#watch();
  }

  /** @param prefix first two tokens of the subjects, from proto/bus.yaml */
  canSend(prefix: string): boolean {
    return !this.#isAway && !this.#forbidden.has(prefix) && !this.#broker.isClosed() && !this.#broker.isDraining();
  }

  /** Ask `canSend` before. */
  send(subject: string, message: object): void {
    this.#broker.publish(subject, JSON.stringify(message));
  }

  async #watch(): Promise<void> {
    for await (const status of this.#broker.status()) {
      if (status.type === 'disconnect') this.#isAway = true;
      if (status.type === 'reconnect') {
        this.#isAway = false;
        this.#forbidden.clear();
      }
      if (status.type === 'error') this.#forbid(status.error);
    }
  }

  #forbid(err: Error): void {
    if (!(err instanceof PermissionViolationError) || err.operation !== 'publish') return;
    const prefix = err.subject.split('.', 2).join('.');
    if (!this.#forbidden.has(prefix))
      this.#log.warn({ subject: err.subject }, 'no right to publish this, going on without');
    this.#forbidden.add(prefix);
  }
}
