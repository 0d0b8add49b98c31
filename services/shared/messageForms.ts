import { isNodeName } from './subjects.js';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
const ID = /^[!-~]{1,256}$/;
const HTTP = /^https?:$/;
const PATH = /^(\/[A-Za-z0-9-]+)+$/;
const DECIMAL = /^\d{1,16}$/;
const INTEGER = /^-?\d{1,19}$/;

/** Whether a text is a time of RFC 3339. (A 31st of April would pass for the 1st of May.) */
export function isTime(text: string): boolean {
  if (!TIME.test(text) || Number.isNaN(Date.parse(text))) return false;
  const day = Number(text.slice(8, 10));
  const isInMonth = day <= 28 || new Date(Date.parse(`${text.slice(0, 10)}T00:00:00Z`)).getUTCDate() === day;
  return isInMonth && text.slice(11, 13) !== '24';
}

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
  url: {
    what: 'no http or https URL',
    fits: (text: string) => URL.canParse(text) && HTTP.test(new URL(text).protocol),
  },
  whole: { what: 'no whole number', fits: (value: number) => Number.isSafeInteger(value) && value >= 0 },
};
