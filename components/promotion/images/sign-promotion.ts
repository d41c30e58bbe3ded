import { SourceError } from "../blobs/blob-copy.ts";
import type { Digest } from "../oci/digest.ts";
import type { Remote } from "../oci/remote.ts";
import { isTrusted } from "../trust/policy.ts";
import type { AdmittedAttachment } from "./admitted-attachments.ts";
import type { Copy } from "./plan.ts";
import { isProof, type Judgement, type PromotionProof, proofOf } from "./promotion-proof.ts";
import type { ImagesRun } from "./run.ts";
import type { ImageTree } from "./tree.ts";
import type { Verification } from "./verify-attachments.ts";

/** A digest with what is attached to it, and where that is. */
interface Attached {
  readonly tree: ImageTree;
  readonly attached: readonly AdmittedAttachment[];
  readonly sources: readonly Remote[];
}

/**
 * The proof of a promotion: that of an earlier run, which may have been killed before it was everywhere, or a new one.
 * @throws SourceError if it cannot be signed: then the digest is promoted nowhere.
 */
export async function signedProof(
  { image, digest, tags }: Copy,
  attached: Attached,
  { request, dependencies }: ImagesRun,
  { maySign, verify }: { readonly maySign: boolean; readonly verify: (() => Promise<Verification>) | undefined },
): Promise<PromotionProof | undefined> {
  const settings = request.signing!;
  // What is carried on needs no signer: a run that brings old digests to a new mirror asks neither GitHub nor KMS.
  if (!maySign && !attached.attached.some(isProof)) return undefined;
  try {
    const signer = await dependencies.signer(settings);
    const { rule } = signer;
    const { roots } = await dependencies.roots(settings.trustedRoot, [rule]);
    const trust = { roots, keys: "key" in rule ? [rule.key] : [] };
    const judge = async () => verify && judgementOf(digest, await verify(), request.trust!);
    const memory = dependencies.attachmentMemory;
    return await proofOf({ ...attached, image, tags, request, settings, trust, memory, judge }, signer, maySign);
  } catch (error) {
    throw new SourceError(error);
  }
}

/** What is attached, with the proof; without proofs of the names that the digest has elsewhere. */
export function withProof(
  attached: readonly AdmittedAttachment[],
  proof: PromotionProof | undefined,
): { readonly attached: readonly AdmittedAttachment[]; readonly made: ReadonlyMap<Digest, Buffer> } {
  if (proof === undefined) return { attached, made: new Map() };
  const own = new Set(proof.attachments.map(({ digest }) => digest));
  return {
    attached: [...attached.filter(({ digest }) => !own.has(digest)), ...proof.attachments],
    made: proof.blobs,
  };
}

/** The verdict, with the attestations by trusted signers that it rests on. */
function judgementOf(
  digest: Digest,
  { verdict, attachments }: Verification,
  { signers, provenance }: NonNullable<ImagesRun["request"]["trust"]>,
): Judgement {
  const inputs = attachments.filter(
    ({ attachment, verified }) =>
      attachment.subject === digest && verified.some(({ signer }) => isTrusted(signer, signers)),
  );
  return {
    verdict,
    builtByNamed: (provenance?.builders ?? []).length > 0,
    attestations: inputs.map(({ attachment }) => attachment.digest),
  };
}
