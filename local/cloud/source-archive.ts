import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { unpackTar } from "modern-tar/fs";

/** Cloud Run's limit, bytes. */
const limit = 250 * 1024 * 1024;

/**
 * Unpacks a service's source into a directory, with its file permissions. Cloud Run accepts only a .tar.gz.
 * @param name name of the archive, for errors.
 * @throws if the archive is not a .tar.gz, too large, damaged, or has an entry outside the directory.
 */
export async function unpackSource(archive: Buffer, dir: string, name: string): Promise<void> {
  if (archive.length > limit) {
    throw new Error(`The archive ${name} has ${archive.length} bytes; Cloud Run accepts at most ${limit} (250 MiB).`);
  }
  const magic = archive.toString("latin1", 0, 2);
  if (magic !== "\x1f\x8b") {
    const kind = magic === "PK" ? "a zip" : "not gzip";
    throw new Error(`The archive ${name} is ${kind}; Cloud Run deploys source from a .tar.gz only.`);
  }
  try {
    await pipeline(Readable.from([archive]), createGunzip(), unpackTar(dir, { strict: true }));
  } catch (error) {
    throw new Error(`The archive ${name} cannot be unpacked as a .tar.gz: ${(error as Error).message}`);
  }
}
