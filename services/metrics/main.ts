import { runService } from '../shared/service.js';
import { startMetrics } from './app.js';
import { readConfig } from './config.js';

void runService('metrics', readConfig, async (config, deps) => {
  await startMetrics(config, deps);
});
