/** A slice of bytes that is latin1 text. It is read in place: extracting a string for each request would cost more. */
export interface ByteSlice {
  readonly bytes: Buffer;
  /** Position of the first character. */
  readonly from: number;
  /** Position after the last one. */
  readonly to: number;
}

/** A text as a byte slice. */
export function sliceOf(text: string): ByteSlice {
  return { bytes: Buffer.from(text, "latin1"), from: 0, to: text.length };
}

/** The text of a byte slice. */
export function textOf({ bytes, from, to }: ByteSlice): string {
  return bytes.toString("latin1", from, to);
}

/** The bytes between two positions, without leading and trailing white space (spaces and tabs: OWS of RFC 9110 section 5.6.3). */
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
