import { causeOf } from "../http/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Remote } from "../oci/remote.ts";
import { type AdmittedAttachment, ExcessError, type RefusedAttachment } from "./admitted-attachments.ts";
import type { Attachment } from "./attachments.ts";
import { stagedAttachments } from "./copy-image.ts";
import type { Copy } from "./plan.ts";
import type { ImagesRun } from "./run.ts";
import type { ImageTree } from "./tree.ts";

/** What a preview says of the attachments of one new digest. */
export interface AttachmentsPreview {
  /** `+ signature sha256:... of app:v1`, one for each that production gains. */
  readonly gained: readonly string[];
  /** Those that stay out, and why. */
  readonly warnings: readonly string[];
  readonly errors: readonly string[];
}

/** Looks at what staging has attached to a digest that no mirror has yet: exactly that the run brings, as far as it is admitted. */
export async function previewAttachments(
  copy: Copy,
  tree: ImageTree,
  staging: Remote,
  run: ImagesRun,
): Promise<AttachmentsPreview> {
  const name = (subject: Digest) => subjectName(copy, tree, subject);
  try {
    const { admitted, refused } = await stagedAttachments(copy, tree, staging, run);
    return {
      gained: admitted.map((attachment) => gain(attachment, name)).sort(),
      warnings: refused.map((attachment) => run.failures.line(nameOf(copy), refusal(attachment, name))).sort(),
      errors: [],
    };
  } catch (error) {
    run.context.signal.throwIfAborted();
    const line = (what: string) => [run.failures.line(nameOf(copy), what)];
    if (error instanceof ExcessError)
      return { gained: [], warnings: [], errors: line(`${error.message}: remove some of them from staging`) };
    // Staging may be gone while a mirror has the digest: the run decides.
    return { gained: [], warnings: line(`what is attached to it could not be read: ${causeOf(error)}`), errors: [] };
  }
}

function gain({ kind, digest, subject }: AdmittedAttachment, name: (subject: Digest) => string): string {
  return `+ ${kind} ${digest} of ${name(subject)}`;
}

function refusal(attachment: RefusedAttachment, name: (subject: Digest) => string): string {
  const { digest, subject, refusal } = attachment;
  return `${wayOf(attachment)} ${digest} of ${name(subject)} stays out: ${refusal}`;
}

function wayOf({ tag }: Attachment): string {
  return tag === undefined ? "the referrer" : `the tag ${tag.slice(tag.lastIndexOf("."))} on`;
}

/** `app:v1` for the digest itself, `linux/arm64 of app:v1` for an image that it lists, the digest for anything else. */
function subjectName(copy: Copy, { root }: ImageTree, subject: Digest): string {
  const { image, digest, tags } = copy;
  const whole = tags.length > 0 ? `${image}:${tags[0]}` : `${image}@${digest}`;
  if (subject === digest) return whole;
  const platform = root.children.find((child) => child.digest === subject)?.platform;
  return `${platform ?? subject} of ${whole}`;
}

function nameOf({ image, digest, tags }: Copy): string {
  return tags.length > 0 ? `${image}:${tags[0]} ${digest}` : `${image}@${digest}`;
}
