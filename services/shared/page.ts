import { createHash } from 'node:crypto';
import type { Context } from 'koa';
import { html, Html } from './html.js';

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1a1a1a; background: #fff; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; } .suspect, .error { color: #b00020; font-weight: 600; }
.axis { width: 14rem; } .axis svg { display: block; width: 100%; height: 1.5em; } .axis rect { fill: #3b6fb6; } .axis .gap { fill: none; stroke: #999; stroke-dasharray: 2 2; vector-effect: non-scaling-stroke; }
code, td { overflow-wrap: anywhere; } summary { cursor: pointer; }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #161616; } td, th { border-color: #444; } a { color: #8ab4f8; } .axis rect { fill: #8ab4f8; } .suspect, .error { color: #ff8a80; } }
`;

// Ours, and its hash is over these very characters.
const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`);
const styleHash = createHash('sha256').update(STYLE).digest('base64');

/** Of every answer that a browser may take for a page: no scripts, nothing from elsewhere. What a page shows is a stranger's. */
export const SECURITY_HEADERS = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/** Answers with a page. */
export function sendPage(ctx: Context, title: string, body: Html): void {
  ctx.set(SECURITY_HEADERS);
  ctx.type = 'html';
  ctx.body = page(title, body);
}

/** Whether a page is preferred to JSON, as a browser does; who takes anything, as curl does, gets JSON. */
export function wantsPage(ctx: Context): boolean {
  ctx.vary('Accept');
  return ctx.accepts('json', 'html') === 'html';
}

const page = (title: string, body: Html): string =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${title}</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        ${body}
      </body>
    </html> `.text;
