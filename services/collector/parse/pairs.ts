/**
 * The value behind a name. The daemon writes names with their values in pairs, in an order that differs between its
 * versions.
 *
 *     ens9f0 gnss_status 3 offset 5 s2
 */
export function valueOf(words: readonly string[], name: string): string | undefined {
  // The first word is the interface.
  const at = words.indexOf(name, 1);
  return at < 0 ? undefined : words[at + 1];
}
