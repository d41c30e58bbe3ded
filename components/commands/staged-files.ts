import pLimit from "p-limit";
import { fileError } from "../manifests/file-names.ts";
import type { File } from "../manifests/project.ts";
import { measure, readAll } from "../promotion/blobs/fan-out.ts";
import { listsChecksums, readChecksums } from "../promotion/files/checksums.ts";
import { progressLine } from "../promotion/run/progress.ts";
import { type Bucket, BucketAbsent, type Stored } from "../promotion/storage/bucket.ts";
import { doAll } from "./all-errors.ts";
import { CommandError } from "./command.ts";
import { printDetail, printProgress } from "./output.ts";

/** A file of checksums that is larger is none. */
const largestChecksums = 4 * 1024 * 1024;

/**
 * The files at a path of a staging bucket, or of everything below one that ends in `/`, with the sha256 of their contents: as the store proves
 * it, as a SHA256SUMS in their folder or one above says (the promotion verifies it), or found by reading them. Throws CommandError if nothing
 * is there, and with every name that no manifest can hold and every checksum that the store disproves.
 * @param folder of the bucket that the project\'s files are staged in; the path and the files\' names are relative to it.
 */
export async function findStagedFiles(bucket: Bucket, name: string, folder?: string): Promise<File[]> {
  const signal = AbortSignal.timeout(24 * 3600 * 1000);
  const above = folder === undefined ? "" : `${folder}/`;
  const path = `${above}${name}`;
  const objects = await objectsAt(bucket, path, signal);
  if (objects.length === 0)
    throw new CommandError(
      `${bucket.url}/${path} is not in staging: push it there first${path.endsWith("/") ? "" : "; for all files of a folder, end its path with /"}`,
    );
  const nameOf = ({ key }: Stored) => key.slice(above.length);
  await doAll(objects.map(nameOf), (staged) => {
    const fault = fileError(staged);
    if (fault !== undefined) throw new CommandError(fault);
  });
  const listed = await listedChecksums(bucket, objects, above, signal);
  await doAll(objects, ({ key, sha256 }) => {
    const said = listed.get(key);
    if (said !== undefined && sha256 !== undefined && said.sha256 !== sha256)
      throw new CommandError(
        `${key} has sha256 ${sha256} in staging, but ${said.file} says ${said.sha256}: push both again`,
      );
  });
  const known = (object: Stored) => object.sha256 ?? listed.get(object.key)?.sha256;
  const hash = hashing(
    bucket,
    objects.filter((object) => known(object) === undefined),
    signal,
  );
  return await Promise.all(
    objects.map(async (object) => ({ name: nameOf(object), sha256: known(object) ?? (await hash(object)) })),
  );
}

/** Reads objects for their hash, four at a time, and tells how far it is. */
function hashing(bucket: Bucket, objects: readonly Stored[], signal: AbortSignal): (object: Stored) => Promise<string> {
  const tell = progressLine((line) => printProgress(`hashed ${line}`));
  const atOnce = pLimit(4);
  let done = 0;
  let bytes = 0;
  const report = () => tell({ done, total: objects.length, failed: 0, bytes, mirrors: [] });
  const received = (count: number) => {
    bytes += count;
    report();
  };
  return (object) =>
    atOnce(async () => {
      printDetail(`reads ${bucket.url}/${object.key} (${object.size} bytes) for its sha256`);
      const { sha256 } = await measure(readAll(bucket, object, signal), received);
      done++;
      report();
      return sha256;
    });
}

/** What files of checksums in the project's part of staging say of its objects. */
async function listedChecksums(
  bucket: Bucket,
  objects: readonly Stored[],
  above: string,
  signal: AbortSignal,
): Promise<Map<string, { readonly file: string; readonly sha256: string }>> {
  const folders = new Set(objects.flatMap(({ key }) => foldersOf(key)).filter((folder) => folder.startsWith(above)));
  const found = new Map<string, { file: string; sha256: string }>();
  // The nearest folder is read last: its file overrules those above.
  for (const folder of [...folders].sort((a, b) => a.length - b.length))
    for (const object of await checksumFiles(bucket, folder, objects, signal)) {
      const slices: Uint8Array[] = [];
      for await (const slice of readAll(bucket, object, signal)) slices.push(slice);
      printDetail(`takes checksums from ${bucket.url}/${object.key}`);
      for (const [path, sha256] of readChecksums(Buffer.concat(slices).toString(), folder))
        found.set(path, { file: object.key, sha256 });
    }
  return found;
}

/** The files of checksums in a folder: among the objects, or the one that is usually there beside a single file. */
async function checksumFiles(
  bucket: Bucket,
  folder: string,
  objects: readonly Stored[],
  signal: AbortSignal,
): Promise<Stored[]> {
  const isSmall = ({ size }: Stored) => size <= largestChecksums;
  const among = objects.filter(
    ({ key }) =>
      key.startsWith(folder) && !key.slice(folder.length).includes("/") && listsChecksums(key.slice(folder.length)),
  );
  if (among.length > 0) return among.filter(isSmall);
  const usual = await bucket.stat(`${folder}SHA256SUMS`, signal);
  return usual === undefined ? [] : [usual].filter(isSmall);
}

/** A path's folders from its own up to the root, which is "": each with a / at the end. */
function foldersOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return [...parts.map((_, index) => `${parts.slice(0, index + 1).join("/")}/`), ""];
}

async function objectsAt(bucket: Bucket, path: string, signal: AbortSignal): Promise<Stored[]> {
  try {
    if (path.endsWith("/"))
      return (await Array.fromAsync(bucket.list(path, signal))).filter(({ key }) => !key.endsWith("/"));
    const object = await bucket.stat(path, signal);
    return object === undefined ? [] : [object];
  } catch (error) {
    if (error instanceof BucketAbsent)
      throw new CommandError(`${error.message}: check that the project is deployed with staging.files: true`);
    throw error;
  }
}
