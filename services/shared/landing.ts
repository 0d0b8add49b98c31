import type { Context, Middleware } from 'koa';
import { html, type Html } from './html.js';
import { sendPage, wantsPage } from './page.js';
import { version } from './version.js';

/** What somebody who opens a port's `/` is told: nothing that needs a role. */
export interface Landing {
  /** `ptp-gateway`. */
  service: string;
  /** One sentence. */
  about: string;
  links: Link[];
}

export interface Link {
  path: string;
  /** What is there. */
  title: string;
  /** Another port of this service; its links lead to the host that the caller has asked. */
  port?: number;
}

/** The JSON of a landing page. */
export interface LandingView {
  service: string;
  version: string;
  about: string;
  links: { href: string; title: string }[];
}

/**
 * `GET /`: what this port is, and where to go from here. A page for browsers, JSON for everybody else. No route, so that
 * any other request is answered as if it were not there.
 */
export function landingPage(landing: Landing): Middleware {
  return (ctx, next) => {
    if (ctx.path !== '/' || !['GET', 'HEAD'].includes(ctx.method)) return next();
    const view = landingView(landing, ctx);
    if (wantsPage(ctx)) sendPage(ctx, view.service, landingPart(view));
    else ctx.body = view;
  };
}

export const landingView = ({ service, about, links }: Landing, ctx: Context): LandingView => ({
  service,
  version,
  about,
  links: links.map(({ path, title, port }) => ({
    href: port === undefined ? path : `http://${ctx.hostname || 'localhost'}:${port}${path}`,
    title,
  })),
});

export const landingPart = ({ service, version: of, about, links }: LandingView): Html =>
  html`<h1>${service} ${of}</h1>
    <p>${about}</p>
    <ul>
      ${links.map(({ href, title }) => html`<li><a href="${href}">${href}</a> – ${title}</li>`)}
    </ul>`;

/** What `operations` serves on a port. */
export const OPERATIONS_LINKS: Link[] = [
  { path: '/metrics', title: 'its series, for Prometheus' },
  { path: '/readyz', title: 'whether it is ready' },
  { path: '/livez', title: 'whether it lives' },
];
