import { type BundleClaims, bundleClaims } from "../../catalogue/attachment-facts.ts";
import type { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { type Attachment, ExcessError, findAttachments } from "../images/attachments.ts";
import { getBlob } from "../oci/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import { WrongContentError } from "../oci/errors.ts";
import type { Manifest } from "../oci/manifest.ts";
import { getManifest } from "../oci/manifests.ts";
import type { Remote } from "../oci/remote.ts";
import type { TagList } from "../oci/tags.ts";
import { attachmentLimits } from "../run/limits.ts";
import { formatBytes } from "../text/format-bytes.ts";

/** What one repository has attached to digests. Each OCI manifest and each bundle is read once, though it is described and verified. */
export interface AttachedContent {
  readonly found: readonly Attachment[];
  /** OCI manifests of those that are attached to one of the digests directly. What is too large, or of a type that is not read, is not among them. */
  readonly manifests: ReadonlyMap<Digest, Manifest>;
  /** What bundles that were read say of themselves. */
  readonly claims: Map<Digest, BundleClaims>;
}

/**
 * Finds what is attached to digests, and reads its OCI manifests.
 * @param memory bytes of OCI manifests and bundles that are being read, in the whole process.
 * @throws ExcessError if it is more than may be published.
 */
export async function readAttached(
  at: Remote,
  subjects: readonly Digest[],
  tags: TagList | undefined,
  memory: WeightedSemaphore,
): Promise<AttachedContent> {
  const found = await findAttachments(at, subjects, tags);
  const direct = new Set(found.filter(({ subject }) => subjects.includes(subject)).map(({ digest }) => digest));
  const manifests = new Map<Digest, Manifest>();
  let bytes = 0;
  await Promise.all(
    [...direct].map((digest) =>
      memory.with(attachmentLimits.manifest, async () => {
        const manifest = await readSmall(at, digest);
        if (manifest === undefined) return;
        bytes += manifest.bytes.length;
        if (bytes > attachmentLimits.manifests)
          throw new ExcessError(
            `the OCI manifests of its attachments have more than ${formatBytes(attachmentLimits.manifests)}`,
          );
        manifests.set(digest, manifest);
      }),
    ),
  );
  return { found, manifests, claims: new Map() };
}

/** Undefined: it was listed a moment ago and is being removed, or is nothing that a promotion brings. */
async function readSmall(at: Remote, digest: Digest): Promise<Manifest | undefined> {
  try {
    return await getManifest(at, digest, attachmentLimits.manifest);
  } catch (error) {
    if (error instanceof WrongContentError) return undefined;
    throw error;
  }
}

/** What a bundle says of itself. It is read unless its verification has read it. */
export async function claimsOf(
  at: Remote,
  bundle: { readonly digest: Digest; readonly size: number },
  { claims }: Pick<AttachedContent, "claims">,
  memory: WeightedSemaphore,
): Promise<BundleClaims> {
  const known = claims.get(bundle.digest);
  if (known !== undefined) return known;
  return await memory.with(bundle.size, async () =>
    bundleClaims(await getBlob([at], bundle, Buffer.alloc(bundle.size))),
  );
}
