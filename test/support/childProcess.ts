import type { ChildProcess } from 'node:child_process';

/** A test that fails must leave no process behind, and none that keeps the test runner waiting. */
export function endsWithTheTests(child: ChildProcess): void {
  child.unref();
  process.once('exit', () => child.kill('SIGKILL'));
}
