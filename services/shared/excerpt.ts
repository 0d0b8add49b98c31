/** Characters of somebody's input that an error repeats. */
const LONGEST = 100;

/** The beginning of a text that somebody sent, for an error that names it: whole when it is short. */
export function excerpt(text: string): string {
  if (text.length <= LONGEST) return text;
  // Not half of a character that is written in two.
  return `${text.slice(0, LONGEST).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
