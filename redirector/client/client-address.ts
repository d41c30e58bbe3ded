import { type ByteSlice, trimmed } from "../http1/byte-slice.ts";

/**
 * The client's address as text, from X-Forwarded-For. Our own proxies write only the right end of that header: the client's address is the
 * one before the last `trustedHops`; clients can forge everything left of it. Without the header the connection's peer is the client.
 * Undefined if the header has too few addresses. The text is not validated as an address.
 */
export function clientAddress(
  forwardedFor: ByteSlice | undefined,
  peer: ByteSlice | undefined,
  trustedHops: number,
): ByteSlice | undefined {
  if (forwardedFor === undefined || forwardedFor.from === forwardedFor.to) return peer;
  const { bytes, from: start } = forwardedFor;
  let to = forwardedFor.to;
  for (let hop = 0; hop < trustedHops; hop++) {
    to = before(bytes, start, to, comma);
    if (to <= start) return undefined;
  }
  const address = trimmed(bytes, Math.max(start, before(bytes, start, to, comma) + 1), to);
  return address.from === address.to ? undefined : withoutPort(address);
}

/** `1.2.3.4:443`, `[2001:db8::1]` and `[2001:db8::1]:443` without port and brackets. */
function withoutPort(address: ByteSlice): ByteSlice {
  const { bytes, from, to } = address;
  if (bytes[from] === opening) {
    const close = before(bytes, from, to, closing);
    return close < from ? address : { bytes, from: from + 1, to: close };
  }
  const last = before(bytes, from, to, colon);
  return last >= from && before(bytes, from, last, colon) < from ? { bytes, from, to: last } : address;
}

/** The last position of the character before `to`; less than `from` if there is none. */
function before(bytes: Buffer, from: number, to: number, code: number): number {
  let at = to - 1;
  while (at >= from && bytes[at] !== code) at--;
  return at;
}

const comma = 44;
const colon = 58;
const opening = 91;
const closing = 93;
