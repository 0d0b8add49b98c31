const STAMP = /^\s*[a-z0-9]+\[(\d{1,10}\.\d{3})\]/;

/**
 * When linuxptp says that it wrote the line: CLOCK_MONOTONIC, ms, cut off below. undefined for lines of the daemon
 * itself, whose stamps are whole seconds since 1970.
 *
 *     ptp4l[81021.120]: [ptp4l.0.config] master offset         17 s2 freq   -5120 path delay       312
 */
export function stampOf(line: string): number | undefined {
  const seconds = STAMP.exec(line)?.[1];
  return seconds === undefined ? undefined : Math.round(Number(seconds) * 1_000);
}
