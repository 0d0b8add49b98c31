/** Octets that mean the same with and without their percent-encoding (RFC 3986 §2.3), and the slash of a resource. */
const PLAIN = /%(?:2[DEFdef]|3\d|4[1-9A-Fa-f]|5[\dAaFf]|6[1-9A-Fa-f]|7[\dAaEe])/g;

/**
 * The path that routes are matched with, so that every way to write a resource finds it: without needless
 * percent-encoding (also of the slashes), empty segments, `.` segments and a trailing slash.
 */
export function squashedPath(path: string): string {
  const plain = path.replaceAll(PLAIN, (octet) => decodeURIComponent(octet));
  return `/${plain
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/')}`;
}
