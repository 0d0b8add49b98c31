/** What the units of a size stand for, as in Kubernetes: `K`, `M`, `G`, `T` are decimal, with `i` powers of 1 024. */
const BYTES: Record<string, number> = {
  '': 1,
  k: 1e3,
  ki: 2 ** 10,
  m: 1e6,
  mi: 2 ** 20,
  g: 1e9,
  gi: 2 ** 30,
  t: 1e12,
  ti: 2 ** 40,
};

const MS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

const NUMBER = String.raw`\d+(?:\.\d+)?`;
const SIZE = new RegExp(`^(${NUMBER})([kmgt]i?|)b?$`, 'i');
const PART = new RegExp(`(${NUMBER})(ms|min|[smhdw])`, 'gi');
const DURATION = new RegExp(`^(?:${PART.source})+$`, 'i');

/** Bytes of `1G`, `512Mi`, `1.5GiB`; a plain number is bytes. undefined: it is no size. */
export function parseSize(text: string): number | undefined {
  const [, number, unit] = SIZE.exec(text) ?? [];
  if (number === undefined || unit === undefined) return undefined;
  return Math.floor(Number(number) * (BYTES[unit.toLowerCase()] ?? NaN));
}

/** Milliseconds of `250ms`, `30s`, `3d`, `1h30m`; a plain number is of the unit given. undefined: it is no duration. */
export function parseDuration(text: string, plain: 's' | 'ms'): number | undefined {
  if (new RegExp(`^${NUMBER}$`).test(text)) return Math.round(Number(text) * (MS[plain] ?? NaN));
  if (!DURATION.test(text)) return undefined;
  const parts = Array.from(
    text.matchAll(PART),
    ([, number, unit = '']) => Number(number) * (MS[unit.toLowerCase()] ?? NaN),
  );
  return Math.round(parts.reduce((sum, part) => sum + part, 0));
}
