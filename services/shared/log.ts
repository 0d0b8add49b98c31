import { pino, type Logger } from 'pino';

export type { Logger };

/** One JSON line per message on standard output, with the service's name. */
export function createLog(service: string, level: string): Logger {
  return pino({ level, base: { service }, timestamp: pino.stdTimeFunctions.isoTime });
}
