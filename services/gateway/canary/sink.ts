import { listen, type HttpServer } from '../../shared/http.js';
import type { Logger } from '../../shared/log.js';

/** Canaries come one by one; what else runs on this machine could connect too. */
const MAX_CONNECTIONS = 64;

/** Where this gateway posts its canaries to: itself, over real HTTP on a port of the loopback interface. */
export const openSink = (log: Logger): Promise<HttpServer> =>
  listen(
    (req, res) => {
      req.resume();
      req.on('end', () => res.writeHead(204).end());
    },
    {
      port: 0,
      host: '127.0.0.1',
      setting: 'nothing: the sink of canaries takes any free port',
      maxConnections: MAX_CONNECTIONS,
      log,
    },
  );
