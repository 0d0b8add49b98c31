import { runService } from '../shared/service.js';
import { startTracing } from './app.js';
import { readConfig } from './config.js';

void runService('tracing', readConfig, async (config, deps) => {
  await startTracing(config, deps);
});
