import { openBucket } from "../files/mirror-files.ts";
import { filesPrefix } from "../files/plan.ts";
import type { Context, FileMirror, StorageSettings } from "../run/request.ts";
import type { Bucket } from "../storage/bucket.ts";
import { formatBytes } from "../text/format-bytes.ts";
import { formatCount } from "../text/format-count.ts";
import { printable } from "../text/printable.ts";
import { lookThrough } from "./look-through.ts";
import { type Owner, ownerOf, type Stranger, type Unmanaged } from "./unmanaged.ts";

const root = filesPrefix("");
/** What else lies in a production bucket: the catalogue and, in S3, images' layers. */
const known: Readonly<Record<FileMirror["kind"], readonly string[]>> = {
  gcs: [root, "catalog/"],
  s3: [root, "catalog/", "containers/"],
};

/**
 * Objects in the mirrors' buckets that no project's stock shows: folders beside the projects'. Nothing is written, and nothing is read of what
 * projects have.
 * @param owners all projects there are.
 */
export async function findUnmanagedFiles(
  mirrors: readonly FileMirror[],
  owners: readonly Owner[],
  storage: StorageSettings,
  { signal }: Context,
): Promise<Unmanaged> {
  const looked = await lookThrough(mirrors, signal, async (mirror) => {
    const bucket = openBucket(storage, mirror);
    const entries = await strangersIn(bucket, mirror.kind, owners, signal);
    return Promise.all(entries.map((entry) => described(bucket, entry, mirror.name, owners, signal)));
  });
  return { ...looked, unlisted: [] };
}

/** Keys, and folders' prefixes, that lie in nobody's folder. */
async function strangersIn(
  bucket: Bucket,
  kind: FileMirror["kind"],
  owners: readonly Owner[],
  signal: AbortSignal,
): Promise<string[]> {
  const prefixes = owners.filter(({ promotesFiles }) => promotesFiles).map(({ filePrefix }) => filesPrefix(filePrefix));
  const strangers: string[] = [];
  const look = async (folder: string): Promise<void> => {
    const deeper: string[] = [];
    for await (const entry of bucket.entries(folder, signal)) {
      // A folder may be an object of its own, made by a console: it is none of ours to judge.
      if (entry === folder || prefixes.includes(entry)) continue;
      if (prefixes.some((prefix) => entry.endsWith("/") && prefix.startsWith(entry))) deeper.push(entry);
      else if (folder !== "" || !known[kind].includes(entry)) strangers.push(entry);
      else if (entry === root) deeper.push(entry);
    }
    await Promise.all(deeper.map(look));
  };
  await look("");
  return strangers.sort();
}

async function described(
  bucket: Bucket,
  entry: string,
  mirror: string,
  owners: readonly Owner[],
  signal: AbortSignal,
): Promise<Stranger> {
  const path = entry.slice(root.length).replace(/\/$/, "");
  const owner = entry.startsWith(root) ? ownerOf(path, owners, "filePrefix") : undefined;
  const stranger = (line: string): Stranger => ({ kind: "files", mirror, project: owner?.project, line });
  if (!entry.endsWith("/")) return stranger(printable(entry, 200));
  let count = 0;
  let bytes = 0;
  for await (const { size } of bucket.list(entry, signal)) {
    count++;
    bytes += size;
  }
  return stranger(
    `${printable(entry, 200)} (${formatCount(count)} file${count === 1 ? "" : "s"}, ${formatBytes(bytes)})`,
  );
}
