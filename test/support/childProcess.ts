import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const children = new Set<ChildProcess>();

/** A test that fails must leave no process behind, and none that keeps the test runner waiting. */
export function endsWithTheTests(child: ChildProcess): void {
  child.unref();
  if (children.size === 0) process.once('exit', () => children.forEach((one) => one.kill('SIGKILL')));
  children.add(child);
}

/** Stops a process, all of its threads, until SIGCONT. When this returns it does nothing more: the signal alone may take a while. */
export function halt(pid: number | undefined): void {
  // 0 would be our own process group.
  if (!pid) throw new Error('no such process');
  process.kill(pid, 'SIGSTOP');
  const tasks = `/proc/${pid}/task`;
  // 4171 (nats-server) T 4150 …
  const isHalted = (task: string): boolean => readFileSync(`${tasks}/${task}/stat`, 'utf8').includes(') T ');
  while (!readdirSync(tasks).every(isHalted)) continue;
}
