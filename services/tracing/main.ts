import { runService } from '../shared/service.js';
import { startTracing } from './app.js';
import { about, readConfig } from './config.js';

void runService(about, readConfig, async (config, deps) => {
  await startTracing(config, deps);
});
