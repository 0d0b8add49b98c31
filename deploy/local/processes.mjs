// @ts-check
import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CannotStart } from './cannotStart.mjs';
import { findProgram } from './programs.mjs';
import { isReady } from './ready.mjs';

/** Time a process has to become ready. */
const READY_MS = 30_000;

/**
 * The order in which processes end, and the time each group has before it is killed: 4.5 s in all. The demo first, so
 * that the consumer can unsubscribe; the tracing service after those who send it their last spans; the broker last, so
 * that the services can save how far they are.
 */
const STOP_ORDER = [
  { names: ['replay', 'consumer'], withinMs: 1_000 },
  { names: ['collector', 'gateway', 'prometheus'], withinMs: 2_500 },
  { names: ['metrics', 'tracing'], withinMs: 500 },
  { names: ['broker'], withinMs: 500 },
];

/** How a process is spoken of; the others are `The <name>`. */
const CALLED = { prometheus: 'Prometheus', consumer: 'The demo consumer', replay: 'The replay of the recordings' };

/** The processes of one run. None of them may end before stop() is called, but for those that somebody else takes care of. */
export class Processes {
  /** @type {Map<string, { child: import('node:child_process').ChildProcess, ended: Promise<void> }>} */
  #running = new Map();
  #isStopping = false;
  #logFolder;
  #onFailure;
  #endsWithUs = endsWithUs(findProgram('setpriv', process.env));

  /**
   * @param {string} logFolder
   * @param {(reason: CannotStart) => void} onFailure called when a process ends by itself that the run needs
   */
  constructor(logFolder, onFailure) {
    this.#logFolder = logFolder;
    this.#onFailure = onFailure;
  }

  /**
   * Starts a process whose output goes to its log file.
   * @param {string} name one of STOP_ORDER
   * @param {string[]} command
   * @param {{ cwd: string, env: NodeJS.ProcessEnv, onLine?: (line: string) => void, onEnd?: (reason: CannotStart) => void }} options
   *   `onLine` gets what it prints, too; `onEnd` of a process that the run does not need, when it ends by itself
   */
  start(name, command, { cwd, env, onLine, onEnd = this.#onFailure }) {
    const [program = '', ...args] = [...this.#endsWithUs, ...command];
    const logFile = this.#logFile(name);
    writeFileSync(logFile, '');
    const log = openSync(logFile, 'a');
    // Detached from the terminal's Ctrl-C, which would end them in no order.
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', onLine ? 'pipe' : log, log] });
    closeSync(log);
    if (onLine && child.stdout) passOn(child.stdout, logFile, onLine);
    const fail = (/** @type {string} */ what) => {
      if (!this.#isStopping) onEnd(new CannotStart(`${called(name)} ${what}`));
    };
    const ended = new Promise((/** @type {(value: void) => void} */ resolve) => {
      child.once('error', (err) => {
        if (child.pid !== undefined) return;
        resolve();
        fail(`could not be started: ${err.message}.`);
      });
      child.once('close', (code, signal) => {
        this.#running.delete(name);
        resolve();
        // Who is killed has not said why.
        const how = signal ? ` (killed by ${signal}).` : ` (exit code ${code})${this.#why(name)}`;
        fail(`ended${how}`);
      });
    });
    this.#running.set(name, { child, ended });
  }

  /**
   * Waits until a process says that it is ready.
   * @param {string} name
   * @param {string} url answers 200 then
   * @param {AbortSignal} signal
   */
  async ready(name, url, signal) {
    if (!(await isReady(url, READY_MS, signal))) {
      throw new CannotStart(`${called(name)} was not ready within ${READY_MS / 1000} s${this.#why(name)}`);
    }
  }

  /** Ends all of them in order, and does not return before they are gone. */
  async stop() {
    this.#isStopping = true;
    for (const { names, withinMs } of STOP_ORDER) {
      await Promise.all(names.map((name) => this.#end(name, withinMs)));
    }
  }

  /** @param {string} name */
  #logFile(name) {
    return join(this.#logFolder, `${name}.log`);
  }

  /** @param {string} name */
  #why(name) {
    const why = lastWords(readFileSync(this.#logFile(name), 'utf8'));
    return `${why && `: ${why}`} (log: ${this.#logFile(name)}).`;
  }

  /**
   * @param {string} name
   * @param {number} withinMs
   */
  async #end(name, withinMs) {
    const running = this.#running.get(name);
    if (running === undefined) return;
    running.child.kill('SIGTERM');
    const timer = setTimeout(() => killGroup(running.child), withinMs);
    await running.ended;
    clearTimeout(timer);
  }
}

/** @param {string} name */
const called = (name) => /** @type {Record<string, string>} */ (CALLED)[name] ?? `The ${name}`;

/**
 * Should this process be killed, the kernel ends its children: what to put before their command. The shell is for
 * those that start too late to notice.
 * @param {string | undefined} setpriv part of Debian's util-linux; elsewhere children may stay
 */
const endsWithUs = (setpriv) =>
  setpriv === undefined
    ? []
    : [setpriv, '--pdeathsig', 'TERM', 'sh', '-c', 'test $PPID = $0 && exec "$@"', String(process.pid)];

/** @param {import('node:child_process').ChildProcess} child */
function killGroup({ pid }) {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // gone in this moment
  }
}

/**
 * @param {import('node:stream').Readable} output
 * @param {string} logFile
 * @param {(line: string) => void} onLine
 */
function passOn(output, logFile, onLine) {
  let rest = '';
  output.setEncoding('utf8');
  output.on('data', (/** @type {string} */ text) => {
    try {
      appendFileSync(logFile, text);
    } catch {
      // a full disk: what is printed matters more
    }
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  });
}

const CANNOT_START = /^\w+ cannot start: ?/;

/**
 * Why a process ended, from the end of its log: the sentence of a service that cannot start, else the last warning
 * or error that a service logged (JSON), else the last thing that it said.
 * @param {string} log
 */
export function lastWords(log) {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const at = lines.findLastIndex((line) => CANNOT_START.test(line));
  if (at >= 0) {
    // Several mistakes follow, on an indented line each.
    const end = lines.findIndex((line, i) => i > at && !line.startsWith('  '));
    const [first = '', ...more] = lines.slice(at, end < 0 ? undefined : end);
    return [first.replace(CANNOT_START, ''), ...more.map((line) => line.trim())].filter(Boolean).join('; ');
  }
  const error = lines.map(parseRecord).findLast((record) => ['warn', 'error', 'fatal'].includes(record?.level ?? ''));
  if (error !== undefined) return [error.msg, error.err?.message].filter(Boolean).join(': ');
  const last = lines.at(-1) ?? '';
  return parseRecord(last)?.msg ?? last;
}

/**
 * @param {string} line
 * @returns {{ level: string, msg?: string, err?: { message?: string } } | undefined}
 */
function parseRecord(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
