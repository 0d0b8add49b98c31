// @ts-check

/** A reason not to start, or not to go on, that the user can mend: told in one sentence, without a stack. */
export class CannotStart extends Error {
  /** @override */
  name = 'CannotStart';
}

/**
 * Tells why it ends, and gives the exit code.
 * @param {unknown} err
 */
export function report(err) {
  const { message, stack } = /** @type {Error} */ (err);
  process.stderr.write(`${err instanceof CannotStart ? message : stack}\n`);
  return 1;
}
