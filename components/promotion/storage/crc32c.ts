/** CRC32C (Castagnoli, RFC 3720 section 12.1), the checksum that both GCS and S3 keep of a whole object. */
export { crc32c } from "@node-rs/crc32";

/** The form in which both stores write a CRC32C: base64 of the four bytes, big-endian. */
export function encodeCrc32c(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return bytes.toString("base64");
}
