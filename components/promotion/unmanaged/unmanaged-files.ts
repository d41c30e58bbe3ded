import { catalogueFolder, filesFolder, filesPrefix, layersFolder } from "../../../redirector/object-paths.ts";
import { openBucket } from "../files/mirror-files.ts";
import type { Context, FileMirror, StorageSettings } from "../run/request.ts";
import type { Bucket } from "../storage/bucket.ts";
import { countOf } from "../text/count-of.ts";
import { formatBytes } from "../text/format-bytes.ts";
import { printable } from "../text/printable.ts";
import { searchMirrors } from "./search-mirrors.ts";
import { type Owner, ownerOf, type Unmanaged, type UnmanagedArtifact } from "./unmanaged.ts";

/** Where a bucket has image layers, whole images, and the records of what is to be purged from a CDN. */
const imagesFolder = layersFolder.slice(0, layersFolder.indexOf("/") + 1);

/**
 * Objects in the mirrors' buckets that no project's inventory shows: folders beside the projects'. Writes nothing, and does not read the
 * projects' own folders.
 * @param owners all projects there are.
 * @param withImages names of the buckets in Cloud Storage that are image mirrors; those in S3 have image layers in any case.
 */
export async function findUnmanagedFiles(
  mirrors: readonly FileMirror[],
  owners: readonly Owner[],
  storage: StorageSettings,
  { signal }: Context,
  withImages: ReadonlySet<string>,
): Promise<Unmanaged> {
  const purged = new Set(storage.purges?.map(({ bucket }) => bucket));
  const looked = await searchMirrors(mirrors, signal, async (mirror) => {
    const bucket = openBucket(storage, mirror);
    const hasImages = mirror.kind === "s3" || withImages.has(mirror.bucket) || purged.has(mirror.bucket);
    const known = [filesFolder, catalogueFolder, ...(hasImages ? [imagesFolder] : [])];
    const entries = await unmanagedIn(bucket, known, owners, signal);
    return Promise.all(entries.map((entry) => described(bucket, entry, mirror.name, owners, signal)));
  });
  return { ...looked, unlisted: [] };
}

/** Keys, and prefixes of folders, outside of all projects' folders. */
async function unmanagedIn(
  bucket: Bucket,
  known: readonly string[],
  owners: readonly Owner[],
  signal: AbortSignal,
): Promise<string[]> {
  const prefixes = owners.filter(({ promotesFiles }) => promotesFiles).map(({ filePrefix }) => filesPrefix(filePrefix));
  const unmanaged: string[] = [];
  const look = async (folder: string): Promise<void> => {
    const deeper: string[] = [];
    for await (const entry of bucket.entries(folder, signal)) {
      // Consoles create placeholder objects for folders; they are not counted.
      if (entry === folder || prefixes.includes(entry)) continue;
      if (prefixes.some((prefix) => entry.endsWith("/") && prefix.startsWith(entry))) deeper.push(entry);
      else if (folder !== "" || !known.includes(entry)) unmanaged.push(entry);
      else if (entry === filesFolder) deeper.push(entry);
    }
    await Promise.all(deeper.map(look));
  };
  await look("");
  return unmanaged.sort();
}

async function described(
  bucket: Bucket,
  entry: string,
  mirror: string,
  owners: readonly Owner[],
  signal: AbortSignal,
): Promise<UnmanagedArtifact> {
  const path = entry.slice(filesFolder.length).replace(/\/$/, "");
  const owner = entry.startsWith(filesFolder) ? ownerOf(path, owners, "files") : undefined;
  const artifact = (line: string): UnmanagedArtifact => ({ kind: "files", mirror, project: owner?.project, line });
  if (!entry.endsWith("/")) return artifact(printable(entry, 200));
  let count = 0;
  let bytes = 0;
  for await (const { size } of bucket.list(entry, signal)) {
    count++;
    bytes += size;
  }
  return artifact(`${printable(entry, 200)} (${countOf(count, "file")}, ${formatBytes(bytes)})`);
}
