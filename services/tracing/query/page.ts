import { html, type Html } from '../../shared/html.js';
import { landingPart, type LandingView } from '../../shared/landing.js';
import type { Stretch } from '../core/axis.js';
import type { Delivery, HopRow } from '../core/journey.js';
import type { EventView, SpanView, Summary } from './events.js';

/** Rows of a page, at most; the JSON has all. */
const MAX_DELIVERIES = 100;
const MAX_SPANS = 500;

/** What `/` tells. */
export interface HomeView extends LandingView {
  slow: Summary[];
  kept: Summary[];
}

export const homePart = ({ slow, kept, ...landing }: HomeView): Html =>
  html`${landingPart(landing)}
    <form action="/" method="get">
      <label>Event id <input name="event" size="40" required /></label> <button>Look up</button>
    </form>
    <h2>Slow</h2>
    ${summaries(slow)}
    <h2>Last kept</h2>
    ${summaries(kept)}`;

/** What a browser is shown of an error. */
export const problemPart = (title: string, detail: string): Html =>
  html`<p><a href="/">All traces</a></p>
    <h1>${title}</h1>
    <p>${detail}</p>`;

export const eventPart = (view: EventView): Html =>
  html`<p><a href="/">All traces</a></p>
    <h1>Event <code>${view.event ?? ''}</code></h1>
    <table>
      ${fact('node', view.node)} ${fact('resource', view.resource)} ${fact('state', view.state)}
      ${fact('time', view.time)} ${fact('total', `${ms(view.totalMs)} ms`)}
      ${fact('remarkable', view.interests.join(', ') || 'nothing')}
      ${fact('kept for', view.keptFor ?? 'still gathering spans')}
      <tr>
        <th>trace</th>
        <td><a href="/api/traces/${view.traceId}">${view.traceId}</a></td>
      </tr>
    </table>
    ${view.deliveries.slice(0, MAX_DELIVERIES).map(delivery)} ${more(view.deliveries.length - MAX_DELIVERIES)}
    <h2>Spans</h2>
    <table>
      <thead>
        <tr>
          <th>start</th>
          <th class="number">ms</th>
          <th>service</th>
          <th>name</th>
          <th>attributes</th>
        </tr>
      </thead>
      <tbody>
        ${view.spans.slice(0, MAX_SPANS).map(span)}
      </tbody>
    </table>
    ${more(view.spans.length - MAX_SPANS)} ${more(view.lostSpans, 'spans had no room')}`;

const delivery = (one: Delivery): Html =>
  html`<h2>To subscription <code>${one.subscription}</code></h2>
    <p>
      ${one.outcome ?? 'under way'}, ${one.attempts} ${one.attempts === 1 ? 'attempt' : 'attempts'}; ${ms(one.totalMs)}
      ms${
        one.loopMs === undefined
          ? html` (sum of the hops that are known)`
          : html` (loop, by one clock; at least ${ms(one.floorMs)} ms)`
      }
    </p>
    <table>
      <thead>
        <tr>
          <th>hop</th>
          <th>from</th>
          <th>to</th>
          <th class="number">start</th>
          <th class="number">ms</th>
          <th class="axis">of the total</th>
          <th>quality</th>
        </tr>
      </thead>
      <tbody>
        ${one.hops.map((row) => hopRow(row, one))} ${sums(one)}
      </tbody>
    </table>`;

const hopRow = ({ hop, from, to, startMs, ms: took, quality }: HopRow, { totalMs }: Delivery): Html =>
  html`<tr>
    <td>${hop}</td>
    <td>${from}</td>
    <td>${to}</td>
    <td class="number">${ms(startMs)}</td>
    <td class="number">${ms(took)}</td>
    <td class="axis">${startMs === undefined ? '' : bar([{ startMs, ms: took ?? 0 }], totalMs)}</td>
    <td class="${quality ?? ''}">${quality ?? '–'}</td>
  </tr>`;

/** What the rows add up to: time that several have in common counts once, and `emit` lies before the start. */
const sums = ({ coveredMs, unaccountedMs, totalMs, gaps }: Delivery): Html =>
  html`<tr>
      <td colspan="4">in the rows above, overlaps once</td>
      <td class="number">${ms(coveredMs)}</td>
      <td></td>
      <td></td>
    </tr>
    <tr>
      <td colspan="3">not accounted for</td>
      <td class="number">${ms(gaps[0]?.startMs)}</td>
      <td class="number">${ms(unaccountedMs)}</td>
      <td class="axis">${bar(gaps, totalMs, 'gap')}</td>
      <td></td>
    </tr>
    <tr>
      <th colspan="4">total</th>
      <th class="number">${ms(totalMs)}</th>
      <td></td>
      <td></td>
    </tr>`;

/** Where stretches lie in the total. A short one is seen, and what lies outside ends at the border. */
function bar(stretches: readonly Stretch[], totalMs: number, kind = 'hop'): Html {
  const scale = (at: number): number => (totalMs > 0 ? Math.min(Math.max((1_000 * at) / totalMs, 0), 1_000) : 0);
  const rects = stretches.map(({ startMs, ms: took }) => {
    const x = Math.min(scale(startMs), 996);
    const width = Math.max(scale(startMs + took) - x, 4);
    return html`<rect class="${kind}" x="${x.toFixed(1)}" y="3" width="${width.toFixed(1)}" height="8" />`;
  });
  return html`<svg viewBox="0 0 1000 14" preserveAspectRatio="none" aria-hidden="true">${rects}</svg>`;
}

const span = (one: SpanView): Html =>
  html`<tr>
    <td>${one.start}</td>
    <td class="number">${ms(one.durationMs)}</td>
    <td>${one.service}</td>
    <td class="${one.status}">${one.name} ${one.statusMessage}</td>
    <td>
      <details>
        <summary>${Object.keys(one.attributes).length}</summary>
        ${Object.entries(one.attributes).map(([key, value]) => html`<div>${key} = ${String(value)}</div>`)}
      </details>
    </td>
  </tr>`;

function summaries(all: Summary[]): Html {
  if (all.length === 0) return html`<p>None yet.</p>`;
  return html`<table>
    <thead>
      <tr>
        <th>time</th>
        <th>event</th>
        <th>node</th>
        <th>resource</th>
        <th>state</th>
        <th class="number">ms</th>
        <th>remarkable</th>
      </tr>
    </thead>
    <tbody>
      ${all.map(
        (one) =>
          html`<tr>
            <td>${one.time}</td>
            <td>${link(one)}</td>
            <td>${one.node ?? ''}</td>
            <td>${one.resource ?? ''}</td>
            <td>${one.state ?? ''}</td>
            <td class="number">${ms(one.totalMs)}</td>
            <td>${one.interests.join(', ')}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

const link = ({ event, traceId }: Summary): Html =>
  event === null
    ? html`<a href="/api/traces/${traceId}">${traceId}</a>`
    : html`<a href="/v1/events/${encodeURIComponent(wellFormed(event))}">${event}</a>`;

/** A lone surrogate has no place in a URL. */
const wellFormed = (text: string): string => Buffer.from(text).toString();

const fact = (name: string, value: string | null): Html =>
  value === null
    ? html``
    : html`<tr>
        <th>${name}</th>
        <td>${value}</td>
      </tr>`;

const more = (count: number, what = 'more are in the JSON'): Html =>
  count > 0 ? html`<p>${count} ${what}.</p>` : html``;

/** Three decimals: a hop inside one host takes less than a millisecond. */
const ms = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(3));
