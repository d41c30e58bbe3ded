import { causeOf } from "../http/errors.ts";
import type { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { getBlob } from "../oci/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import { WrongContentError } from "../oci/errors.ts";
import type { Manifest } from "../oci/manifest.ts";
import { getManifest } from "../oci/manifests.ts";
import type { Remote } from "../oci/remote.ts";
import { attachmentLimits } from "../run/limits.ts";
import { formatBytes } from "../text/format-bytes.ts";
import { type AdmissionRules, type AttachmentKind, admit, neededConfig } from "./admission.ts";
import { type Attachment, ExcessError } from "./attachments.ts";

/** An attachment that may be published, with its OCI manifest. */
export interface AdmittedAttachment extends Attachment {
  readonly kind: AttachmentKind;
  readonly manifest: Manifest;
}

/** An attachment that stays out, and why. */
export interface RefusedAttachment extends Attachment {
  readonly refusal: string;
  /** No place has it: a list that a client keeps may outlive what it names. */
  readonly isAbsent?: true;
}

/** The attachments of one digest, judged. Admitted ones come after what they are attached to. */
export interface JudgedAttachments {
  readonly admitted: readonly AdmittedAttachment[];
  readonly refused: readonly RefusedAttachment[];
}

/** What a project admits unless its project.yaml says otherwise. */
export const defaultAdmission: AdmissionRules = { artifactTypes: [], bytes: attachmentLimits.bytes };

/**
 * Reads the OCI manifests of attachments and judges each by {@link admit}. An attachment of something that stays out stays out too.
 * @param attachments each after what it is attached to.
 * @param memory bytes of OCI manifests and their image configs that are being read, in the whole process.
 * @param known OCI manifests that were read already.
 * @throws ExcessError if the admitted ones are too many or too large together.
 */
export async function judgeAttachments(
  sources: readonly Remote[],
  attachments: readonly Attachment[],
  rules: AdmissionRules,
  memory: WeightedSemaphore,
  known: ReadonlyMap<Digest, Manifest> = new Map(),
): Promise<JudgedAttachments> {
  const ins = new Set<Digest>();
  const outs = new Set<Digest>();
  const admitted: AdmittedAttachment[] = [];
  const refused: RefusedAttachment[] = [];
  let bytes = 0;
  const judged = await Promise.all(
    attachments.map((attachment) =>
      memory.with(attachmentLimits.manifest + attachmentLimits.config, async () => {
        const verdict = await judge(sources, attachment, rules, known);
        if ("manifest" in verdict) bytes += verdict.manifest.bytes.length;
        // At once: what comes after it would be held in memory only to be thrown away.
        if (bytes > attachmentLimits.manifests) throw tooLarge();
        return verdict;
      }),
    ),
  );
  for (const [index, verdict] of judged.entries()) {
    const attachment = attachments[index]!;
    const { digest, subject } = attachment;
    const isOrphan = outs.has(subject) && !ins.has(subject);
    if ("refusal" in verdict) refused.push({ ...attachment, ...verdict });
    else if (isOrphan) refused.push({ ...attachment, refusal: "what it is attached to stays out" });
    else admitted.push({ ...attachment, ...verdict });
    ("refusal" in verdict || isOrphan ? outs : ins).add(digest);
  }
  if (admitted.length > attachmentLimits.number)
    throw new ExcessError(
      `it has ${admitted.length} attachments, more than the ${attachmentLimits.number} that are published`,
    );
  return { admitted, refused };
}

interface Judged {
  readonly kind: AttachmentKind;
  readonly manifest: Manifest;
}

async function judge(
  sources: readonly Remote[],
  attachment: Attachment,
  rules: AdmissionRules,
  known: ReadonlyMap<Digest, Manifest>,
): Promise<Judged | Pick<RefusedAttachment, "refusal" | "isAbsent">> {
  const manifest = known.get(attachment.digest) ?? (await readSmallManifest(sources, attachment.digest));
  if (manifest === undefined) return { refusal: "it is in none of the places that were tried", isAbsent: true };
  if (typeof manifest === "string") return { refusal: manifest };
  const needed = neededConfig(manifest);
  const verdict = admit(attachment, manifest, needed && (await readConfig(sources, needed)), rules);
  return "refusal" in verdict ? verdict : { ...verdict, manifest };
}

/** @returns the manifest, or why it is refused; undefined: it is nowhere. @throws the failure of a source, if no other has it. */
async function readSmallManifest(sources: readonly Remote[], digest: Digest): Promise<Manifest | string | undefined> {
  let failure: unknown;
  let wrong: WrongContentError | undefined;
  for (const at of sources) {
    try {
      const manifest = await getManifest(at, digest, attachmentLimits.manifest);
      if (manifest) return manifest;
    } catch (error) {
      at.signal.throwIfAborted();
      // Too large, or of a type that cannot be copied (Docker schema 1). Another source may have the right content.
      if (error instanceof WrongContentError) wrong ??= error;
      else failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return wrong && causeOf(wrong);
}

/** The JSON of an image config; undefined if it is lost or no JSON. */
async function readConfig(
  sources: readonly Remote[],
  blob: { readonly digest: Digest; readonly size: number },
): Promise<unknown> {
  try {
    return JSON.parse((await getBlob(sources, blob, Buffer.alloc(blob.size))).toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof WrongContentError) return undefined;
    throw error;
  }
}

function tooLarge(): ExcessError {
  return new ExcessError(
    `the OCI manifests of its attachments have more than ${formatBytes(attachmentLimits.manifests)}`,
  );
}
