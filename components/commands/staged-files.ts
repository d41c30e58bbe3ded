import { fileFault, filePattern } from "../manifests/names.ts";
import type { File } from "../manifests/project.ts";
import { measure, readAll } from "../promotion/blobs/fan-out.ts";
import { type Bucket, BucketAbsent, type Stored } from "../promotion/storage/bucket.ts";
import { CommandError } from "./command.ts";

/**
 * The files at a path of a staging bucket, or of everything below one that ends in `/`, with the sha256 of their
 * contents: as the store proves it, or found by reading them. Throws CommandError if nothing is there, or for a name
 * that no manifest can hold.
 * @param folder of the bucket that the project's files are staged in; the path and the files' names are relative to it.
 */
export async function findStagedFiles(bucket: Bucket, name: string, folder?: string): Promise<File[]> {
  const signal = AbortSignal.timeout(24 * 3600 * 1000);
  const above = folder === undefined ? "" : `${folder}/`;
  const path = `${above}${name}`;
  const objects = await objectsAt(bucket, path, signal);
  if (objects.length === 0)
    throw new CommandError(
      `${bucket.url}/${path} is not in staging: push it first${path.endsWith("/") ? "" : "; for all files of a folder, end its path with /"}`,
    );
  const files: File[] = [];
  for (const object of objects) {
    const staged = object.key.slice(above.length);
    if (!filePattern.test(staged)) throw new CommandError(fileFault(staged));
    files.push({ name: staged, sha256: object.sha256 ?? (await measure(readAll(bucket, object, signal))).sha256 });
  }
  return files;
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
