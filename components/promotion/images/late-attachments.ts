import type { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import type { Digest } from "../oci/digest.ts";
import type { Remote } from "../oci/remote.ts";
import { listTags } from "../oci/tags.ts";
import { settleAll } from "../run/settle-all.ts";
import type { AdmissionRules } from "./admission.ts";
import { type AdmittedAttachment, judgeAttachments } from "./admitted-attachments.ts";
import { type Attachment, findAttachments } from "./attachments.ts";
import { supersedes } from "./superseding.ts";

/** What one mirror has of an image. */
interface Holding {
  readonly at: Remote;
  readonly digests: { has(digest: Digest): boolean };
  readonly attached: readonly Attachment[];
  /** Google's registries: all manifests. */
  readonly listed: { readonly all: ReadonlySet<Digest> } | undefined;
}

/** An attachment that staging has and some mirrors lack: somebody signed after the promotion. */
export interface LateAttachment {
  readonly root: Digest;
  /** `+ signature sha256:...`. */
  readonly line: string;
  /** The mirrors that lack it. */
  readonly mirrors: readonly string[];
}

/**
 * Finds what was attached in staging to promoted digests after their promotion. Looks at the digests that staging still has; asks for the
 * referrers of each manifest in them.
 * @param mirrors what the mirrors have of the image.
 */
export async function findLateAttachments(
  staging: Remote,
  wanted: readonly Digest[],
  mirrors: readonly { readonly name: string; readonly holding: Holding }[],
  parts: { of(digest: Digest, at: Remote): Promise<readonly Digest[]> },
  { rules, memory }: { readonly rules: AdmissionRules; readonly memory: WeightedSemaphore },
): Promise<LateAttachment[]> {
  const list = await listTags(staging);
  if (list.unknown) return [];
  // Google's lists name all manifests: what has expired in staging is not asked for.
  const present = list.manifests ? wanted.filter((digest) => list.manifests!.has(digest)) : wanted;
  const found = await settleAll(
    present.map(async (root): Promise<LateAttachment[]> => {
      const holders = mirrors.filter(({ holding }) => holding.digests.has(root));
      const [first] = holders;
      if (first === undefined) return [];
      const attached = await findAttachments(staging, await parts.of(root, first.holding.at), list);
      const lacking = attached.filter((each) => holders.some(({ holding }) => !hasAttachment(holding, each)));
      if (lacking.length === 0) return [];
      // All of them, as an attachment of an attachment is admitted with what it is attached to.
      const { admitted } = await judgeAttachments([staging], attached, rules, memory);
      const late: LateAttachment[] = [];
      for (const attachment of admitted) {
        const without = holders.filter(({ holding }) => !hasAttachment(holding, attachment));
        if (without.length === 0 || !(await mayReplace(without[0]!.holding, attachment))) continue;
        const line = `+ ${attachment.kind} ${attachment.digest}`;
        late.push({ root, line, mirrors: without.map(({ name }) => name) });
      }
      return late;
    }),
  );
  return found.flat();

  /** Another content under a tag is a further signature only if it has all that the mirror's has. */
  async function mayReplace(holding: Holding, attachment: AdmittedAttachment): Promise<boolean> {
    if (attachment.tag === undefined) return true;
    const old = holding.attached.find(({ tag }) => tag === attachment.tag);
    if (old === undefined) return true;
    const { admitted } = await judgeAttachments([holding.at], [old], rules, memory);
    return admitted[0] === undefined || supersedes(attachment.manifest, admitted[0].manifest);
  }
}

function hasAttachment({ attached, listed }: Holding, { tag, subject, digest }: Attachment): boolean {
  // Of Google's registries the list tells of referrers that they are there.
  if (tag === undefined && listed) return listed.all.has(digest);
  return attached.some(
    (each) => each.digest === digest && (tag === undefined ? each.subject === subject : each.tag === tag),
  );
}
