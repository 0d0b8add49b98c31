import { runService } from '../shared/service.js';
import { startMetrics } from './app.js';
import { about, readConfig } from './config.js';

void runService(about, readConfig, async (config, deps) => {
  await startMetrics(config, deps);
});
