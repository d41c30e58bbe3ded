import { type ByteSlice, sliceOf, textOf, trimmed } from "./byte-slice.ts";
import { codesOf, type HeadLines } from "./head-lines.ts";

/** The header fields that every request needs; other fields are searched on demand. Lines of one name are joined by `, ` (RFC 9110 section 5.3). */
export interface Fields {
  host: ByteSlice | undefined;
  connection: ByteSlice | undefined;
  contentLength: ByteSlice | undefined;
  transferEncoding: ByteSlice | undefined;
  forwardedFor: ByteSlice | undefined;
  latlong: ByteSlice | undefined;
}

/**
 * Reads the field lines of a whole head: `field-name ":" OWS field-value OWS` (RFC 9112 section 5). Undefined if a line is malformed: white space before the colon (section 5.1)
 * and folded lines (section 5.2) are refused, not repaired. head-lines.ts has already checked the bytes of the values. `input` holds the head from `from` on.
 */
export function readFields(lines: HeadLines, input: Buffer, from: number): Fields | undefined {
  const fields: Fields = {
    host: undefined,
    connection: undefined,
    contentLength: undefined,
    transferEncoding: undefined,
    forwardedFor: undefined,
    latlong: undefined,
  };
  const { bytes, count } = lines;
  for (let index = 1; index < count; index++) {
    const line = lines.lineStart(index);
    const colon = lines.skipToken(line);
    if (colon === line || bytes[colon] !== colonCode) return undefined;
    const name = names[colon - line];
    if (name === undefined || !isNamed(bytes, line, name)) continue;
    add(fields, colon - line, trimmed(input, from + colon + 1, from + lines.lineEnd(index)));
  }
  return fields;
}

/** Appends a line's value to the values of earlier lines of the same name. */
export function joined(before: ByteSlice | undefined, value: ByteSlice): ByteSlice {
  return before === undefined ? value : sliceOf(`${textOf(before)}, ${textOf(value)}`);
}

/** All names differ in length. */
function add(fields: Fields, nameLength: number, value: ByteSlice): void {
  switch (nameLength) {
    case 4:
      fields.host = joined(fields.host, value);
      break;
    case 10:
      fields.connection = joined(fields.connection, value);
      break;
    case 14:
      fields.contentLength = joined(fields.contentLength, value);
      break;
    case 15:
      fields.forwardedFor = joined(fields.forwardedFor, value);
      break;
    case 16:
      fields.latlong = joined(fields.latlong, value);
      break;
    case 17:
      fields.transferEncoding = joined(fields.transferEncoding, value);
      break;
  }
}

/** The names by their length. */
const names: readonly (Uint8Array | undefined)[] = Array.from({ length: 18 }, (_, length) => {
  const name = [
    "host",
    "connection",
    "content-length",
    "x-forwarded-for",
    "x-client-latlong",
    "transfer-encoding",
  ].find((each) => each.length === length);
  return name === undefined ? undefined : codesOf(name);
});

const colonCode = 58;

/** Whether the bytes are this lower-case name, ignoring case. */
function isNamed(bytes: Uint8Array, at: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = bytes[at + i]!;
    if ((code >= 65 && code <= 90 ? code + 32 : code) !== name[i]) return false;
  }
  return true;
}
