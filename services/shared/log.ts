import { pino, type DestinationStream, type Logger } from 'pino';
import { LogOutput } from './logOutput.js';

export type { Logger };

/** One JSON line per message on standard output, with the service's name; the level is a word. */
export function createLog(service: string, level: string, output: DestinationStream = new LogOutput(service)): Logger {
  const options = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, output);
}
