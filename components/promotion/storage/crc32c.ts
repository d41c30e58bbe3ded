/**
 * CRC32C (Castagnoli, RFC 3720 section 12.1), the checksum that both GCS and S3 keep of a whole object. Node has only the other
 * CRC-32 built in.
 */

/**
 * Continues a checksum over more bytes; start with 0.
 * @returns an unsigned 32-bit number.
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous;
  let index = 0;
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [Table, Table, Table, Table, Table, Table, Table, Table];
  // Slicing by 8: eight table look-ups for eight bytes, about four times as fast as byte by byte.
  for (const end = bytes.length - 7; index < end; index += 8) {
    crc ^= bytes[index]! | (bytes[index + 1]! << 8) | (bytes[index + 2]! << 16) | (bytes[index + 3]! << 24);
    crc =
      t7[crc & 255]! ^
      t6[(crc >>> 8) & 255]! ^
      t5[(crc >>> 16) & 255]! ^
      t4[crc >>> 24]! ^
      t3[bytes[index + 4]!]! ^
      t2[bytes[index + 5]!]! ^
      t1[bytes[index + 6]!]! ^
      t0[bytes[index + 7]!]!;
  }
  for (; index < bytes.length; index++) crc = t0[(crc ^ bytes[index]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** The form in which both stores write it: base64 of the four bytes, big-endian. */
export function encodeCrc32c(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return bytes.toString("base64");
}

type Table = Int32Array;

const tables: readonly Table[] = slicingTables();

/** Table k holds the effect of a byte that k more bytes follow. */
function slicingTables(): Table[] {
  const reversedPolynomial = 0x82f63b78;
  const first = Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ reversedPolynomial : crc >>> 1;
    return crc;
  });
  const all = [first];
  for (let k = 1; k < 8; k++) {
    all.push(all[k - 1]!.map((crc) => first[crc & 255]! ^ (crc >>> 8)));
  }
  return all;
}
