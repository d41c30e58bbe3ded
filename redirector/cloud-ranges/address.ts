import type { ByteSlice } from "../http1/byte-slice.ts";

/**
 * Parses an IP address: returns 4 with the address in `words[0]`, 6 with the address in all four words (most
 * significant first), or 0 if the text is not an address. An IPv4 address inside IPv6 (`::ffff:1.2.3.4`) is returned as IPv4.
 *
 * Strict where other parsers differ: refuses an octet with a leading zero (octal in some parsers) and a zone (`%eth0`).
 * Allocates nothing, because it runs for each request.
 */
export function readAddress({ bytes, from, to }: ByteSlice, words: Uint32Array): 0 | 4 | 6 {
  if (to - from > 45) return 0;
  const value = readOctets(bytes, from, to);
  if (value < 0) return readGroups(bytes, words, from, to);
  words[0] = value;
  return 4;
}

/** IPv4 from `from` to `to`, or -1. */
function readOctets(bytes: Buffer, from: number, to: number): number {
  let value = 0;
  let octet = -1;
  let leadingZero = false;
  let dots = 0;
  for (let i = from; i < to; i++) {
    const code = bytes[i]!;
    if (code === dot) {
      if (octet < 0 || ++dots > 3) return -1;
      value = value * 256 + octet;
      octet = -1;
    } else if (code >= zero && code <= nine) {
      if (octet < 0) {
        leadingZero = code === zero;
        octet = code - zero;
      } else {
        octet = octet * 10 + code - zero;
        if (leadingZero || octet > 255) return -1;
      }
    } else {
      return -1;
    }
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1;
}

/** Groups of an IPv6 address, before its gap (`::`) is expanded. One shared array, because parsing is synchronous. */
const groups = new Uint16Array(8);

/** RFC 4291 section 2.2, its three forms. */
function readGroups(bytes: Buffer, words: Uint32Array, from: number, to: number): 0 | 4 | 6 {
  let count = 0;
  let gap = -1;
  let i = from;
  if (from < to && bytes[from] === colon) {
    if (from + 1 === to || bytes[from + 1] !== colon) return 0;
    gap = 0;
    i += 2;
  }
  while (i < to) {
    if (count === 8) return 0;
    let value = 0;
    const start = i;
    for (; i < to; i++) {
      const digit = hexDigits[bytes[i]!];
      if (digit === undefined || digit === noDigit) break;
      value = (value << 4) | digit;
    }
    if (i < to && bytes[i] === dot) {
      const octets = count <= 6 ? readOctets(bytes, start, to) : -1;
      if (octets < 0) return 0;
      groups[count++] = octets >>> 16;
      groups[count++] = octets & 0xffff;
      break;
    }
    if (i === start || i - start > 4) return 0;
    groups[count++] = value;
    if (i === to) break;
    if (bytes[i] !== colon) return 0;
    i++;
    if (i < to && bytes[i] === colon) {
      if (gap >= 0) return 0;
      gap = count;
      i++;
    } else if (i === to) {
      return 0;
    }
  }
  if (gap < 0 ? count !== 8 : count > 7) return 0;
  // Groups after the gap move to the end.
  const open = 8 - count;
  const before = gap < 0 ? 8 : gap;
  for (let word = 0; word < 4; word++) {
    words[word] = groupAt(2 * word, before, open) * 0x10000 + groupAt(2 * word + 1, before, open);
  }
  if (words[0] !== 0 || words[1] !== 0 || words[2] !== 0xffff) return 6;
  words[0] = words[3]!;
  return 4;
}

/** The group at an index of the full address: `before` groups precede the gap, which expands to `open` zeros. */
function groupAt(index: number, before: number, open: number): number {
  if (index < before) return groups[index]!;
  return index < before + open ? 0 : groups[index - open]!;
}

const noDigit = 16;
/** Value of each ASCII character as a hexadecimal digit. */
const hexDigits = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? noDigit : value;
});

const zero = 48;
const nine = 57;
const dot = 46;
const colon = 58;
