import { Gauge, type Registry } from 'prom-client';

/** Why a service cannot do its work; the label `reason` of `ptp_service_impaired`. */
export type Impairment = 'broker_away' | 'events_not_stored' | 'log_not_read';

/** What is wrong now, in words for a person; undefined: nothing. */
type Look = () => string | undefined;

/**
 * Says that a service which runs cannot do its work, and why: in words on `/readyz`, as 0 or 1 per reason in
 * `ptp_service_impaired`. Nothing is kept: each look asks what is true now.
 */
export class Health {
  readonly #looks = new Map<Impairment, Look>();

  constructor(registry: Registry) {
    const looks = this.#looks;
    void new Gauge({
      name: 'ptp_service_impaired',
      help: '1 while the service runs but cannot do its work, by reason: broker_away, events_not_stored (collector), log_not_read (gateway).',
      labelNames: ['reason'],
      registers: [registry],
      collect() {
        for (const [reason, look] of looks) this.set({ reason }, Number(look() !== undefined));
      },
    });
  }

  watch(reason: Impairment, look: Look): void {
    this.#looks.set(reason, look);
  }

  /** Everything that is wrong now; empty when all is well. */
  get complaints(): string[] {
    return Array.from(this.#looks.values(), (look) => look()).filter((one) => one !== undefined);
  }
}
