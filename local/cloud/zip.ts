import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { crc32, inflateRaw } from "node:zlib";

const inflate = promisify(inflateRaw);

/**
 * Unpacks a zip into a directory, with the Unix permissions it holds (fflate, which we pack with, forgets them).
 * PKWARE APPNOTE 4.3.12 (central directory), 4.3.7 (local header). Throws on what is damaged, leaves the directory, or is not supported.
 */
export async function unzip(zip: Buffer, dir: string): Promise<void> {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0) throw new Error("The archive is not a zip: it has no end of central directory.");
  const count = zip.readUInt16LE(end + 10);
  let at = zip.readUInt32LE(end + 16);
  for (let i = 0; i < count; i++) {
    if (zip.readUInt32LE(at) !== 0x02014b50)
      throw new Error("The archive is damaged: its central directory is broken.");
    const nameLength = zip.readUInt16LE(at + 28);
    const entry = {
      method: zip.readUInt16LE(at + 10),
      crc: zip.readUInt32LE(at + 16),
      compressed: zip.readUInt32LE(at + 20),
      mode: zip.readUInt16LE(at + 40) & 0o777,
      local: zip.readUInt32LE(at + 42),
      name: zip.toString("utf8", at + 46, at + 46 + nameLength),
    };
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
    const path = join(dir, entry.name);
    if (!`${path}/`.startsWith(`${dir}/`))
      throw new Error(`The archive's entry ${entry.name} would leave the directory.`);
    if (entry.name.endsWith("/")) {
      await mkdir(path, { recursive: true });
      continue;
    }
    const start = entry.local + 30 + zip.readUInt16LE(entry.local + 26) + zip.readUInt16LE(entry.local + 28);
    const packed = zip.subarray(start, start + entry.compressed);
    if (entry.method !== 0 && entry.method !== 8)
      throw new Error(`${entry.name}: compression ${entry.method} is not supported.`);
    const content = entry.method === 0 ? packed : await inflate(packed);
    if (crc32(content) !== entry.crc) throw new Error(`The archive is damaged: ${entry.name} has a wrong checksum.`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    await chmod(path, entry.mode === 0 ? 0o644 : entry.mode);
  }
}
