import { randomUUID } from 'node:crypto';
import { Router } from '@koa/router';
import { resourceAddress } from '../../shared/subjects.js';
import { currentStateEvent, restData } from '../push/body.js';
import type { StateAnswer } from '../states.js';
import type { DataVersion } from '../subscriptions/record.js';
import { parseExactResource } from '../subscriptions/resource.js';
import { Unavailable } from '../subscriptions/subscriptions.js';
import { needs } from './access.js';
import { isAbout } from './counted.js';
import { Problem } from './problems.js';

export interface CurrentStateDeps {
  /** Throws Unavailable until the broker was reached; rejects while it is away. */
  currentState: (node: string, path: string) => Promise<StateAnswer>;
  names: DataVersion;
  /** What `.` in a resource stands for. */
  ownNode: string | undefined;
  now: () => number;
}

/** `/{resource}/CurrentState` of proto/openapi-v1.yaml: the state as of now, or why there is none to be had. */
export function currentStateRoutes({ currentState, names, ownNode, now }: CurrentStateDeps): Router {
  const router = new Router();
  router.get('/*resource/CurrentState', needs('reader'), async (ctx) => {
    const text = `/${ctx.params['resource']}`;
    const { node, path } = parseExactResource(text, ownNode);
    isAbout(ctx, resourceAddress(node, path));
    const answer = await currentState(node, path).catch((err: unknown) => {
      throw new Unavailable('the broker is away, so the node cannot be asked', { cause: err });
    });
    switch (answer.kind) {
      case 'current':
        ctx.body = currentStateEvent(answer.state, {
          id: randomUUID(),
          time: answer.asOf,
          subject: resourceAddress(node, path),
          names,
        });
        return;
      case 'unknown':
        throw new Problem(404, 'nothing known', `no state of ${resourceAddress(node, path)} is known`);
      case 'stale':
        throw new Problem(503, 'state not current', answer.reason, lastKnown(answer, names, now()));
    }
  });
  return router;
}

function lastKnown({ last }: StateAnswer & { kind: 'stale' }, names: DataVersion, now: number) {
  if (last === undefined) return {};
  const ageSeconds = Math.max(0, Math.round((now - Date.parse(last.time)) / 1_000));
  return { lastKnown: { time: last.time, ageSeconds, data: restData(last.data, names) } };
}
