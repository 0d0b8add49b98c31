import { pino, type DestinationStream, type Logger } from 'pino';

export type { Logger };

/** One JSON line per message on standard output, with the service's name; the level is a word. */
export function createLog(service: string, level: string, output?: DestinationStream): Logger {
  const options = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return output === undefined ? pino(options) : pino(options, output);
}
