import { runService } from '../shared/service.js';
import { startCollector } from './app.js';
import { about, readConfig } from './config.js';

void runService(about, readConfig, startCollector);
