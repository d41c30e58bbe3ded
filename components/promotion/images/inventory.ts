import { imageName, layersFolder } from "../../../redirector/object-paths.ts";
import { causeOf } from "../http/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { isIndexType } from "../oci/manifest.ts";
import { headManifest } from "../oci/manifests.ts";
import { fallbackTag } from "../oci/referrers.ts";
import type { Remote } from "../oci/remote.ts";
import { repositoryAt } from "../oci/repository.ts";
import { listTags, type TagList } from "../oci/tags.ts";
import { InventoryFailures, inventoryOf } from "../run/inventory.ts";
import type { Context, ImagesRequest, Inventory, LayerMirror } from "../run/request.ts";
import { settleAll } from "../run/settle-all.ts";
import { readStoreAddress } from "../run/store-address.ts";
import { BucketAbsent } from "../storage/bucket.ts";
import { subjectOfTag } from "../text/oci-grammar.ts";
import { splitLines } from "../text/split-lines.ts";
import { defaultAdmission } from "./admitted-attachments.ts";
import { findAlikeStrays } from "./alike-strays.ts";
import { AttachmentRecord } from "./attachment-record.ts";
import { type Attachment, addAttached, findAttachments } from "./attachments.ts";
import { claimForOwners } from "./claim-for-owners.ts";
import { findLostBlobs } from "./deep-inventory.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Holding } from "./holding.ts";
import { ImageSources } from "./image-sources.ts";
import { difference, type LastKnownState } from "./last-known-state.ts";
import { findLateAttachments } from "./late-attachments.ts";
import { readReferences, referencesPrefix } from "./layer-references.ts";
import { addImage, type Images, type ImagesBuilder, linesOf, readImageLines, writeImageLines } from "./lines.ts";
import { mirrorRemote } from "./mirror-remote.ts";
import { nameOfDigest, RecordedInventory } from "./recorded-inventory.ts";
import { readStore, type StoreInventory } from "./store-inventory.ts";
import { placeOf } from "./stray-attachments.ts";
import { readRemains } from "./tree.ts";

/**
 * What every mirror holds of a project. Lists each repository; of a registry that lists tags only, also looks up the digest of each tag, each
 * digest without a tag, each image of an index, and the attachments of each; of the digests that the context's `deep` names, each blob, and in Google's
 * registries the referrers. Writes nothing.
 */
export async function takeImagesInventory(
  request: ImagesRequest,
  dependencies: Dependencies,
  context: Context,
): Promise<Inventory> {
  const wanted = readImageLines(request.images);
  const incompleteIn = new Map<string, ImagesBuilder>();
  const parts = new Parts();
  const stores = new Map<string, StoreInventory>();
  const failures = new InventoryFailures(request.project);
  const fail = (name: string, error: unknown) => {
    context.signal.throwIfAborted();
    failures.cannotRead(name, error);
    return undefined;
  };
  const read = await Promise.all(
    request.mirrors.map(async ({ name, repository }) => {
      try {
        const { signal } = context;
        const store = readStoreAddress(repository);
        if (store) {
          const read = await readStore(request, repository, store, wanted, dependencies, signal);
          stores.set(name, read);
          return read.holdings;
        }
        const entries = [...wanted].map(async ([image, digests]): Promise<[string, Holding]> => {
          const path = imageName(request.prefix, image);
          const at = mirrorRemote(dependencies, request.storage, repository, path, signal);
          return [image, await readHolding(at, new Set(digests.keys()), wantedTags(digests), parts)];
        });
        return new Map(await settleAll(entries));
      } catch (error) {
        return fail(name, error);
      }
    }),
  );
  const holdings = new Map(
    request.mirrors.flatMap(({ name }, index) => (read[index] === undefined ? [] : [[name, read[index]] as const])),
  );
  const notes: string[] = [];
  const record = context.attached === undefined ? undefined : new AttachmentRecord(context.attached);
  const sources = new ImageSources(request.sources, wanted);
  const stagingOf = (image: string): Remote | undefined => {
    if (request.staging === "") return undefined;
    const repository = repositoryAt(request.staging, sources.of(image));
    return { transport: dependencies.transport, repository, signal: context.signal };
  };
  const lateIn = async (
    image: string,
    digests: readonly Digest[],
    mirrors: Parameters<typeof findLateAttachments>[2],
  ) => {
    const staging = stagingOf(image);
    if (staging === undefined) return [];
    const judging = { rules: request.attachments ?? defaultAdmission, memory: dependencies.attachmentMemory };
    try {
      return await findLateAttachments(staging, digests, mirrors, parts, judging);
    } catch (error) {
      context.signal.throwIfAborted();
      notes.push(`what staging has attached to ${image} could not be looked at: ${causeOf(error)}`);
      return [];
    }
  };
  const differences = new Map<string, string>();
  for (const [image, digests] of wanted) {
    const mirrors = [...holdings].map(([name, images]) => ({ name, holding: images.get(image)! }));
    const markIncomplete = (name: string, digest: Digest) => {
      const incomplete = incompleteIn.get(name) ?? new Map();
      incompleteIn.set(name, incomplete);
      addImage(incomplete, image, digest);
    };
    let owners: ReturnType<typeof ownersOf> | undefined;
    const readOwners = () => {
      owners ??= ownersOf(mirrors, [...digests.keys()], parts);
      return owners;
    };
    await claimForOwners(mirrors, [...digests.keys()], readOwners);
    const recorded = record && new RecordedInventory(record, image, digests, stagingOf(image));
    await compareMirrors(mirrors, [...digests.keys()], parts, markIncomplete, fail, recorded);
    const deep = context.deep && [...digests.keys()].filter(context.deep);
    if (recorded) {
      if (deep) await findAlikeStrays(deep, mirrors, { parts, recorded, readOwners }, markIncomplete, fail);
      const isAll = holdings.size === request.mirrors.length && failures.areNone;
      if (isAll) recorded.compare(mirrors, markIncomplete);
      notes.push(...recorded.notes);
    }
    for (const { root, blob, mirror, what } of deep ? await findLostBlobs(deep, mirrors, fail) : []) {
      markIncomplete(mirror, root);
      notes.push(`blob ${blob} of ${nameOfDigest(image, root, digests.get(root)!)} ${what} in ${mirror}`);
    }
    for (const { root, line, mirrors: lacking } of await lateIn(image, [...digests.keys()], mirrors)) {
      for (const name of lacking) markIncomplete(name, root);
      notes.push(
        `${line} of ${nameOfDigest(image, root, digests.get(root)!)} is in staging, not in ${lacking.join(", ")}`,
      );
    }
  }
  for (const [name, images] of holdings) {
    if (failures.has(name)) continue;
    const present: ImagesBuilder = new Map();
    for (const [image, { digests }] of images) {
      for (const [digest, tags] of digests) {
        addImage(present, image, digest);
        for (const tag of tags) addImage(present, image, digest, tag);
      }
    }
    const incomplete = incompleteIn.get(name) ?? new Map();
    const left: Images = stores.get(name)?.left ?? new Map();
    for (const [image, digests] of left) {
      for (const [digest, tags] of digests) {
        for (const tag of [undefined, ...tags]) addImage(present, image, digest, tag);
        addImage(incomplete, image, digest);
      }
    }
    const compared = new Set([...wanted.keys(), ...left.keys()]);
    differences.set(name, difference(compared, wanted, present, incomplete));
  }
  await Promise.all(
    request.layerMirrors.map(async (mirror) => {
      try {
        const { present, incomplete } = await readLayers(request, mirror, dependencies, context.signal);
        differences.set(
          mirror.name,
          difference(new Set([...wanted.keys(), ...present.keys()]), wanted, present, incomplete, true),
        );
      } catch (error) {
        fail(mirror.name, error);
      }
    }),
  );
  const mirrors = [...request.mirrors, ...request.layerMirrors];
  /** The wanted lines of `image@digest`. */
  const linesAbout = (incomplete: string): string[] => {
    const [image, digest] = incomplete.split("@") as [string, string];
    return linesOf(image, digest, wanted.get(image)?.get(digest) ?? []);
  };
  const inventory = inventoryOf(mirrors, splitLines(writeImageLines(wanted)), differences, failures, linesAbout);
  return {
    ...inventory,
    ...(notes.length > 0 && { notes: notes.sort() }),
    ...(record && { attached: record.write(wanted) }),
  };
}

/** The manifests that digests consist of, each read once for all mirrors, as a digest's content is the same everywhere. */
export class Parts {
  readonly #known = new Map<Digest, Promise<{ readonly digests: readonly Digest[]; readonly isWhole: boolean }>>();

  /** The digest, and those of all manifests that it lists, whether they are there or not. */
  async of(digest: Digest, at: Remote): Promise<readonly Digest[]> {
    const known = await this.#known.get(digest)?.catch((): undefined => undefined);
    if (known?.isWhole) return known.digests;
    const reading = readRemains([at], digest).then(({ digests, lost }) => ({ digests, isWhole: lost.length === 0 }));
    this.#known.set(digest, reading);
    return (await reading).digests;
  }
}

/** Reads what a repository has. Of the digests without a tag only the wanted ones, because most registries do not list them. */
export async function readHolding(
  at: Remote,
  wanted: ReadonlySet<Digest>,
  tagsWanted: ReadonlySet<string>,
  parts: Parts,
): Promise<Holding> {
  const list = await listTags(at);
  const digests = new Map<Digest, Set<string>>();
  const found = (digest: Digest) => {
    const tags = digests.get(digest) ?? new Set<string>();
    digests.set(digest, tags);
    return tags;
  };
  const conventional: Conventional[] = [];
  const indexes = new Set<Digest>();
  const place = (tag: string, digest: Digest) => {
    const subject = tagsWanted.has(tag) ? undefined : subjectOfTag(tag);
    if (subject === undefined) found(digest).add(tag);
    else conventional.push({ tag, digest, subject });
  };
  if (list.manifests) {
    for (const [digest, { tags }] of list.manifests) {
      if (wanted.has(digest)) found(digest);
      for (const tag of tags) place(tag, digest);
    }
  } else {
    const ask = async (reference: string) => {
      const head = await headManifest(at, reference);
      if (head && wanted.has(head.digest) && isIndexType(head.mediaType)) indexes.add(head.digest);
      return head?.digest;
    };
    await settleAll(
      list.tags.map(async (tag) => {
        const digest = await ask(tag);
        if (digest !== undefined) place(tag, digest);
      }),
    );
    const unseen = list.unknown ? [] : [...wanted].filter((digest) => !digests.has(digest));
    await settleAll(
      unseen.map(async (digest) => {
        if ((await ask(digest)) !== undefined) found(digest);
      }),
    );
  }
  const byTag = await placeConventional(at, list, conventional, digests, found, parts);
  if (list.manifests)
    return { at, digests, incomplete: [], attached: byTag, showsReferrers: false, listed: listedIn(list.manifests) };
  const present = [...wanted].filter((digest) => digests.has(digest));
  const listing = new Map(
    await settleAll([...indexes].map(async (index) => [index, await parts.of(index, at)] as const)),
  );
  const inIndexes = [...new Set([...listing.values()].flat())].filter((digest) => !digests.has(digest));
  const lost = new Set<Digest>();
  await settleAll(
    inIndexes.map(async (digest) => {
      if (!(await headManifest(at, digest))) lost.add(digest);
    }),
  );
  const incomplete = [...listing].filter(([, own]) => own.some((digest) => lost.has(digest))).map(([index]) => index);
  const subjects = [...present, ...inIndexes.filter((digest) => !lost.has(digest))];
  const attached = [...byTag, ...(await withoutLost(at, await findAttachments(at, subjects, list), list))];
  return { at, digests, incomplete, attached, showsReferrers: true, listed: undefined };
}

/** Without the referrers that only a list names: where clients keep it under a tag, it outlives them. */
async function withoutLost(at: Remote, attached: readonly Attachment[], { tags }: TagList): Promise<Attachment[]> {
  const known = new Set(tags);
  const there = await settleAll(
    attached.map(async ({ tag, subject, digest }) => {
      if (tag !== undefined || !known.has(fallbackTag(subject))) return true;
      return (await headManifest(at, digest)) !== undefined;
    }),
  );
  return attached.filter((_, index) => there[index]);
}

/** A tag that names a digest by convention. */
interface Conventional {
  readonly tag: string;
  readonly digest: Digest;
  readonly subject: Digest;
}

/**
 * A tag that names a digest by convention belongs to that subject if the subject is there, is listed by an index that is there, or is an
 * attachment itself. Of a subject that is there without a tag only its attachments tell: a killed run left it. Any other tag is unmanaged.
 * @returns the attachments by tag.
 */
async function placeConventional(
  at: Remote,
  list: TagList,
  conventional: readonly Conventional[],
  digests: ReadonlyMap<Digest, unknown>,
  found: (digest: Digest) => Set<string>,
  parts: Parts,
): Promise<Attachment[]> {
  const ours = new Set(digests.keys());
  const unowned = () => {
    addAttached(ours, conventional);
    return conventional.filter(({ subject }) => !ours.has(subject));
  };
  if (unowned().length > 0) {
    const lists = await Promise.allSettled([...digests.keys()].map((digest) => parts.of(digest, at)));
    at.signal.throwIfAborted();
    for (const own of lists) if (own.status === "fulfilled") for (const digest of own.value) ours.add(digest);
    // A tag may name a referrer, which no list of tags shows.
    if (unowned().length > 0) for (const { digest } of await findAttachments(at, [...ours], list)) ours.add(digest);
    await settleAll(
      [...new Set(unowned().map(({ subject }) => subject))].map(async (subject) => {
        const isThere = list.manifests ? list.manifests.has(subject) : (await headManifest(at, subject)) !== undefined;
        if (!isThere) return;
        found(subject);
        ours.add(subject);
      }),
    );
    for (const { tag, digest } of unowned()) found(digest).add(tag);
  }
  // A tag without a suffix is the list of referrers.
  return conventional.filter(({ subject, tag }) => ours.has(subject) && tag.includes("."));
}

function listedIn(manifests: NonNullable<TagList["manifests"]>): NonNullable<Holding["listed"]> {
  const untagged = [...manifests].filter(([, { tags }]) => tags.length === 0).map(([digest]) => digest);
  return { all: new Set(manifests.keys()), untagged: new Set(untagged) };
}

/** Mirrors must hold the same attachments and the same children of indexes; a digest that lacks some in a mirror is incomplete there. */
async function compareMirrors(
  mirrors: readonly { name: string; holding: Holding }[],
  wanted: readonly Digest[],
  parts: Parts,
  markIncomplete: (name: string, digest: Digest) => void,
  fail: (name: string, error: unknown) => void,
  recorded: RecordedInventory | undefined,
): Promise<void> {
  for (const { name, holding } of mirrors) for (const digest of holding.incomplete) markIncomplete(name, digest);
  let owners: Promise<Map<Digest, Set<Digest>>> | undefined;
  const readOwners = () => (owners ??= ownersOf(mirrors, wanted, parts));
  await compareAttachments(mirrors, wanted, readOwners, markIncomplete, recorded);
  await compareUntagged(mirrors, readOwners, markIncomplete, fail, recorded);
}

/** For each manifest, the wanted digests that it is a part of. */
async function ownersOf(
  mirrors: readonly { holding: Holding }[],
  wanted: readonly Digest[],
  parts: Parts,
): Promise<Map<Digest, Set<Digest>>> {
  const owners = new Map<Digest, Set<Digest>>();
  await settleAll(
    wanted.map(async (root) => {
      for (const { holding } of mirrors.filter(({ holding }) => holding.digests.has(root))) {
        for (const part of await parts.of(root, holding.at)) addOwner(owners, part, root);
      }
    }),
  );
  return owners;
}

function addOwner(owners: Map<Digest, Set<Digest>>, part: Digest, root: Digest): void {
  owners.set(part, (owners.get(part) ?? new Set()).add(root));
}

async function compareAttachments(
  mirrors: readonly { name: string; holding: Holding }[],
  wanted: readonly Digest[],
  readOwners: () => Promise<ReadonlyMap<Digest, ReadonlySet<Digest>>>,
  markIncomplete: (name: string, digest: Digest) => void,
  recorded: RecordedInventory | undefined,
): Promise<void> {
  const union = new Map(
    mirrors.flatMap(({ holding }) => holding.attached.map((each) => [placeOf(each), each] as const)),
  );
  const above = new Map([...union.values()].map(({ digest, subject }) => [digest, subject]));
  const roots = new Set(wanted);
  const climb = (subject: Digest): Digest => {
    let current = subject;
    // Tags can form a cycle.
    const passed = new Set<Digest>();
    while (!roots.has(current) && !passed.has(current)) {
      passed.add(current);
      current = above.get(current) ?? current;
    }
    return current;
  };
  /** The wanted digests that something is attached to, directly, or through another attachment or a child of an index. */
  const rootsOf = async (subject: Digest): Promise<Iterable<Digest>> => {
    const current = climb(subject);
    return roots.has(current) ? [current] : ((await readOwners()).get(current) ?? []);
  };
  recorded?.adopt(union.values(), (subject) => {
    const root = climb(subject);
    return roots.has(root) ? root : undefined;
  });
  const placesIn = new Map(mirrors.map(({ holding }) => [holding, new Set(holding.attached.map(placeOf))]));
  const strays = new Set<string>();
  for (const [key, attachment] of recorded ? union : []) {
    if (!recorded!.mayBeStray(attachment)) continue;
    const holders = mirrors.filter(({ holding }) => placesIn.get(holding)!.has(key));
    const owners = [...(await rootsOf(attachment.subject))];
    if (!(await recorded!.isStray(attachment, owners, holders, readOwners))) continue;
    strays.add(key);
    markIn(holders, owners, markIncomplete);
  }
  for (const mirror of mirrors) {
    const { holding } = mirror;
    for (const [key, { subject, tag, digest }] of union) {
      if (placesIn.get(holding)!.has(key) || strays.has(key)) continue;
      // Of Google's registries the list tells of a referrer that it is there.
      if (tag === undefined && !holding.showsReferrers && holding.listed?.all.has(digest)) continue;
      markIn([mirror], await rootsOf(subject), markIncomplete);
    }
  }
}

/** Google's lists name every manifest: only where they differ between mirrors are the owners of manifests looked up. */
async function compareUntagged(
  mirrors: readonly { name: string; holding: Holding }[],
  readOwners: () => Promise<ReadonlyMap<Digest, ReadonlySet<Digest>>>,
  markIncomplete: (name: string, digest: Digest) => void,
  fail: (name: string, error: unknown) => void,
  recorded: RecordedInventory | undefined,
): Promise<void> {
  const listed = mirrors.filter(({ holding }) => holding.listed);
  const union = new Set(listed.flatMap(({ holding }) => [...holding.listed!.untagged]));
  const lacking = listed.flatMap(({ name, holding }) => {
    const lacks = [...union].filter((digest) => !holding.listed!.all.has(digest));
    return lacks.length > 0 ? [{ name, holding, lacks }] : [];
  });
  if (lacking.length === 0) return;
  const parts = await readOwners();
  const owners = new Map([...parts].map(([part, roots]) => [part, new Set(roots)]));
  for (const { name, holding } of listed) {
    try {
      const there = [...parts].filter(([part]) => holding.listed!.all.has(part));
      await settleAll(
        there.map(async ([part, roots]) => {
          for (const { digest } of await findAttachments(holding.at, [part], undefined)) {
            for (const root of roots) addOwner(owners, digest, root);
          }
        }),
      );
    } catch (error) {
      fail(name, error);
    }
  }
  const strays = new Set<Digest>();
  for (const digest of recorded ? new Set(lacking.flatMap(({ lacks }) => lacks)) : []) {
    if (!recorded!.mayBeStray({ digest, subject: digest })) continue;
    const roots = [...(owners.get(digest) ?? [])];
    const holders = listed.filter(({ holding }) => holding.listed!.all.has(digest));
    if (!(await recorded!.isStray({ digest, subject: roots[0] ?? digest }, roots, holders, readOwners))) continue;
    strays.add(digest);
    markIn(holders, roots, markIncomplete);
  }
  for (const mirror of lacking)
    for (const digest of mirror.lacks)
      if (!strays.has(digest)) markIn([mirror], owners.get(digest) ?? [], markIncomplete);
}

/** Marks digests as incomplete in those of the mirrors that have them. */
function markIn(
  mirrors: readonly { readonly name: string; readonly holding: Holding }[],
  roots: Iterable<Digest>,
  markIncomplete: (name: string, digest: Digest) => void,
): void {
  for (const root of roots)
    for (const { name, holding } of mirrors) if (holding.digests.has(root)) markIncomplete(name, root);
}

/** The digests of a project that an S3 mirror has references of; incomplete, where it lacks a referenced layer. */
async function readLayers(
  request: ImagesRequest,
  { bucket: bucketName, region }: LayerMirror,
  dependencies: Dependencies,
  signal: AbortSignal,
): Promise<LastKnownState> {
  const bucket = dependencies.bucket(request.storage, bucketName, region);
  const keys = (prefix: string) =>
    dependencies.keys(bucket, prefix, signal).catch((error: unknown): readonly string[] => {
      if (error instanceof BucketAbsent) return []; // a lost region's bucket; the next run fills the new one
      throw error;
    });
  const [layerKeys, referenceKeys] = await Promise.all([keys(layersFolder), keys(referencesPrefix)]);
  const layers = once(layersOf, layerKeys);
  const uses = new Map<string, string[]>();
  for (const { layer, use } of once(readReferences, referenceKeys).get(request.project) ?? []) {
    const needed = uses.get(use) ?? [];
    uses.set(use, needed);
    needed.push(layer);
  }
  const present: ImagesBuilder = new Map();
  const incomplete: ImagesBuilder = new Map();
  for (const [use, needed] of uses) {
    const [image, digest] = use.split("@") as [string, string];
    addImage(present, image, digest);
    if (!needed.every((layer) => layers.has(layer))) addImage(incomplete, image, digest);
  }
  return { present, incomplete };
}

/** What is derived from a listing, once for all projects that share it. */
const made = new WeakMap<readonly string[], unknown>();

function once<Made>(make: (keys: readonly string[]) => Made, keys: readonly string[]): Made {
  const known = (made.get(keys) as Made | undefined) ?? make(keys);
  made.set(keys, known);
  return known;
}

function layersOf(keys: readonly string[]): ReadonlySet<string> {
  return new Set(keys.map((key) => key.slice(layersFolder.length)));
}

function wantedTags(digests: ReadonlyMap<Digest, ReadonlySet<string>>): ReadonlySet<string> {
  return new Set([...digests.values()].flatMap((tags) => [...tags]));
}
