import { runService } from '../shared/service.js';
import { startGateway } from './app.js';
import { about, readConfig } from './config.js';

void runService(about, readConfig, async (config, deps) => {
  await startGateway(config, deps);
});
