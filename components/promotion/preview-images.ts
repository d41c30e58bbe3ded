import { conflictOf } from "./copy-image.ts";
import { type Copy, type ImagePlan, printPlan } from "./image-plan.ts";
import { AbsentError, readTree } from "./image-tree.ts";
import { type ImageMirrorRun, ImagesRun, type Means } from "./images-run.ts";
import type { Digest } from "./oci/digest.ts";
import { causeOf, UnreachableError } from "./oci/errors.ts";
import type { Manifest } from "./oci/manifest.ts";
import type { Context, ImagesRequest, Preview } from "./request.ts";

/** So many new indexes are compared with their predecessors; more are a first promotion, not a release. */
const mostCompared = 20;

/**
 * Looks whether a plan can be carried out: what is new exists, with all that it lists, in staging or a mirror; no tag that must not
 * move is on another digest in a mirror; no new index lacks a platform that the release before it had. Writes nothing.
 */
export async function previewPlan(
  request: ImagesRequest,
  plan: ImagePlan,
  means: Means,
  context: Context,
): Promise<Preview> {
  const run = new ImagesRun(request, plan, means, context);
  const errors = [...plan.errors];
  const warnings: string[] = [];
  const unreachable = new Map<string, string>();
  const roots = new Map<Copy, Manifest>();
  const checked = plan.copies.map((copy) =>
    means.limit(async () => {
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
        ];
        roots.set(copy, (await readTree(places, copy.digest)).root);
      } catch (error) {
        context.signal.throwIfAborted();
        if (!(error instanceof AbsentError)) throw error;
        const advice = "push it to staging again, or take it out of the manifest";
        errors.push(`${request.project}: ${nameOf(copy)}: ${error.message}: ${advice}`);
      }
    }),
  );
  const retagged = plan.retags.map(({ image, tag, digest, mirrors }) =>
    means.limit(async () => {
      const step = { image, digest, tags: [tag] };
      const found = mirrors.map((name) => checkTags(step, run.mirrors.get(name)!, run, unreachable));
      errors.push(...(await Promise.all(found)).flat());
    }),
  );
  await Promise.all([...checked, ...retagged]);
  const newIndexes = [...roots].filter(([, root]) => root.children.length > 0).slice(0, mostCompared);
  for (const [copy, root] of newIndexes) warnings.push(...(await droppedPlatforms(copy, root, run)));
  for (const [name, cause] of unreachable) warnings.push(`${request.project}: ${name} could not be asked: ${cause}`);
  return { lines: printPlan(plan), errors, warnings };
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
      if (conflict !== undefined) errors.push(`${run.request.project}: ${image}:${tag}: ${mirror.name}: ${conflict}`);
    }
    return errors;
  } catch (error) {
    run.context.signal.throwIfAborted();
    // A mirror that is down is no mistake of the change under review.
    if (error instanceof UnreachableError || !unreachable.has(mirror.name))
      unreachable.set(mirror.name, causeOf(error));
    return [];
  }
}

/** Platforms of the release before that a new index lacks. */
async function droppedPlatforms(copy: Copy, root: Manifest, run: ImagesRun): Promise<string[]> {
  const before = predecessor(copy, run);
  if (!before) return [];
  let old: Manifest;
  try {
    const places = [...run.mirrors.values()].filter((mirror) => mirror.belief.held.get(copy.image)?.has(before.digest));
    old = (
      await readTree(
        places.map((mirror) => mirror.remote(copy.image)),
        before.digest,
      )
    ).root;
  } catch (error) {
    run.context.signal.throwIfAborted();
    if (error instanceof AbsentError) return []; // drift, which is not this change's matter
    throw error;
  }
  const platforms = (manifest: Manifest) => new Set(manifest.children.flatMap(({ platform }) => platform ?? []));
  const now = platforms(root);
  const dropped = [...platforms(old)].filter((platform) => platform !== "unknown/unknown" && !now.has(platform));
  if (dropped.length === 0) return [];
  return [
    `${run.request.project}: ${nameOf(copy)} has no ${dropped.join(", ")}, which ${copy.image}:${before.tag} has`,
  ];
}

/** The promoted tag of the image that comes right before one of the new digest's, in the order of versions. */
function predecessor({ image, tags, digest }: Copy, run: ImagesRun): { tag: string; digest: Digest } | undefined {
  const tag = tags[0];
  if (tag === undefined) return undefined;
  const order = new Intl.Collator("en", { numeric: true });
  let best: { tag: string; digest: Digest } | undefined;
  for (const [other, its] of run.mirrors.values().next().value?.belief.held.get(image) ?? []) {
    if (other === digest) continue;
    for (const name of its) {
      if (order.compare(name, tag) >= 0) continue;
      if (!best || order.compare(name, best.tag) > 0) best = { tag: name, digest: other };
    }
  }
  return best;
}

function nameOf({ image, digest, tags }: Copy): string {
  return tags.length > 0 ? `${image}:${tags[0]} ${digest}` : `${image}@${digest}`;
}
