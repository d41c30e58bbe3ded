import { type ByteSlice, textOf } from "./byte-slice.ts";

/**
 * Whether this is the value of a Host header: `uri-host [ ":" port ]` (RFC 9110 section 7.2). It may be empty, for a target without an authority. Two Host lines,
 * joined by a comma and a space, do not match. An IP address of a future version (`[v1.x]`) is refused.
 */
export function isHost({ bytes, from, to }: ByteSlice): boolean {
  if (bytes[from] === opening && from < to) return isAddressInBrackets(textOf({ bytes, from, to }));
  let at = from;
  while (at < to && mayStandInName[bytes[at]!] === 1) at++;
  if (at === to) return true;
  if (bytes[at] === percent) return isEncodedName(textOf({ bytes, from, to }));
  if (bytes[at] !== colon) return false;
  for (at++; at < to; at++) if (bytes[at]! < zero || bytes[at]! > nine) return false;
  return true;
}

/** An IPv6 address as RFC 3986 section 3.2.2 writes it, without a zone. */
function isAddressInBrackets(text: string): boolean {
  const [, literal] = /^(\[[0-9A-Fa-f:.]+\])(?::\d*)?$/.exec(text) ?? [];
  return literal !== undefined && URL.canParse(`http://${literal}/`);
}

function isEncodedName(text: string): boolean {
  return /^(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*(?::\d*)?$/.test(text);
}

/** reg-name of RFC 3986 section 3.2.2, except percent-encoded characters. IPv4 addresses match too. */
const mayStandInName = Uint8Array.from({ length: 256 }, (_, code) =>
  /[A-Za-z0-9\-._~!$&'()*+,;=]/.test(String.fromCharCode(code)) ? 1 : 0,
);
const percent = 37;
const zero = 48;
const nine = 57;
const colon = 58;
const opening = 91;
