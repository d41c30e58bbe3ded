import { lostPlatforms } from "../../manifests/platforms.ts";
import { causeOf, UnreachableError } from "../http/errors.ts";
import { WrongContentError } from "../oci/errors.ts";
import { type Manifest, platformsOf } from "../oci/manifest.ts";
import { failureLine } from "../run/failures.ts";
import type { Preview } from "../run/request.ts";
import { noticeOf } from "../trust/tuf-roots.ts";
import { conflictOf } from "./copy-image.ts";
import { CopyCheck } from "./copyable.ts";
import { explainAbsence } from "./explain-absence.ts";
import type { ImageMirrorRun } from "./mirror-runs.ts";
import { type Copy, printPlan } from "./plan.ts";
import { predecessor } from "./predecessor.ts";
import { isInProduction, previewAttachments } from "./preview-attachments.ts";
import { previewLostAttachments } from "./preview-lost-attachments.ts";
import { previewRepair } from "./preview-repair.ts";
import type { ImagesRun } from "./run.ts";
import { AbsentError, readTree } from "./tree.ts";

/** How many new images are compared with the versions before them; more are a first promotion, not a release. */
const mostCompared = 20;

/**
 * Checks whether a plan can be carried out: new digests exist, with all that they list and every layer, in staging or a mirror; no immutable tag is on another
 * digest in a mirror; no new image lacks a platform that the version before it has. Writes nothing.
 */
export async function previewImagesRun(run: ImagesRun): Promise<Preview> {
  const { plan, project, failures } = run;
  const errors = [...plan.errors];
  const warnings: string[] = [];
  const unreachable = new Map<string, string>();
  const roots = new Map<Copy, Manifest>();
  const changed: string[] = [];
  const trust: string[] = [];
  const copyCheck = new CopyCheck();
  const checked = plan.copies.map((copy) =>
    run.dependencies.limit(async () => {
      const mirrors = copy.mirrors.map((name) => run.mirrors.get(name)!);
      const holders = copy.holders.map((name) => run.mirrors.get(name)!);
      const wrongTags = mirrors.map((mirror) => checkTags(copy, mirror, run, unreachable));
      const found = await Promise.all(wrongTags);
      errors.push(...found.flat());
      try {
        const staging = run.staging(copy.image);
        const places = [
          ...(staging ? [staging] : []),
          ...[...holders, ...mirrors].map((mirror) => mirror.remote(copy.image)),
          ...[...run.mirrors.values()].flatMap((mirror) => run.siblings(mirror, copy.image, copy.digest)),
        ];
        const tree = await readTree(places, copy.digest);
        roots.set(copy, tree.root);
        const manifests = [...tree.manifests];
        if (staging && holders.length === 0) {
          const attached = await previewAttachments(copy, tree, staging, run);
          changed.push(...attached.gained);
          trust.push(...attached.trust);
          warnings.push(...attached.warnings);
          errors.push(...attached.errors);
          manifests.push(...attached.manifests);
        }
        const repair = await previewRepair(copy, tree, staging, run);
        changed.push(...repair.lost);
        warnings.push(...repair.warnings);
        const isRepair = copy.incomplete.length > 0;
        if (holders.length === 0 && (isRepair || !(await isInProduction(copy, run)))) {
          const problems = await copyCheck.check(manifests, places);
          const advice = isRepair ? "" : ": push the image to staging again, whole";
          errors.push(...problems.errors.map((each) => failures.line(nameOf(copy), `${each}${advice}`)));
          warnings.push(...problems.warnings.map((each) => failures.line(nameOf(copy), each)));
        }
      } catch (error) {
        run.context.signal.throwIfAborted();
        if (!(error instanceof AbsentError) && !(error instanceof WrongContentError)) throw error;
        const advice = ": push it to staging again, or remove it from the manifest";
        const isUncertain = error instanceof AbsentError && error.isUncertain;
        const staging = run.staging(copy.image);
        const isRoot = error instanceof AbsentError && !isUncertain && error.digest === copy.digest;
        const why = isRoot && staging ? await explainAbsence(copy, staging, run) : undefined;
        const message = why === undefined ? error.message : `${error.message} (${why})`;
        errors.push(failures.line(nameOf(copy), `${message}${isUncertain ? "" : advice}`));
      }
    }),
  );
  const retagged = plan.retags.map(({ image, tag, digest, mirrors }) =>
    run.dependencies.limit(async () => {
      const step = { image, digest, tags: [tag] };
      const found = mirrors.map((name) => checkTags(step, run.mirrors.get(name)!, run, unreachable));
      errors.push(...(await Promise.all(found)).flat());
    }),
  );
  await Promise.all([...checked, ...retagged]);
  // A child of a new index, `v1-amd64` of `v1`, has one platform by intent.
  const listed = new Set([...roots.values()].flatMap(({ children }) => children.map((child) => child.digest)));
  const releases = [...roots].filter(([{ tags, digest }]) => tags.length > 0 && !listed.has(digest));
  const compared = await Promise.all(
    releases.slice(0, mostCompared).map(([copy, root]) => platformsLost(copy, root, run)),
  );
  warnings.push(...compared.filter((warning) => warning !== undefined));
  for (const [name, cause] of unreachable) {
    warnings.push(failureLine({ project, mirrors: [name] }, `could not be checked: ${cause}`));
  }
  const { trust: policy } = run.request;
  if (policy && roots.size > 0) {
    const notice = await noticeOf(run.dependencies.roots(policy.trustedRoot, policy.signers));
    if (notice !== undefined) warnings.push(failureLine({ project }, notice));
  }
  const { lost, warnings: unread } = await previewLostAttachments(run);
  warnings.push(...unread);
  return {
    lines: printPlan(plan),
    attachments: [...changed.sort(), ...lost.sort()],
    trust: trust.sort(),
    errors,
    warnings,
  };
}

async function checkTags(
  { image, digest, tags }: Pick<Copy, "image" | "digest" | "tags">,
  mirror: ImageMirrorRun,
  run: ImagesRun,
  unreachable: Map<string, string>,
): Promise<string[]> {
  try {
    const errors: string[] = [];
    for (const tag of tags) {
      const now = await mirror.lookup(image).tag(tag);
      const conflict = now === digest ? undefined : conflictOf(tag, now, image, mirror, run);
      if (conflict !== undefined) errors.push(run.failures.line(`${image}:${tag}`, conflict, [mirror.name]));
    }
    return errors;
  } catch (error) {
    run.context.signal.throwIfAborted();
    // A mirror that is down is not an error of the change under review.
    if (error instanceof UnreachableError || !unreachable.has(mirror.name))
      unreachable.set(mirror.name, causeOf(error));
    return [];
  }
}

/** A warning if a new image lacks platforms that the version before it has; an index replaced by an image of a single platform lacks all of them. */
async function platformsLost(copy: Copy, root: Manifest, run: ImagesRun): Promise<string | undefined> {
  const before = predecessor(copy, run);
  if (!before) return undefined;
  try {
    const old = (await readTree(before.places, before.digest)).root;
    const added = { reference: `${copy.tags[0]} ${copy.digest}`, platforms: platformsOf(root) };
    const lost = lostPlatforms(copy.image, added, { reference: before.tag, platforms: platformsOf(old) });
    return lost && `project ${run.project}, ${lost}`;
  } catch (error) {
    run.context.signal.throwIfAborted();
    if (error instanceof AbsentError) return undefined; // drift, which is not an error of this change
    throw error;
  }
}

function nameOf({ image, digest, tags }: Copy): string {
  return tags.length > 0 ? `${image}:${tags[0]} ${digest}` : `${image}@${digest}`;
}
