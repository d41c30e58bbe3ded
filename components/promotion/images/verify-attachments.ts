import type { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { getBlob } from "../oci/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { Remote } from "../oci/remote.ts";
import { isTrusted, judge, keysOf, type TrustPolicy, type Verdict } from "../trust/policy.ts";
import { readProvenance } from "../trust/provenance.ts";
import { RefusedError } from "../trust/refused.ts";
import type { Roots } from "../trust/roots.ts";
import { largestBundle, type Trust, type Verified, verifyBundle } from "../trust/verify-bundle.ts";
import { verifyCosignLayer } from "../trust/verify-cosign.ts";
import type { AdmittedAttachment } from "./admitted-attachments.ts";

/** What a verification of something in a registry rests on. */
export interface VerificationDependencies {
  readonly roots: Roots;
  /** Bytes of OCI manifests of attachments that are being read. */
  readonly memory: WeightedSemaphore;
  /** Called with each signature and statement that was read. */
  readonly seen?: (blob: Digest, bytes: Buffer) => void;
}

/** What one attachment proves; none: it is verified by nobody, for these reasons. */
export interface VerifiedAttachment {
  readonly attachment: AdmittedAttachment;
  readonly verified: readonly Verified[];
  readonly refusals: readonly string[];
}

/** What the attachments of a digest prove, and what the policy says of it. */
export interface Verification {
  readonly attachments: readonly VerifiedAttachment[];
  readonly verdict: Verdict;
  /** Blobs that were read, as far as they are small: who copies them need not read them again. */
  readonly read: ReadonlyMap<Digest, Buffer>;
}

/** Bytes of {@link Verification.read}, of one digest: as many digests are promoted at a time, this is what they may keep. */
const mostKept = 256 * 1024;

/**
 * Verifies signatures and attestations, and judges by a policy what is attached to the digest itself. What stays in memory is what they prove.
 * @throws the failure of the sources, if none gives an attachment's content.
 */
export async function verifyAttachments(
  digest: Digest,
  admitted: readonly AdmittedAttachment[],
  sources: readonly Remote[],
  policy: TrustPolicy,
  { roots, memory, seen }: VerificationDependencies,
): Promise<Verification> {
  const trust = { roots, keys: keysOf(policy) };
  const claims = admitted.filter(({ kind }) => kind === "signature" || kind === "attestation");
  const read = new Map<Digest, Buffer>();
  let kept = 0;
  const keep = (blob: Digest, bytes: Buffer) => {
    seen?.(blob, bytes);
    if (kept + bytes.length > mostKept) return;
    kept += bytes.length;
    read.set(blob, bytes);
  };
  const attachments = await Promise.all(
    claims.map((attachment) => verifyOne(attachment, sources, { ...trust, signers: policy.signers }, memory, keep)),
  );
  const own = attachments.filter(({ attachment }) => attachment.subject === digest);
  return {
    attachments,
    verdict: judge(
      policy,
      own.flatMap(({ verified }) => verified),
    ),
    read,
  };
}

async function verifyOne(
  attachment: AdmittedAttachment,
  sources: readonly Remote[],
  trust: Trust & Pick<TrustPolicy, "signers">,
  memory: WeightedSemaphore,
  keep: (blob: Digest, bytes: Buffer) => void,
): Promise<VerifiedAttachment> {
  const verified: Verified[] = [];
  const refusals: string[] = [];
  for (const layer of layersOf(attachment.manifest)) {
    if (layer.size > largestBundle) {
      refusals.push(`it has ${layer.size} bytes, more than a signature of ${largestBundle}`);
      continue;
    }
    await memory.with(layer.size, async () => {
      const bytes = await getBlob(sources, layer, Buffer.alloc(layer.size));
      keep(layer.digest, bytes);
      try {
        const proven = isBundle.test(layer.mediaType)
          ? verifyBundle(bytes, { digest: attachment.subject }, trust)
          : verifyCosignLayer({ ...layer, bytes }, attachment.subject, trust);
        verified.push(withoutUnused(proven, trust));
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        refusals.push(error.message);
      }
    });
  }
  return { attachment, verified, refusals };
}

/** Predicates have up to 4 MiB and anybody may sign them: one is kept only if the policy is judged by it. */
function withoutUnused(proven: Verified, { signers }: Pick<TrustPolicy, "signers">): Verified {
  const { signer, statement } = proven;
  if (statement === undefined || (isTrusted(signer, signers) && readProvenance(statement))) return proven;
  return { ...proven, statement: { predicateType: statement.predicateType, predicate: {} } };
}

const isBundle = /^application\/vnd\.dev\.sigstore\.bundle/;

interface Layer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The layers of an admitted attachment, with what cosign keeps in their annotations. */
function layersOf({ bytes }: Manifest): Layer[] {
  const { layers = [], blobs = [] } = JSON.parse(bytes.toString("utf8")) as Record<string, unknown[] | undefined>;
  return [...layers, ...blobs].map((layer) => {
    const { mediaType, digest, size, annotations } = layer as Partial<Layer>;
    const texts = Object.entries(annotations ?? {}).filter(([, value]) => typeof value === "string");
    return { mediaType: mediaType!, digest: digest!, size: size!, annotations: Object.fromEntries(texts) };
  });
}
