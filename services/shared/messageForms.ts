import { isNodeName } from './subjects.js';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
const ID = /^[!-~]{1,256}$/;
const PATH = /^(\/[A-Za-z0-9-]+)+$/;
const DECIMAL = /^\d{1,16}$/;
const INTEGER = /^-?\d{1,19}$/;

/** Whether a text is a time of RFC 3339. */
export const isTime = (text: string): boolean => TIME.test(text) && !Number.isNaN(Date.parse(text));

/** Whether a text can be the id of an event; it can be an HTTP header too (webhook-id). */
export const isId = (text: string): boolean => ID.test(text);

/** The forms that proto/ptp/v1/limits.proto names. */
export const FORMS: Record<string, { what: string; fits: (value: never) => boolean }> = {
  node: { what: 'no node name', fits: isNodeName },
  time: { what: 'no RFC 3339 time', fits: isTime },
  sequence: {
    what: 'no decimal number up to 2^53 - 1',
    fits: (text: string) => DECIMAL.test(text) && Number.isSafeInteger(Number(text)),
  },
  integer: { what: 'no plain integer', fits: (text: string) => INTEGER.test(text) },
  id: { what: 'no id', fits: isId },
  path: { what: 'no path', fits: (text: string) => PATH.test(text) },
  url: { what: 'no absolute URL', fits: (text: string) => URL.canParse(text) },
  whole: { what: 'no whole number', fits: (value: number) => Number.isSafeInteger(value) && value >= 0 },
};
