import { runService } from '../shared/service.js';
import { startGateway } from './app.js';
import { readConfig } from './config.js';

void runService('gateway', readConfig, async (config, deps) => {
  await startGateway(config, deps);
});
