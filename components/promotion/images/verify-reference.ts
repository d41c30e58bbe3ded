import { type Digest, isDigest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import { headManifest } from "../oci/manifests.ts";
import type { Remote } from "../oci/remote.ts";
import type { TagList } from "../oci/tags.ts";
import type { TrustPolicy } from "../trust/policy.ts";
import { defaultAdmission, judgeAttachments } from "./admitted-attachments.ts";
import { type Attachment, findAttachments } from "./attachments.ts";
import { type Verification, type VerificationDependencies, verifyAttachments } from "./verify-attachments.ts";

/**
 * Verifies what one repository has attached to a digest, whatever project it belongs to.
 * @param reference tag or digest.
 * @returns undefined if the repository does not have it.
 */
export async function verifyReference(
  at: Remote,
  reference: string,
  policy: TrustPolicy,
  dependencies: VerificationDependencies,
): Promise<{ readonly digest: Digest; readonly verification: Verification } | undefined> {
  const digest = (await headManifest(at, reference))?.digest;
  if (digest === undefined) return undefined;
  if (isDigest(reference) && digest !== reference) throw new Error(`${at.repository.host} answers with ${digest}`);
  return { digest, verification: await verifyPresent(at, digest, policy, dependencies) };
}

/**
 * As {@link verifyReference}, of a digest that is there.
 * @param tags the repository's tags, if they are known: then those that do not exist are not asked for.
 */
export async function verifyPresent(
  at: Remote,
  digest: Digest,
  policy: TrustPolicy,
  dependencies: VerificationDependencies,
  tags?: TagList,
): Promise<Verification> {
  return verifyAttached(at, digest, policy, dependencies, { found: await findAttachments(at, [digest], tags) });
}

/** As {@link verifyPresent}, where it is known what is attached. @param attached with the OCI manifests that were read already. */
export async function verifyAttached(
  at: Remote,
  digest: Digest,
  policy: TrustPolicy,
  dependencies: VerificationDependencies,
  { found, manifests }: { readonly found: readonly Attachment[]; readonly manifests?: ReadonlyMap<Digest, Manifest> },
): Promise<Verification> {
  // What is attached to an attachment proves nothing about the digest.
  const own = found.filter(({ subject }) => subject === digest);
  const { admitted } = await judgeAttachments([at], own, defaultAdmission, dependencies.memory, manifests);
  return verifyAttachments(digest, admitted, [at], policy, dependencies);
}
