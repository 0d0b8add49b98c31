import { BadMessage, parseMessage } from '../shared/messageChecks.js';
import type { GatewayReport } from '../shared/messages.js';
import { beginsAnew, rememberedMs } from './remembered.js';
import type { Sample } from './sample.js';

/** A gateway reports every 5 s. */
const ALIVE_MS = 15_000;
/** With sidecars every pod is a scope of its own. */
export const MAX_SCOPES = 5_000;
const MAX_GATEWAYS = 64;

const SCOPE = /^[A-Za-z0-9_-]{1,128}$/;

/** Reads a message of ptp.gateways.<scope>. Throws BadMessage. */
export function readGatewayReport(bytes: Uint8Array, scope: string): GatewayReport {
  if (!SCOPE.test(scope)) throw new BadMessage('its subject names no scope');
  const report = parseMessage('GatewayReport', bytes);
  if (report.scope !== scope) throw new BadMessage('the report is about another scope than its subject');
  return report;
}

interface Scope {
  labels: { scope: string };
  gateways: Map<string, { report: GatewayReport; at: number }>;
  firstHeardAt: number;
  heardAt: number;
  /** It is gone on purpose: forgotten as soon as no gateway of it is alive. */
  isLeaving: boolean;
  /** It has not been heard of for as long as it lived. */
  isHidden: boolean;
}

/**
 * What the gateways of each scope report. A scope nobody reports for shows 0 gateways until it is forgotten: after
 * `forgetAfterMs`, sooner when it lived shorter, and at once when it is gone on purpose.
 */
export class Scopes {
  readonly #forgetAfterMs: number;
  readonly #scopes = new Map<string, Scope>();
  /**
   * Since when the broker has been heard without a break, monotonic; undefined while it is not. Until then silence means
   * nothing: a scope without gateways is not shown as such.
   */
  heardSince: number | undefined = -Infinity;

  constructor({ forgetAfterMs }: { forgetAfterMs: number }) {
    this.#forgetAfterMs = forgetAfterMs;
  }

  /** False: there are too many scopes, or gateways of this one. */
  heard(report: GatewayReport, at: number): boolean {
    const { scope: name, gateway } = report;
    const scope = this.#scopes.get(name) ?? newScope(name, at);
    const isNew = !this.#scopes.has(name);
    if (isNew && report.isLeaving) return true;
    if (isNew && this.#scopes.size >= MAX_SCOPES && !this.#makeRoom(at)) return false;
    dropSilent(scope, at);
    scope.isLeaving = report.isLeaving === true;
    if (scope.isLeaving) {
      scope.gateways.delete(gateway);
      return true;
    }
    const { firstHeardAt, heardAt } = scope;
    if (beginsAnew(at - heardAt, heardAt - firstHeardAt, this.#forgetAfterMs)) scope.firstHeardAt = at;
    if (!scope.gateways.has(gateway) && scope.gateways.size >= MAX_GATEWAYS) return false;
    scope.gateways.set(gateway, { report, at });
    scope.heardAt = at;
    this.#scopes.set(name, scope);
    return true;
  }

  alive(at: number): Sample[] {
    return this.#counts(at, () => true);
  }

  reading(at: number): Sample[] {
    return this.#counts(at, ({ isReading }) => isReading);
  }

  /** The sum over the gateways that are alive; nothing where there are none. */
  sum(at: number, figure: (report: GatewayReport) => number): Sample[] {
    return this.#figures(at, (reports) => reports.reduce((total, report) => total + figure(report), 0));
  }

  /** The greatest among the gateways that are alive; nothing where there are none. */
  max(at: number, figure: (report: GatewayReport) => number): Sample[] {
    return this.#figures(at, (reports) => reports.reduce((most, report) => Math.max(most, figure(report)), 0));
  }

  #counts(at: number, isCounted: (report: GatewayReport) => boolean): Sample[] {
    const isSilenceTold = this.heardSince !== undefined && at - this.heardSince > ALIVE_MS;
    return this.#living(at)
      .filter(({ reports }) => reports.length > 0 || isSilenceTold)
      .map(({ labels, reports }) => ({ labels, value: reports.filter(isCounted).length }));
  }

  #figures(at: number, figure: (reports: GatewayReport[]) => number): Sample[] {
    const living = this.#living(at).filter(({ reports }) => reports.length > 0);
    return living.map(({ labels, reports }) => ({ labels, value: figure(reports) }));
  }

  #living(at: number): { labels: { scope: string }; reports: GatewayReport[] }[] {
    this.#sweep(at);
    const shown = [...this.#scopes.values()].filter(({ isHidden }) => !isHidden);
    return shown.map(({ labels, gateways }) => ({
      labels,
      reports: Array.from(gateways.values(), ({ report }) => report),
    }));
  }

  #sweep(at: number): void {
    for (const [name, scope] of this.#scopes) {
      dropSilent(scope, at);
      const { firstHeardAt, heardAt, isLeaving, gateways } = scope;
      scope.isHidden = at - heardAt > rememberedMs(heardAt - firstHeardAt, this.#forgetAfterMs);
      const isGone = at - heardAt > this.#forgetAfterMs || (isLeaving && gateways.size === 0);
      // One that soon comes back is remembered from its first time on.
      if (isGone) this.#scopes.delete(name);
    }
  }

  /** A scope without gateways leaves first. */
  #makeRoom(at: number): boolean {
    const left = [...this.#scopes].find(([, { heardAt }]) => at - heardAt > ALIVE_MS);
    return left !== undefined && this.#scopes.delete(left[0]);
  }
}

const newScope = (scope: string, at: number): Scope => ({
  labels: { scope },
  gateways: new Map(),
  firstHeardAt: at,
  heardAt: at,
  isLeaving: false,
  isHidden: false,
});

function dropSilent({ gateways }: Scope, at: number): void {
  for (const [gateway, one] of gateways) if (at - one.at > ALIVE_MS) gateways.delete(gateway);
}
