import type { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { headManifest } from "../oci/manifests.ts";
import type { Remote } from "../oci/remote.ts";
import type { TagList } from "../oci/tags.ts";
import type { TrustPolicy } from "../trust/policy.ts";
import type { Roots } from "../trust/roots.ts";
import { type AdmittedAttachment, defaultAdmission, judgeAttachments } from "./admitted-attachments.ts";
import { findAttachments } from "./attachments.ts";
import { type Verification, verifyAttachments } from "./verify-attachments.ts";

/** What a verification of something in a registry rests on. */
export interface VerificationMeans {
  readonly roots: Roots;
  /** Bytes of OCI manifests of attachments that are being read. */
  readonly memory: WeightedSemaphore;
}

/**
 * Verifies what one repository has attached to a digest, whatever project it belongs to.
 * @param reference tag or digest.
 * @returns undefined if the repository does not have it.
 */
export async function verifyReference(
  at: Remote,
  reference: string,
  policy: TrustPolicy,
  means: VerificationMeans,
): Promise<{ readonly digest: Digest; readonly verification: Verification } | undefined> {
  const digest = (await headManifest(at, reference))?.digest;
  if (digest === undefined) return undefined;
  if (isDigest(reference) && digest !== reference) throw new Error(`${at.repository.host} answers with ${digest}`);
  return { digest, verification: await verifyPresent(at, digest, policy, means) };
}

/**
 * As {@link verifyReference}, of a digest that is there.
 * @param tags the repository's tags, if they are known: then those that do not exist are not asked for.
 */
export async function verifyPresent(
  at: Remote,
  digest: Digest,
  policy: TrustPolicy,
  means: VerificationMeans,
  tags?: TagList,
): Promise<Verification> {
  return verifyAttachments(digest, await ownAttachments(at, digest, means, tags), [at], policy, means);
}

/** What is attached to a digest itself; what is attached to that proves nothing about the digest. */
async function ownAttachments(
  at: Remote,
  digest: Digest,
  { memory }: VerificationMeans,
  tags: TagList | undefined,
): Promise<AdmittedAttachment[]> {
  const found = await findAttachments(at, [digest], tags);
  const own = found.filter(({ subject }) => subject === digest);
  return [...(await judgeAttachments([at], own, defaultAdmission, memory)).admitted];
}
