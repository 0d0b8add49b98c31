import ipaddr from 'ipaddr.js';

export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Where in an IPv6 address the four bytes of an IPv4 one stand. */
type Places = readonly [number, number, number, number];

const AT_END: Places = [12, 13, 14, 15];
const IN_6TO4: Places = [2, 3, 4, 5];
const TEREDO_SERVER: Places = [4, 5, 6, 7];
/** RFC 6052 §2.2, for the prefix lengths that a translator may use below 64:ff9b:1::/48: 48, 56, 64, 96. */
const LOCAL_NAT64: readonly Places[] = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], AT_END];

const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');
const IPV4_COMPATIBLE = ipaddr.IPv6.parseCIDR('::/96');
/** Interface identifiers of ISATAP (RFC 5214 §6.1), without and with the bit that says a unique address. */
const ISATAP = [0x00, 0x02];

const at = (address: ipaddr.IPv6, places: Places): Address =>
  ipaddr.fromByteArray(places.map((place) => address.toByteArray()[place] ?? 0));

/** The address as it is: an IPv4 one in IPv6 spelling (mapped, compatible, translated) is IPv4; no zone. */
export function plainAddress(text: string): Address {
  const address = ipaddr.fromByteArray(ipaddr.parse(text).toByteArray());
  if (!(address instanceof ipaddr.IPv6)) return address;
  const range = address.range();
  const isCompatible = address.match(IPV4_COMPATIBLE) && range !== 'unspecified' && range !== 'loopback';
  return isCompatible || range === 'ipv4Mapped' || range === 'rfc6145' ? at(address, AT_END) : address;
}

/** Where a request to an address may end up: at IPv4 ones where a router or translator makes one of it, else at itself. */
export function destinations(address: Address): Address[] {
  if (!(address instanceof ipaddr.IPv6)) return [address];
  switch (address.range()) {
    case 'rfc6052':
      return address.match(NAT64)
        ? [at(address, AT_END)]
        : localNat64(LOCAL_NAT64.map((places) => at(address, places)));
    case '6to4':
      return [at(address, IN_6TO4)];
    case 'teredo': {
      // Its client's address is written inverted (RFC 4380 §4).
      const client = address.toByteArray().slice(12);
      return [at(address, TEREDO_SERVER), ipaddr.fromByteArray(client.map((byte) => byte ^ 0xff))];
    }
    default:
      return isIsatap(address.toByteArray()) ? [address, at(address, AT_END)] : [address];
  }
}

const isIsatap = (bytes: readonly number[]): boolean =>
  ISATAP.includes(bytes[8] ?? -1) && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;

/** Of the ways to read it, those at the wrong place mostly give 0.x.x.x, which no translator goes to. */
function localNat64(readings: Address[]): Address[] {
  const likely = readings.filter((reading) => reading.range() !== 'unspecified');
  return likely.length > 0 ? likely : readings;
}
