/** Text that stands among bytes, a character each (latin1), and is read there: for each request to cut it out would cost more than that. */
export interface ByteSlice {
  readonly bytes: Buffer;
  /** Position of the first character. */
  readonly from: number;
  /** Position after the last one. */
  readonly to: number;
}

/** A text as a piece. */
export function sliceOf(text: string): ByteSlice {
  return { bytes: Buffer.from(text, "latin1"), from: 0, to: text.length };
}

/** A piece as a text. */
export function textOf({ bytes, from, to }: ByteSlice): string {
  return bytes.toString("latin1", from, to);
}

/** What stands between two positions, without the blanks around it (spaces and tabs: OWS of RFC 9110 section 5.6.3). */
export function trimmed(bytes: Buffer, from: number, to: number): ByteSlice {
  let first = from;
  let end = to;
  while (first < end && isBlank(bytes[first]!)) first++;
  while (end > first && isBlank(bytes[end - 1]!)) end--;
  return { bytes, from: first, to: end };
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
