/** Octets that mean the same with and without their percent-encoding (RFC 3986 §2.3), and the slash of a resource. */
const PLAIN = /%(?:2[DEFdef]|3\d|4[1-9A-Fa-f]|5[\dAaFf]|6[1-9A-Fa-f]|7[\dAaEe])/g;

/** The scheme and authority of a request target in absolute form (RFC 9112 §3.2.2). */
const AUTHORITY = /^[A-Za-z][A-Za-z\d+.-]*:\/\/[^/?]*/;

/**
 * The request target that routes are matched with: path and query alone, without the fragment that no client may send.
 * A target that starts with two slashes is a path too, never an authority: the URL parsers behind Koa disagree there.
 */
export function plainTarget(target: string): string {
  const [sent = ''] = target.replace(AUTHORITY, '').split('#', 1);
  const query = sent.indexOf('?');
  return query < 0 ? squashedPath(sent) : squashedPath(sent.slice(0, query)) + sent.slice(query);
}

/**
 * A path in the one way to write it, so that every spelling of a resource finds its route: without needless
 * percent-encoding (also of the slashes), empty segments, `.` segments and a trailing slash.
 */
export function squashedPath(path: string): string {
  const plain = path.replaceAll(PLAIN, (octet) => decodeURIComponent(octet));
  return `/${plain
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/')}`;
}
