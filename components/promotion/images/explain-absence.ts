import { hasBlob } from "../oci/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import { headManifest } from "../oci/manifests.ts";
import type { Remote } from "../oci/remote.ts";
import { listTags } from "../oci/tags.ts";
import type { Copy } from "./plan.ts";
import type { ImagesRun } from "./run.ts";

/** Other images of the project that are asked for a digest. */
const mostOthers = 20;
/** Tags of staging that are listed. */
const mostTags = 5;

/**
 * What staging has where a digest should be, so that whoever wrote it into the manifest sees the mistake: the tag on another digest, an image
 * ID, another image's digest.
 * @returns a clause for a message that says that the digest is absent; undefined if nothing more is known.
 */
export async function explainAbsence(copy: Copy, staging: Remote, run: ImagesRun): Promise<string | undefined> {
  try {
    return await explained(copy, staging, run);
  } catch {
    staging.signal.throwIfAborted();
    return undefined; // an explanation, no check
  }
}

/** That a digest without an OCI manifest is the one of a blob: people take an image ID for a digest. Undefined if it is not. */
export async function explainBlob(staging: Remote, digest: Digest): Promise<string | undefined> {
  if (!(await hasBlob(staging, { digest }))) return undefined;
  return "it is the digest of a config or layer there: an image ID (`docker images`) is no digest; `docker push` prints the digest";
}

async function explained({ image, digest, tags }: Copy, staging: Remote, run: ImagesRun): Promise<string | undefined> {
  const blob = await explainBlob(staging, digest);
  if (blob !== undefined) return blob;
  const elsewhere = await otherImageWith(digest, image, run);
  if (elsewhere !== undefined) return `it is in staging under the name ${elsewhere}`;
  for (const tag of tags) {
    const now = await headManifest(staging, tag);
    if (now) return `staging has ${tag} on ${now.digest}: it was pushed again after this digest was written down`;
  }
  const { tags: all } = await listTags(staging, 1);
  const ordinary = all.filter((tag) => !tag.startsWith("sha256-"));
  if (ordinary.length === 0) return "staging has nothing of that name";
  const shown = ordinary.slice(-mostTags).join(", ");
  return `staging has ${ordinary.length > mostTags ? `${ordinary.length} other tags, such as ${shown}` : `the tags ${shown}`}`;
}

async function otherImageWith(digest: Digest, image: string, run: ImagesRun): Promise<string | undefined> {
  const others = [...run.plan.wanted.keys()].filter((other) => other !== image).slice(0, mostOthers);
  const found = await Promise.all(
    others.map(async (other) => ((await headManifest(run.staging(other)!, digest)) ? other : undefined)),
  );
  return found.find((other) => other !== undefined);
}
