/** What Kubernetes sets for every Service of the namespace: `NATS_SERVICE_HOST`, `NATS_PORT_4222_TCP_ADDR` … */
const SERVICE_LINK = /_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;
/** The value of its `NATS_PORT`. */
const SERVICE_LINK_VALUE = /^(tcp|udp|sctp):\/\//;

/** Beginnings that no common program but ours gives its variables. */
const OURS = [
  'ENDPOINT_',
  'API_TLS_',
  'API_TOKENS',
  'NATS_',
  'GATEWAY_',
  'MAX_SUBSCRIPTION',
  'OTLP_FORWARD_',
  'TRACE_',
];

/** Names shorter than this may differ in one character only: POD_NAME is not NODE_NAME. */
const SHORT = 9;

export interface Suspects {
  /** One for each variable that is nearly a setting, which itself is not set. */
  misspelt: string[];
  /** One for each that looks like one of ours, but is none: perhaps of an older version. */
  unknown: string[];
}

/**
 * The variables that were probably meant to be settings, one sentence each. Only names are told, no values.
 * @param known names of all settings of all services: one environment may serve several
 */
export function suspects(vars: NodeJS.ProcessEnv, known: readonly string[]): Suspects {
  const found: Suspects = { misspelt: [], unknown: [] };
  for (const [name, value] of Object.entries(vars)) {
    if (known.includes(name) || SERVICE_LINK.test(name) || SERVICE_LINK_VALUE.test(value ?? '')) continue;
    const near = nearest(name, known);
    if (near !== undefined && !vars[near]) found.misspelt.push(`${name}: did you mean ${near}?`);
    else if (near !== undefined) found.unknown.push(`${name} is no setting, ${near} is`);
    else if (OURS.some((beginning) => name.startsWith(beginning))) found.unknown.push(`${name} is no setting`);
  }
  return found;
}

function nearest(name: string, known: readonly string[]): string | undefined {
  const upper = name.toUpperCase();
  let best: string | undefined;
  let least = Infinity;
  for (const one of known) {
    const allowed = Math.min(name.length, one.length) < SHORT ? 1 : 2;
    if (Math.abs(name.length - one.length) > allowed) continue;
    const distance = editDistance(upper, one);
    if (distance <= allowed && distance < least) [best, least] = [one, distance];
  }
  return best;
}

/** How many characters have to be put in, left out, changed, or swapped with their neighbour. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const changed = (last[j - 1] ?? 0) + (isSame ? 0 : 1);
      const swapped = isSwapped ? (before[j - 2] ?? Infinity) + 1 : Infinity;
      row.push(Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, changed, swapped));
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
