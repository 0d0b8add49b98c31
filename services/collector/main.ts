import { runService } from '../shared/service.js';
import { startCollector } from './app.js';
import { readConfig } from './config.js';

void runService('collector', readConfig, startCollector);
