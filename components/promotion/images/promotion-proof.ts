import { imageName } from "../../../redirector/object-paths.ts";
import type { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { type Blob, getBlob } from "../oci/blobs.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { type Manifest, ociManifest, readManifest } from "../oci/manifest.ts";
import type { Remote } from "../oci/remote.ts";
import { isOwnProof } from "../trust/own-proof.ts";
import type { SignerRule, Verdict } from "../trust/policy.ts";
import { promotionCircumstances } from "../trust/promotion-circumstances.ts";
import {
  type PromotedContent,
  promotionRecord,
  promotionRecordType,
  summaryType,
  timestamp,
  verificationSummary,
} from "../trust/promotion-statements.ts";
import { signProof } from "../trust/sign-proof.ts";
import type { SigningSettings } from "../trust/signing-settings.ts";
import type { StatementSigner } from "../trust/statement-signer.ts";
import { largestBundle, type Trust } from "../trust/verify-bundle.ts";
import type { AdmittedAttachment } from "./admitted-attachments.ts";
import type { ImageTree } from "./tree.ts";

/** The promotion's own proof of one digest: what is attached to it and to the images that it lists, and the blobs of that. */
export interface PromotionProof {
  readonly attachments: readonly AdmittedAttachment[];
  readonly blobs: ReadonlyMap<Digest, Buffer>;
}

/** What is signed. */
export interface ToProve {
  readonly image: string;
  readonly tree: ImageTree;
  readonly tags: readonly string[];
  /** What is attached by now: a proof that a run has left there is completed, not made again. */
  readonly attached: readonly AdmittedAttachment[];
  /** Where that is. */
  readonly sources: readonly Remote[];
  readonly request: { readonly project: string; readonly prefix: string; readonly staging: string };
  readonly settings: SigningSettings;
  readonly trust: Trust;
  /** Bytes of attachments that are being read, in the whole process. */
  readonly memory: WeightedSemaphore;
  /** What the project's policy says; asked only if something is signed. */
  judge(): Promise<Judgement | undefined>;
}

/** A verdict, and what it rests on. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly builtByNamed: boolean;
  readonly attestations: readonly Digest[];
}

/**
 * The verification summary and the promotion record of a digest: those that are there, else new ones. One signature covers the index and the images
 * of its platforms, as subjects of one statement; each of them gets it as a referrer of its own, so that tools find it.
 * @param maySign false: what is there is completed, nothing is signed.
 */
export async function proofOf(
  what: ToProve,
  signer: StatementSigner,
  maySign: boolean,
): Promise<PromotionProof | undefined> {
  const resourceUri = resourceUriOf(what);
  const [summary, record] = await Promise.all(
    [summaryType, promotionRecordType(what.settings.host)].map((type) =>
      existing(what, type, resourceUri, signer.rule),
    ),
  );
  if ((summary === undefined || record === undefined) && !maySign) return undefined;
  let bundles: readonly SignedBundle[];
  if (summary && record) bundles = [summary, record];
  else {
    const promotion = await promotionOf(what, resourceUri);
    const created = timestamp(promotion.time);
    bundles = await Promise.all([
      summary ?? signed(what, signer, summaryType, verificationSummary(promotion), created),
      record ?? signed(what, signer, promotionRecordType(promotion.host), promotionRecord(promotion), created),
    ]);
  }
  const subjects = subjectsOf(what.tree);
  return {
    attachments: bundles.flatMap((bundle) => subjects.map((subject) => attachmentOf(bundle, subject))),
    blobs: new Map([...bundles.map(({ bytes }) => bytes), emptyConfig].map((bytes) => [digestOf(bytes), bytes])),
  };
}

/** Whether an attachment says of itself that it is part of a proof. */
export function isProof({ manifest }: AdmittedAttachment): boolean {
  return isProofManifest(manifest);
}

/** As {@link isProof}, of its OCI manifest. */
export function isProofManifest(manifest: Manifest): boolean {
  const type = manifest.annotations?.[predicateTypeAnnotation] ?? "";
  return type === summaryType || type.endsWith("/promotion/v1");
}

interface SignedBundle {
  readonly predicateType: string;
  readonly bytes: Buffer;
  /** RFC 3339. */
  readonly created: string;
}

async function signed(
  { tree, trust }: ToProve,
  signer: StatementSigner,
  predicateType: string,
  statement: object,
  created: string,
): Promise<SignedBundle> {
  return { predicateType, bytes: await signProof(signer, statement, tree.root.digest, trust), created };
}

/** The first valid proof of ours of this kind about this digest under this name. */
async function existing(
  { attached, tree, sources, trust, memory }: ToProve,
  type: string,
  resourceUri: string,
  rule: SignerRule,
): Promise<SignedBundle | undefined> {
  for (const { manifest } of attached) {
    if (manifest.annotations?.[predicateTypeAnnotation] !== type) continue;
    const [blob] = bundlesIn(manifest);
    if (blob === undefined || blob.size > largestBundle) continue;
    const bytes = await memory.with(blob.size, () => getBlob(sources, blob, Buffer.alloc(blob.size)));
    const wanted = { digest: tree.root.digest, predicateType: type, resourceUri, rule };
    if (!isOwnProof(bytes, wanted, trust)) continue;
    const created = manifest.annotations["org.opencontainers.image.created"];
    if (created !== undefined) return { predicateType: type, bytes, created };
  }
  return undefined;
}

function bundlesIn({ blobs }: Manifest): Blob[] {
  return blobs.filter(({ mediaType }) => mediaType.startsWith("application/vnd.dev.sigstore.bundle"));
}

async function promotionOf(what: ToProve, resourceUri: string): Promise<PromotedContent> {
  const { tree, tags, request, settings, image } = what;
  const judgement = await what.judge();
  const attestations = judgement?.attestations ?? [];
  return {
    ...(await promotionCircumstances(settings)),
    resourceUri,
    digests: subjectsOf(tree).map(({ digest }) => digest),
    source: request.staging === "" ? "" : `oci://${request.staging}/${imageName("", image)}`,
    tags,
    project: request.project,
    time: new Date(),
    verdict: judgement?.verdict,
    builtByNamed: judgement?.builtByNamed ?? false,
    attestations: attestations.map((digest) => ({
      uri: `${resourceUri}@${digest}`,
      sha256: digest.replace("sha256:", ""),
    })),
  };
}

function resourceUriOf({ image, request, settings }: ToProve): string {
  return `oci://${settings.host}/${imageName(request.prefix, image)}`;
}

/** The index and the images of its platforms; an index also lists what its builder attached (`unknown/unknown`). */
function subjectsOf({ root, manifests }: ImageTree): Manifest[] {
  const others = new Set(
    manifests.flatMap(({ children }) =>
      children.filter(({ platform }) => platform === "unknown/unknown").map(({ digest }) => digest),
    ),
  );
  return [root, ...manifests.filter((manifest) => manifest !== root && !others.has(manifest.digest))];
}

/** A Sigstore bundle as a referrer (OCI 1.1; sigstore/cosign, specs/BUNDLE_SPEC.md). The same bundle and subject give the same bytes. */
function attachmentOf({ predicateType, bytes, created }: SignedBundle, subject: Manifest): AdmittedAttachment {
  const content = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: ociManifest,
      artifactType: bundleType,
      config: {
        mediaType: "application/vnd.oci.empty.v1+json",
        digest: digestOf(emptyConfig),
        size: emptyConfig.length,
      },
      layers: [{ mediaType: bundleType, digest: digestOf(bytes), size: bytes.length }],
      subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.bytes.length },
      annotations: {
        "dev.sigstore.bundle.content": "dsse-envelope",
        [predicateTypeAnnotation]: predicateType,
        "org.opencontainers.image.created": created,
      },
    }),
  );
  const manifest = readManifest(content, digestOf(content), ociManifest);
  return { subject: subject.digest, digest: manifest.digest, kind: "attestation", manifest };
}

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";
const predicateTypeAnnotation = "dev.sigstore.bundle.predicateType";
const emptyConfig = Buffer.from("{}");
