import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { unpackTar } from "modern-tar/fs";

/** What Cloud Run takes at most, bytes. */
const limit = 250 * 1024 * 1024;

/**
 * Unpacks what a service is deployed from into a directory, with the permissions it holds. Cloud Run takes a .tar.gz and nothing else.
 * @param name the archive's, for errors.
 * @throws an error that says what is wrong: not a .tar.gz, too large, damaged, or an entry that leaves the directory.
 */
export async function unpackSource(archive: Buffer, dir: string, name: string): Promise<void> {
  if (archive.length > limit) {
    throw new Error(`The archive ${name} has ${archive.length} bytes; Cloud Run takes at most ${limit} (250 MiB).`);
  }
  const magic = archive.toString("latin1", 0, 2);
  if (magic !== "\x1f\x8b") {
    const kind = magic === "PK" ? "a zip" : "no gzip";
    throw new Error(`The archive ${name} is ${kind}; Cloud Run deploys source from a .tar.gz only.`);
  }
  try {
    await pipeline(Readable.from([archive]), createGunzip(), unpackTar(dir, { strict: true }));
  } catch (error) {
    throw new Error(`The archive ${name} cannot be unpacked as a .tar.gz: ${(error as Error).message}`);
  }
}
