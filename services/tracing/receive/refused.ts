/** A request that is not taken, and the status it is answered with. */
export class Refused extends Error {
  override name = 'Refused';
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(status: number, detail: string, headers: Record<string, string> = {}) {
    super(detail);
    this.status = status;
    this.headers = headers;
  }
}

/** google.rpc.Code of a status of HTTP. */
export const RPC_CODES: Record<number, number> = {
  400: 3, // INVALID_ARGUMENT
  404: 5, // NOT_FOUND
  405: 12, // UNIMPLEMENTED
  408: 4, // DEADLINE_EXCEEDED
  413: 3,
  415: 3,
  500: 13, // INTERNAL
  503: 14, // UNAVAILABLE
};
