/** Unpacks the layers of an image (OCI image spec, layer.md). */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { unpackTar } from "modern-tar/fs";

const whiteout = ".wh.";
const opaque = ".wh..wh..opq";

/**
 * Unpacks gzip-compressed layers, bottom first, into a folder, and verifies the digest of each one's uncompressed content. Files keep their
 * modes, masked by this process's umask, but not their owners. Throws on a wrong digest and on entries outside the folder.
 */
export async function extractLayers(
  layers: readonly string[],
  diffIds: readonly string[],
  rootfs: string,
): Promise<void> {
  if (layers.length !== diffIds.length) {
    throw new Error(`the manifest has ${layers.length} layers, the config ${diffIds.length} diff_ids`);
  }
  await mkdir(rootfs, { recursive: true });
  for (const [i, layer] of layers.entries()) {
    const removed: string[] = [];
    const diffId = await readLayer(layer, rootfs, (name) => {
      if (basename(name).startsWith(whiteout)) removed.push(name);
      return false; // the first pass only reads: a whiteout hides files of lower layers, never of its own layer
    });
    if (diffId !== diffIds[i]) throw new Error(`layer ${layer} unpacks to ${diffId}, the config says ${diffIds[i]}`);
    for (const name of removed) await hide(rootfs, name);
    await readLayer(layer, rootfs, (name) => !basename(name).startsWith(whiteout));
  }
}

/** Unpacks the wanted entries. Returns the digest of the whole tar. */
async function readLayer(layer: string, rootfs: string, wanted: (name: string) => boolean): Promise<string> {
  const hash = createHash("sha256");
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const unpack = unpackTar(rootfs, { strict: true, filter: ({ name }) => wanted(name) });
  await pipeline(createReadStream(layer), createGunzip(), measure, unpack);
  return `sha256:${hash.digest("hex")}`;
}

async function hide(rootfs: string, name: string): Promise<void> {
  if (name.split("/").includes("..")) throw new Error(`whiteout ${name} is outside the image`);
  const folder = join(rootfs, dirname(name));
  if (basename(name) !== opaque) {
    await rm(join(folder, basename(name).slice(whiteout.length)), { recursive: true, force: true });
    return;
  }
  for (const child of await readdir(folder).catch(() => [])) await rm(join(folder, child), { recursive: true });
}
