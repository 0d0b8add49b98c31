/** Where a request goes. */
export interface Endpoint {
  /** Scheme, host and port. */
  origin: string;
  /** Path and query. */
  path: string;
}

/** An endpoint as it is named in logs: a query may hold a secret. */
export const endpointName = (uri: string | undefined = ''): string => uri.replace(/[?#].*/s, '');

/** Endpoints whose parts are kept. */
const KEPT = 16_384;

/** The parts of endpoint URLs, kept for those used lately: parsing one takes as long as sending a small request. */
export class Endpoints {
  readonly #known = new Map<string, Endpoint>();

  of(uri: string): Endpoint {
    const known = this.#known.get(uri);
    if (known !== undefined) return known;
    const { origin, pathname, search } = new URL(uri);
    const endpoint = { origin, path: `${pathname}${search}` };
    if (this.#known.size >= KEPT) this.#known.clear();
    this.#known.set(uri, endpoint);
    return endpoint;
  }
}
