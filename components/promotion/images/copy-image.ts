import { SourceError } from "../blobs/blob-copy.ts";
import type { BlobTarget } from "../blobs/blob-target.ts";
import { copyBlob } from "../blobs/copy-blob.ts";
import { RegistryTarget } from "../blobs/registry-target.ts";
import { type Blob, putBlob } from "../oci/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import { headManifest, putManifest } from "../oci/manifests.ts";
import { enterReferrers, listReferrers } from "../oci/referrers.ts";
import type { Remote } from "../oci/remote.ts";
import type { TrustSettings } from "../run/request.ts";
import { unsatisfied } from "../trust/required.ts";
import {
  type AdmittedAttachment,
  defaultAdmission,
  type JudgedAttachments,
  judgeAttachments,
} from "./admitted-attachments.ts";
import type { RecordedAttachment } from "./attachment-record.ts";
import { type Attachment, ExcessError, findAttachments } from "./attachments.ts";
import { carryForeignLayers } from "./foreign-layers.ts";
import type { ImageMirrorRun, ImagesMirrorRun, LayerMirrorRun } from "./mirror-runs.ts";
import type { Copy } from "./plan.ts";
import type { ImagesRun } from "./run.ts";
import { signedProof, withProof } from "./sign-promotion.ts";
import {
  type AgainstRecord,
  againstRecord,
  lostOf,
  mayHaveStrays,
  placeOf,
  removeStrays,
} from "./stray-attachments.ts";
import { onePerTag } from "./superseding.ts";
import { AbsentError, type ImageTree, readTree } from "./tree.ts";
import { type Verification, verifyAttachments } from "./verify-attachments.ts";

/**
 * Copies one digest, with its blobs, manifests and attachments, to the mirrors that lack it: blobs to all at once; then, in the canonical
 * mirror first, manifests from the leaves to the root, attachments, and last the tags. What a mirror already has is adopted.
 * Failures go to the run; throws only the signal's reason.
 */
export async function copyImage(copy: Copy, run: ImagesRun): Promise<void> {
  const places = await look(copy, run);
  const open = places.filter(({ state }) => state !== "complete");
  const layerMirrors = copy.layerMirrors
    .map((name) => run.layerMirrors.get(name)!)
    .filter((mirror) => lives(mirror, run));
  await settleComplete(copy, places, run);
  if (open.length === 0 && layerMirrors.length === 0) return;
  const what = `${copy.image}@${copy.digest}`;

  let content: Content;
  try {
    content = await readContent(copy, places, run);
  } catch (error) {
    run.context.signal.throwIfAborted();
    const cause = error instanceof AbsentError ? new SourceError(error) : error;
    for (const mirror of [...open.map((place) => place.mirror), ...layerMirrors]) run.stepFailed(mirror, what, cause);
    return;
  }

  const broken = new Map<ImagesMirrorRun, unknown>();
  await Promise.all([
    ...open.map((place) => attempt(place.mirror, broken, () => findNeeds(place, copy, content))),
    ...layerMirrors.map((mirror) => attempt(mirror, broken, () => noteLayers(mirror, copy, content, run))),
  ]);
  await Promise.all([
    bringBlobs(copy, content, open, layerMirrors, broken, run),
    // At the same time: it saves a round trip to each mirror.
    ...open
      .filter(({ mirror }) => !broken.has(mirror))
      .map((place) => attempt(place.mirror, broken, () => pushMade(place, content))),
  ]);

  // A digest becomes visible in the canonical mirror before it does in any other.
  const [canonical] = run.mirrors.keys();
  const first = open.filter(({ mirror }) => mirror.name === canonical);
  const others = open.filter(({ mirror }) => mirror.name !== canonical);
  for (const group of [first, others]) {
    await Promise.all(
      group.map(async (place) => {
        if (!broken.has(place.mirror)) await attempt(place.mirror, broken, () => publish(copy, place, content, run));
      }),
    );
  }
  run.context.signal.throwIfAborted();
  if (content.recorded && open.some(({ mirror }) => !broken.has(mirror)))
    run.record.set(copy.image, copy.digest, content.recorded);
  for (const mirror of [...open.map((place) => place.mirror), ...layerMirrors]) {
    if (broken.has(mirror)) {
      run.stepFailed(mirror, what, broken.get(mirror));
    } else {
      mirror.achieved.add(copy.image, copy.digest);
      mirror.completed(copy.image, copy.digest);
      run.counts.copied++;
      run.copied.add(copy.digest);
      run.stepDone(mirror);
    }
  }
}

/** A mirror that lacks the digest, and what it has of it. */
interface LackingMirror {
  /** All its tags are on it there. They are set last, after all that is attached: a run has once completed it. */
  readonly isPublished: boolean;
  readonly mirror: ImageMirrorRun;
  readonly at: Remote;
  /** `partial`: the digest is there, but not under all its tags, because a run was killed between the two. */
  readonly state: "absent" | "partial" | "complete";
  /** Tags to set. */
  readonly tags: readonly string[];
  /** Manifests that it has, found by `findNeeds`. */
  readonly present: Set<Digest>;
}

/** A digest with all that is copied with it. */
interface Content {
  readonly tree: ImageTree;
  /** What is attached to it, of that only what is admitted. */
  readonly attached: readonly AdmittedAttachment[];
  /** What mirrors have attached that nobody promoted: it goes. */
  readonly strays: readonly Attachment[];
  /** What is attached by the record once the run is done; undefined: that was not looked at. */
  readonly recorded: readonly RecordedNow[] | undefined;
  readonly sources: readonly Remote[];
  /** Small blobs that this run has in memory: it has made or verified them. They are stored with the manifests that need them. */
  readonly made: ReadonlyMap<Digest, Buffer>;
}

interface RecordedNow {
  readonly digest: Digest;
  readonly kind: RecordedAttachment["kind"];
}

async function look(copy: Copy, run: ImagesRun): Promise<LackingMirror[]> {
  const mirrors = copy.mirrors.map((name) => run.mirrors.get(name)!).filter((mirror) => lives(mirror, run));
  const places = await Promise.all(
    mirrors.map(async (mirror) => {
      try {
        return await lookAt(copy, mirror, run);
      } catch (error) {
        run.context.signal.throwIfAborted();
        run.stepFailed(mirror, `${copy.image}@${copy.digest}`, error);
        return undefined;
      }
    }),
  );
  return places.filter((place) => place !== undefined);
}

async function lookAt(
  { image, digest, tags, incomplete }: Copy,
  mirror: ImageMirrorRun,
  run: ImagesRun,
): Promise<LackingMirror> {
  const { has: present, tagged: actual } = await mirror.lookup(image).find(digest, tags);
  const toSet: string[] = [];
  const there: string[] = [];
  tags.forEach((tag, index) => {
    const now = actual[index];
    if (now === digest) there.push(tag);
    else if (isFree(tag, now, image, mirror, run)) toSet.push(tag);
  });
  if (present) mirror.begun(image, digest);
  for (const tag of there) mirror.achieved.add(image, digest, tag);
  // Without a tag nothing proves that the attachments were copied too: tags are set last.
  const isPublished = tags.length > 0 && there.length === tags.length;
  const complete = present && isPublished && !incomplete.includes(mirror.name);
  if (complete) mirror.completed(image, digest);
  const state = complete ? "complete" : present ? "partial" : "absent";
  return { mirror, at: mirror.remote(image), state, tags: toSet, present: new Set(), isPublished };
}

/** Whether a tag may be set; if not, that is recorded as a failure, and the digest is copied without it. */
function isFree(tag: string, now: Digest | undefined, image: string, mirror: ImageMirrorRun, run: ImagesRun): boolean {
  const conflict = conflictOf(tag, now, image, mirror, run);
  if (conflict !== undefined) run.failures.add(mirror.name, `${image}:${tag}`, new Error(conflict));
  return conflict === undefined;
}

/**
 * Why a tag must not move to another digest; undefined if it may. It may if it is declared mutable, or if the last run or refresh found it
 * where it is now: then the plan has decided.
 */
export function conflictOf(
  tag: string,
  now: Digest | undefined,
  image: string,
  mirror: ImageMirrorRun,
  run: ImagesRun,
): string | undefined {
  if (now === undefined || run.mayMove(tag) || mirror.lastKnownTag(image, tag) === now) return undefined;
  return (
    `the tag is on ${now} there, and is not declared mutable: give the new digest another tag, or, ` +
    "if the mirror is wrong, run `pulumi refresh` and again"
  );
}

/** How many mirrors that have a digest are asked for its attachments; asking all 22 would find nothing more. */
const mostWitnesses = 3;

/**
 * Reads the manifests of the digest and of its attachments. Mirrors that have it are the first sources, as it may have expired in staging.
 * Any other mirror may still have a part: a child of the index under a tag of its own, or a layer.
 */
async function readContent(copy: Copy, places: readonly LackingMirror[], run: ImagesRun): Promise<Content> {
  const remote = ({ mirror }: { mirror: ImageMirrorRun }) => mirror.remote(copy.image);
  const whole = [
    ...run.alive(copy.holders).map((mirror) => mirror.remote(copy.image)),
    ...places.filter(({ state }) => state === "complete").map(remote),
  ];
  const partly = places.filter(({ state }) => state === "partial").map(remote);
  const staging = run.staging(copy.image);
  const alive = run.alive([...run.mirrors.keys()]);
  const siblings = alive.flatMap((mirror) => run.siblings(mirror, copy.image, copy.digest));
  const others = alive.map((mirror) => mirror.remote(copy.image));
  const sources = [...new Set([...whole, ...partly, ...(staging ? [staging] : []), ...siblings, ...others])];
  const tree = await carryForeignLayers(await readTree(sources, copy.digest), sources, staging);
  // Only layers are missing, which have no attachments.
  if (places.every(({ state }) => state === "complete"))
    return { tree, attached: [], strays: [], recorded: undefined, sources, made: new Map() };
  // An attachment that one mirror lost may be in another; one that a killed run did not copy is in staging.
  const witnesses =
    copy.incomplete.length > 0 ? [...whole, ...partly] : whole.length > 0 ? whole.slice(0, mostWitnesses) : partly;
  // A further destination of what is in production already gets the same attachments.
  if (witnesses.length === 0) witnesses.push(...siblings.slice(0, mostWitnesses));
  const { admitted, strays, recorded } = await gatherAttachments(
    copy,
    { places, whole, witnesses, sources },
    tree,
    run,
  );
  const verify = verifier(copy.digest, admitted, sources, run);
  const isNew = [copy.holders, copy.incomplete, whole, siblings].every(({ length }) => length === 0);
  if (isNew) {
    // The preview has shown the same; in between, staging may have changed. What is verified here is what is copied, by its digest.
    const errors = await unsatisfied(run.request, missingBy(verify));
    if (errors[0] !== undefined) throw new SourceError(errors[0]);
  }
  const { trust: policy, signing } = run.request;
  const read = isNew && policy?.mode === "require" ? (await verify(policy)).read : new Map<Digest, Buffer>();
  const rest = { tree, strays, sources };
  if (signing === undefined) return { ...rest, attached: admitted, recorded, made: read };
  const isPublished = copy.holders.length > 0 || places.some((place) => place.isPublished);
  const proof = await signedProof(copy, { tree, attached: admitted, sources }, run, {
    maySign: !isPublished || signing.late === true,
    verify: policy && (() => verify(policy)),
  });
  const { attached, made } = withProof(admitted, proof);
  return { ...rest, attached, recorded: [...recorded, ...attached], made: new Map([...read, ...made]) };
}

/** What mirrors and staging have attached to a digest, judged, and compared with what the last run recorded. */
async function gatherAttachments(
  copy: Copy,
  from: {
    readonly places: readonly LackingMirror[];
    /** Mirrors that have the digest with its tags. */
    readonly whole: readonly Remote[];
    /** Mirrors that are asked. */
    readonly witnesses: readonly Remote[];
    readonly sources: readonly Remote[];
  },
  { manifests }: ImageTree,
  run: ImagesRun,
): Promise<Pick<AgainstRecord, "admitted" | "strays"> & { readonly recorded: readonly RecordedNow[] }> {
  const { places, whole, witnesses, sources } = from;
  const digests = manifests.map(({ digest }) => digest);
  const inMirrors = await attachedIn(witnesses, digests, run);
  const attachments = [...inMirrors.found];
  const staging = run.staging(copy.image);
  const { record } = run;
  let isAll = inMirrors.isAll && copy.incomplete.length > 0;
  let staged: Attachment[] | undefined = [];
  const isNeeded = copy.holders.length === 0 || lostOf(record, copy, attachments).length > 0;
  if (staging && (isNeeded || mayHaveStrays(record, copy, attachments))) {
    staged = await attachedInStaging(staging, copy, digests, run).catch((error: unknown) => {
      run.context.signal.throwIfAborted();
      isAll = false;
      if (whole.length > 0) return undefined;
      throw new SourceError(error);
    });
    // A mirror that has the digest though no run of ours copied it may lack attachments. What is in production stays unless staging adds to it.
    if (whole.length > 0 || copy.incomplete.length > 0) attachments.push(...(staged ?? []));
    else attachments.unshift(...(staged ?? []));
  }
  if (run.request.signing) attachments.push(...(await leftBehind(copy, places, digests)));
  const judgement = await judged(sources, attachments, run);
  const { admitted, tolerated, strays, undecided } = againstRecord(record, copy, judgement, inMirrors.found, staged);
  const chosen = onePerTag(admitted);
  const untouched = new Set(undecided.flatMap(({ tag }) => tag ?? []));
  const kept = tolerated.map(({ digest }): RecordedNow => ({ digest, kind: "attachment" }));
  // Only who has looked everywhere may say that something is gone.
  const before = isAll ? [] : (record.of(copy.image, copy.digest)?.attachments ?? []);
  const known = before.map(({ kind, prefix }): RecordedNow => ({ digest: `sha256:${prefix}`, kind }));
  // A tag that has something else, which may be a further signature, stays on it until staging can be read.
  const copied = chosen.filter(({ tag }) => tag === undefined || !untouched.has(tag));
  return { admitted: copied, strays, recorded: [...known, ...kept, ...chosen] };
}

/**
 * What a killed run has attached in a repository that has no tag yet, where nothing else is looked for (lookup.ts): it may have signed already.
 */
async function leftBehind(copy: Copy, places: readonly LackingMirror[], digests: readonly Digest[]) {
  const [first] = places;
  if (first?.state !== "absent" || copy.tags.length === 0) return [];
  if (!(await first.mirror.lookup(copy.image).isEmpty()) || !(await headManifest(first.at, copy.digest))) return [];
  return findAttachments(first.at, digests, undefined);
}

/** What the attachments of a digest prove, by a policy. */
export type Verifier = (policy: TrustSettings) => Promise<Verification>;

/** What nothing proves of the digest, by a policy. */
export function missingBy(verify: Verifier): (policy: TrustSettings) => Promise<readonly string[]> {
  return async (policy) => (await verify(policy)).verdict.missing;
}

/** Verifies the attachments of a digest, by each policy once: their content is downloaded for it. */
export function verifier(
  digest: Digest,
  admitted: readonly AdmittedAttachment[],
  sources: readonly Remote[],
  { dependencies }: ImagesRun,
): Verifier {
  const known = new Map<TrustSettings, Promise<Verification>>();
  return (policy) => {
    const verify = async () => {
      const { roots } = await dependencies.roots(policy.trustedRoot, policy.signers);
      return verifyAttachments(digest, admitted, sources, policy, { roots, memory: dependencies.attachmentMemory });
    };
    const verification = known.get(policy) ?? verify();
    known.set(policy, verification);
    return verification;
  };
}

/** What staging has attached to a digest, judged. */
export async function stagedAttachments(
  copy: Copy,
  { manifests }: ImageTree,
  staging: Remote,
  run: ImagesRun,
): Promise<JudgedAttachments> {
  const found = await attachedInStaging(
    staging,
    copy,
    manifests.map(({ digest }) => digest),
    run,
  );
  return judgedOnePerTag([staging], found, run);
}

/** What one repository has attached to a digest itself, judged. */
export async function attachmentsAt(digest: Digest, at: Remote, run: ImagesRun): Promise<JudgedAttachments> {
  return judgedOnePerTag([at], await findAttachments(at, [digest], undefined), run);
}

async function judgedOnePerTag(...args: Parameters<typeof judged>): Promise<JudgedAttachments> {
  const all = await judged(...args);
  return { ...all, admitted: onePerTag(all.admitted) };
}

/** Judges what is attached to a digest, in whatever place. */
export async function judged(
  sources: readonly Remote[],
  attachments: readonly Attachment[],
  { request, dependencies }: ImagesRun,
): Promise<JudgedAttachments> {
  const rules = request.attachments ?? defaultAdmission;
  return judgeAttachments(sources, union(attachments), rules, dependencies.attachmentMemory);
}

/** What staging has attached to the digests. */
export async function attachedInStaging(
  staging: Remote,
  copy: Copy,
  digests: readonly Digest[],
  run: ImagesRun,
): Promise<Attachment[]> {
  const list = await run.stagingLookup(copy.image, staging).list();
  return findAttachments(staging, digests, list);
}

/**
 * What is attached to the digests in any of the mirrors, and whether all of them responded.
 * @throws SourceError if none does, or if one has more than is published: what is beyond the limit would be left out unsaid.
 */
export async function attachedIn(
  mirrors: readonly Remote[],
  digests: readonly Digest[],
  run: ImagesRun,
): Promise<{ readonly found: Attachment[]; readonly isAll: boolean }> {
  const found = await Promise.allSettled(mirrors.map((mirror) => findAttachments(mirror, digests, undefined)));
  run.context.signal.throwIfAborted();
  const lists = found.filter((result) => result.status === "fulfilled").map((result) => result.value);
  const failures = found.filter((result) => result.status === "rejected");
  const failed = failures.find(({ reason }) => reason instanceof ExcessError) ?? failures[0];
  if (failed && (lists.length === 0 || failed.reason instanceof ExcessError)) throw new SourceError(failed.reason);
  return { found: lists.flat(), isAll: failed === undefined };
}

/** Each attachment once; a tag may be on different digests in different places. */
function union(attachments: readonly Attachment[]): Attachment[] {
  const once = new Map(attachments.map((each) => [placeOf(each), each]));
  return [...once.values()];
}

/** Mirrors that have the digest under all its tags. In a bucket, a run may have been killed before it published the lists. */
async function settleComplete(copy: Copy, places: readonly LackingMirror[], run: ImagesRun): Promise<void> {
  await Promise.all(
    places.map(async ({ mirror, at, state }) => {
      if (state !== "complete") return;
      try {
        await mirror.store?.publish(at.repository.name);
        run.stepDone(mirror);
      } catch (error) {
        run.context.signal.throwIfAborted();
        run.stepFailed(mirror, `${copy.image}@${copy.digest}`, error);
      }
    }),
  );
}

/** Finds which manifests a mirror already has, where that is likely: a run may have been killed in the middle of an index. */
async function findNeeds(
  place: LackingMirror,
  { image, digest, incomplete }: Copy,
  { tree, attached }: Content,
): Promise<void> {
  const manifests = [...tree.manifests, ...attached.map(({ manifest }) => manifest)];
  await place.mirror.store?.note(image, digest, {
    manifests: manifests.map((manifest) => manifest.digest),
    blobs: [...new Set(manifests.flatMap(({ blobs }) => blobs.map((blob) => blob.digest)))],
  });
  if (place.state === "absent" && place.tags.length > 0 && (await place.mirror.lookup(image).isEmpty())) return;
  const asked = tree.manifests.filter((manifest) => manifest !== tree.root);
  if (place.state === "partial") {
    place.present.add(tree.root.digest);
    await findReferrers(place, attached);
    // The list of referrers of a bucket, or of a registry without the referrers API, may outlive what it names.
    if (place.mirror.store || incomplete.includes(place.mirror.name)) {
      const listed = manifests.filter((manifest) => place.present.delete(manifest.digest));
      await findPresent(place, listed);
    }
    const tagged = attached.filter(({ tag }) => tag !== undefined);
    asked.push(...tagged.map(({ manifest }) => manifest).filter(({ digest }) => !place.present.has(digest)));
  }
  await findPresent(place, asked);
}

async function findPresent({ at, present }: LackingMirror, manifests: readonly Manifest[]): Promise<void> {
  await Promise.all(
    manifests.map(async ({ digest }) => {
      if (await headManifest(at, digest)) present.add(digest);
    }),
  );
}

/** A referrer is present when it is listed. One that a killed run stored but did not list, where the client keeps the list, is stored again. */
async function findReferrers(place: LackingMirror, attached: readonly AdmittedAttachment[]): Promise<void> {
  const subjects = new Set(attached.filter(({ tag }) => tag === undefined).map(({ subject }) => subject));
  await Promise.all(
    [...subjects].map(async (subject) => {
      for (const digest of await listReferrers(place.at, subject)) place.present.add(digest);
    }),
  );
}

async function noteLayers(
  mirror: LayerMirrorRun,
  { image, digest }: Copy,
  { tree }: Content,
  run: ImagesRun,
): Promise<void> {
  const use = { project: run.request.project, image, digest };
  mirror.begun(image, digest);
  await Promise.all(tree.blobs.map((blob) => mirror.references.add(blob.digest, use)));
}

/** Copies each blob to all mirrors that lack it: once in a run, downloaded once for all of them. */
async function bringBlobs(
  copy: Copy,
  { tree, attached, sources, made }: Content,
  places: readonly LackingMirror[],
  layerMirrors: readonly LayerMirrorRun[],
  broken: Map<ImagesMirrorRun, unknown>,
  run: ImagesRun,
): Promise<void> {
  const wanted = new Map<Digest, { blob: Blob; places: Set<LackingMirror>; layerMirrors: readonly LayerMirrorRun[] }>();
  // What this run has in memory is stored with the manifests that need it.
  const brought = attached.map(({ manifest }) => ({
    ...manifest,
    blobs: manifest.blobs.filter(({ digest }) => !made.has(digest)),
  }));
  for (const manifest of [...tree.manifests, ...brought]) {
    // A bucket may have lost a blob of a manifest that it has; a registry has if an inventory found the digest incomplete.
    const lacking = places.filter(({ present, mirror }) => {
      const isTrusted = mirror.store === undefined && !copy.incomplete.includes(mirror.name);
      return !(isTrusted && present.has(manifest.digest)) && !broken.has(mirror);
    });
    for (const blob of manifest.blobs) {
      const entry = wanted.get(blob.digest) ?? { blob, places: new Set(), layerMirrors: [] };
      for (const place of lacking) entry.places.add(place);
      wanted.set(blob.digest, entry);
    }
  }
  for (const { digest } of tree.blobs) wanted.get(digest)!.layerMirrors = layerMirrors;
  const fail = (mirror: ImagesMirrorRun, failure: unknown) => {
    if (failure !== undefined && !broken.has(mirror)) broken.set(mirror, failure);
  };
  await Promise.all(
    [...wanted.values()].map(async (entry) => {
      const targets: BlobTarget[] = [];
      const claims = new Map<BlobTarget, { mirror: ImagesMirrorRun; settle: (failure: unknown) => void }>();
      const waits: Promise<void>[] = [];
      const { digest } = entry.blob;
      for (const { mirror, at } of entry.places) {
        const earlier = mirror.blobs.get(digest);
        if (earlier && (mirror.store || earlier.repository.name === at.repository.name)) {
          waits.push(earlier.failure.then((failure) => fail(mirror, failure)));
          continue;
        }
        const [sibling] = run.siblings(mirror, copy.image, copy.digest);
        const neighbour =
          earlier ?? (sibling && { repository: sibling.repository, failure: Promise.resolve(undefined) });
        const fresh = (mirror.lastKnown.present.get(copy.image)?.size ?? 0) === 0;
        const target = mirror.store?.target ?? new RegistryTarget(mirror.name, at, { neighbour, fresh });
        const claim = Promise.withResolvers<unknown>();
        if (!earlier) mirror.blobs.set(digest, { repository: at.repository, failure: claim.promise });
        targets.push(target);
        claims.set(target, { mirror, settle: claim.resolve });
      }
      for (const mirror of entry.layerMirrors) {
        if (broken.has(mirror)) continue;
        const earlier = mirror.blobs.get(digest);
        if (earlier) {
          waits.push(earlier.failure.then((failure) => fail(mirror, failure)));
          continue;
        }
        const claim = Promise.withResolvers<unknown>();
        mirror.blobs.set(digest, { failure: claim.promise });
        targets.push(mirror.target);
        claims.set(mirror.target, { mirror, settle: claim.resolve });
      }
      let failures = new Map<BlobTarget, unknown>();
      try {
        const received = (target: BlobTarget, bytes: number) => {
          const { mirror } = claims.get(target)!;
          mirror.bytes += bytes;
          run.report("bytes");
        };
        const dependencies = { ...run.dependencies, signal: run.context.signal };
        if (targets.length > 0)
          failures = await copyBlob({ blob: entry.blob, sources, targets, received }, dependencies);
      } catch (error) {
        failures = new Map(targets.map((target) => [target, error]));
      }
      for (const [target, { mirror, settle }] of claims) {
        const failure = failures.get(target);
        fail(mirror, failure);
        settle(failure);
      }
      await Promise.all(waits);
    }),
  );
  run.context.signal.throwIfAborted();
}

/** Makes the digest visible in one mirror. */
async function publish(
  copy: Copy,
  place: LackingMirror,
  { tree, attached, strays }: Content,
  run: ImagesRun,
): Promise<void> {
  const { mirror, at, present } = place;
  mirror.begun(copy.image, copy.digest);
  // With nothing attached, the first tag's PUT also stores the manifest.
  const rootByTag = place.tags.length > 0 && attached.length === 0;
  await pushTree(at, tree, present, rootByTag ? tree.root.digest : undefined);
  await pushAttachments(at, attached, present);
  if (strays.length > 0 && place.state === "partial") {
    const parts = await run.promotedManifests(copy.image, at);
    const own = new Set(attached.map(({ digest }) => digest));
    const isKept = (digest: Digest) =>
      parts.has(digest) || own.has(digest) || run.record.hasAnywhere(copy.image, digest);
    await removeStrays(at, strays, isKept);
  }
  for (const tag of place.tags) {
    await push(at, tree.root, tag);
    mirror.achieved.add(copy.image, copy.digest, tag);
  }
  await mirror.store?.publish(at.repository.name);
}

/** Stores the blobs that this run has in memory, once in each repository. */
async function pushMade({ mirror, at, present }: LackingMirror, { attached, made }: Content): Promise<void> {
  const lacking = attached.filter(({ digest }) => !present.has(digest)).flatMap(({ manifest }) => manifest.blobs);
  const needed = new Map(lacking.filter(({ digest }) => made.has(digest)).map((blob) => [blob.digest, blob]));
  await Promise.all(
    [...needed.values()].map((blob) => {
      const bytes = made.get(blob.digest)!;
      const put = () => mirror.store?.target.put(blob, bytes) ?? putBlob(at, blob, bytes);
      return mirror.once(at.repository, blob.digest, put);
    }),
  );
}

/** Stores manifests, each after those that it lists; the children of one index in parallel. */
async function pushTree(at: Remote, tree: ImageTree, present: ReadonlySet<Digest>, except?: Digest): Promise<void> {
  const byDigest = new Map(tree.manifests.map((manifest) => [manifest.digest, manifest]));
  const started = new Map<Digest, Promise<void>>();
  const visit = (manifest: Manifest): Promise<void> => {
    const known = started.get(manifest.digest);
    if (known) return known;
    const pushed = (async () => {
      await Promise.all(manifest.children.map((child) => visit(byDigest.get(child.digest)!)));
      if (!present.has(manifest.digest) && manifest.digest !== except) await push(at, manifest);
    })();
    started.set(manifest.digest, pushed);
    return pushed;
  };
  await visit(tree.root);
}

/** Stores attachments, each after its subject; those of one subject one after the other, because they share a list. */
async function pushAttachments(
  at: Remote,
  attached: readonly AdmittedAttachment[],
  present: ReadonlySet<Digest>,
): Promise<void> {
  const bySubject = Map.groupBy(attached, ({ subject }) => subject);
  const waiting = new Map<Digest, Promise<void>>();
  const visit = (subject: Digest): Promise<void> => {
    const known = waiting.get(subject);
    if (known) return known;
    const pushed = (async () => {
      // The subject may itself be an attachment that is being stored.
      const holder = attached.find(({ digest }) => digest === subject);
      if (holder) await visit(holder.subject);
      const unlisted: Manifest[] = [];
      for (const { manifest, tag, digest } of bySubject.get(subject)!) {
        if (tag === undefined && present.has(digest)) continue;
        const { subjectKnown } = await putManifest(at, manifest, tag);
        if (!subjectKnown) unlisted.push(manifest);
      }
      await list(at, unlisted);
    })();
    waiting.set(subject, pushed);
    return pushed;
  };
  await Promise.all([...bySubject.keys()].map(visit));
}

async function push(at: Remote, manifest: Manifest, tag?: string): Promise<void> {
  const { subjectKnown } = await putManifest(at, manifest, tag);
  if (!subjectKnown) await list(at, [manifest]);
}

/** Lists manifests as referrers of their subjects, those that have one. */
async function list(at: Remote, manifests: readonly Manifest[]): Promise<void> {
  const bySubject = Map.groupBy(manifests, ({ subject }) => subject?.digest);
  for (const [subject, referrers] of bySubject) if (subject !== undefined) await enterReferrers(at, subject, referrers);
}

async function attempt(
  mirror: ImagesMirrorRun,
  broken: Map<ImagesMirrorRun, unknown>,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!broken.has(mirror)) broken.set(mirror, error);
  }
}

/** Whether a mirror is not given up; counts the step as failed if it is. */
function lives(mirror: ImagesMirrorRun, run: ImagesRun): boolean {
  if (mirror.givenUp === undefined) return true;
  run.stepSkipped(mirror);
  return false;
}
