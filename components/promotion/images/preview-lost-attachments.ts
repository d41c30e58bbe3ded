import { causeOf } from "../http/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { formatCount } from "../text/format-count.ts";
import { attachmentsAt } from "./copy-image.ts";
import type { Removal } from "./plan.ts";
import type { ImagesRun } from "./run.ts";

/** How many removed digests are asked for what is attached to them; more are a clean-up, not a release that is taken back. */
const mostAsked = 20;

/** Up to so many digests of an image that stays are read, to know whether one of them lists what is removed. */
const mostRead = 20;

/** What production loses: the signatures, attestations and SBOMs of removed digests, `- signature sha256:... of app@sha256:...`. Writes nothing. */
export async function previewLostAttachments(run: ImagesRun): Promise<{ lost: string[]; warnings: string[] }> {
  const removals = run.plan.removals.filter(({ mirrors }) => mirrors.length > 0);
  const warnings: string[] = [];
  const lost = await Promise.all(
    removals.slice(0, mostAsked).map((removal) =>
      run.dependencies.limit(async () => {
        try {
          return await lostWith(removal, run);
        } catch (error) {
          run.context.signal.throwIfAborted();
          const what = `what is attached to it, and removed with it, could not be read: ${causeOf(error)}`;
          warnings.push(run.failures.line(`${removal.image}@${removal.digest}`, what));
          return [];
        }
      }),
    ),
  );
  const more = removals.length - mostAsked;
  const rest = more > 0 ? [`- what is attached to ${formatCount(more)} more removed digests`] : [];
  return { lost: [...lost.flat(), ...rest], warnings };
}

async function lostWith({ image, digest, mirrors }: Removal, run: ImagesRun): Promise<string[]> {
  const [first] = run.alive(mirrors);
  if (first === undefined) return [];
  const { admitted, refused } = await attachmentsAt(digest, first.remote(image), run);
  const attached = [...admitted, ...refused.map((each) => ({ ...each, kind: "attachment" }))];
  if (attached.length === 0) return [];
  const isRead = (run.plan.wanted.get(image)?.size ?? 0) <= mostRead;
  const kept: ReadonlySet<Digest> = isRead ? await run.keptIn(image) : new Set();
  const unless = isRead ? "" : ", unless an index that stays lists that";
  return attached
    .filter((attachment) => !kept.has(attachment.digest))
    .map((attachment) => `- ${attachment.kind} ${attachment.digest} of ${image}@${attachment.subject}${unless}`);
}
