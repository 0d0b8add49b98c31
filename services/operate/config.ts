import { readBrokerSettings } from '../shared/broker.js';
import { Env } from '../shared/env.js';

/** How to reach the broker; who may do what is decided there. Throws ConfigError that names every mistake. */
export function readConfig(vars: NodeJS.ProcessEnv, env = new Env(vars)) {
  return env.check({ broker: readBrokerSettings(env) });
}

export type OperateConfig = ReturnType<typeof readConfig>;
