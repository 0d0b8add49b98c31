import { MsgHdrsImpl, type MsgHdrs } from '@nats-io/transport-node';

const decode = MsgHdrsImpl.decode.bind(MsgHdrsImpl);

/**
 * Has the client read header blocks with care. They are whatever their writer made them, and the client, as it is,
 *   - stops reading its connection for good at one that it cannot read,
 *   - takes a stored message that is read one by one (direct get, key-value get) for an answer of the server when its
 *     block begins with a status, `NATS/1.0 404`: it is "not there", or "nobody answers".
 * Lines that cannot be read are passed over, and what comes from a stream has no status: the server names the place in
 * the stream then, and in no status of its own.
 */
export function readHeadersWithCare(): void {
  MsgHdrsImpl.decode = (block) => {
    const read = readable(block);
    return read.code !== 0 && isStored(read) ? withoutStatus(read) : read;
  };
}

function readable(block: Uint8Array): MsgHdrsImpl {
  try {
    return decode(block);
  } catch {
    return readEachLine(block);
  }
}

const isStored = (read: MsgHdrs): boolean => ['Nats-Subject', 'Nats-Sequence'].every((name) => read.has(name));

function withoutStatus(read: MsgHdrsImpl): MsgHdrsImpl {
  const plain = new MsgHdrsImpl();
  for (const [name, values] of read) for (const value of values) plain.append(name, value);
  return plain;
}

function readEachLine(block: Uint8Array): MsgHdrsImpl {
  const [status = '', ...lines] = new TextDecoder().decode(block).split('\r\n');
  const read = decode(new TextEncoder().encode(`${status}\r\n\r\n`));
  for (const line of lines) {
    const at = line.indexOf(':');
    if (at < 0) continue;
    try {
      read.append(line.slice(0, at), line.slice(at + 1).trim());
    } catch {
      // No name or no value of a header.
    }
  }
  return read;
}
