import { addImage, type Images, type ImagesBuilder, readImageLines, tagsOf, writeImageLines } from "./image-lines.ts";
import { countRemovals } from "./image-removals.ts";
import type { Digest } from "./oci/digest.ts";
import { guardRemoval } from "./removal-guard.ts";
import type { ImagesRequest, Incomplete, Previous } from "./request.ts";
import { tagMatcher } from "./tag-patterns.ts";

/** A digest that some mirrors lack, with all the tags it is to have there. */
export interface Copy {
  readonly image: string;
  readonly digest: Digest;
  readonly tags: readonly string[];
  /** Image mirrors that lack it, canonical first. */
  readonly mirrors: readonly string[];
  /** Image mirrors that are believed to have it, canonical first. */
  readonly holders: readonly string[];
  /** S3 mirrors that lack its layers. */
  readonly layerMirrors: readonly string[];
  /** Those of the mirrors that have the digest, but not with all that it lists or that is attached to it. */
  readonly damaged: readonly string[];
}

/** A tag that some mirrors lack, or have on another digest, of a digest that they have. */
export interface Retag {
  readonly image: string;
  readonly tag: string;
  readonly digest: Digest;
  readonly mirrors: readonly string[];
}

/** A tag that is no longer wanted. */
export interface Untag {
  readonly image: string;
  readonly tag: string;
  readonly mirrors: readonly string[];
}

/** A digest that is no longer wanted. */
export interface Removal {
  readonly image: string;
  readonly digest: Digest;
  readonly mirrors: readonly string[];
  readonly layerMirrors: readonly string[];
}

/** What to do so that every mirror holds what is wanted, in this order: copies and tags, then what goes. Plain data but for the maps. */
export interface ImagePlan {
  readonly wanted: Images;
  /** What each mirror (of images or layers) is believed to hold before the run. */
  readonly believed: ReadonlyMap<string, Images>;
  /** What they are believed to hold in part only: {@link damageKey}. */
  readonly damaged: ReadonlySet<string>;
  readonly copies: readonly Copy[];
  readonly retags: readonly Retag[];
  readonly untags: readonly Untag[];
  readonly removals: readonly Removal[];
  /** Why the plan must not be carried out. */
  readonly errors: readonly string[];
}

/**
 * Plans the way from what the last run knew to what is wanted. Asks nobody: a mirror that is new, or all when there was no last
 * run, is believed to be empty, and shows in the copying what it has.
 * @throws RemovalRefused at the removal guard, Error for lines that cannot be read.
 */
export function planImages(request: ImagesRequest, previous: Previous<ImagesRequest> | undefined): ImagePlan {
  const wanted = readImageLines(request.images);
  const { believed, damaged } = believe(request, previous);
  const asked = previous ? readImageLines(previous.request.images) : new Map<string, never>();
  const steps = new Steps(damaged);
  for (const { name } of request.mirrors) steps.mirror(name, wanted, believed.get(name)!);
  for (const { name } of request.layerMirrors) steps.layerMirror(name, wanted, believed.get(name)!);
  const { removing, present } = countRemovals(wanted, believed.values());
  guardRemoval(request.project, "tags and digests", removing, present, request.removalShare);
  return { wanted, believed, damaged, ...steps.all(), errors: [...movedTags(request, wanted, asked, believed)] };
}

/** Whether there is anything to do. */
export function isEmptyPlan({ copies, retags, untags, removals }: ImagePlan): boolean {
  return copies.length + retags.length + untags.length + removals.length === 0;
}

/** The plan for people, one line a step. */
export function printPlan(plan: ImagePlan): string[] {
  const to = (mirrors: readonly string[]) => mirrors.join(", ");
  return [
    ...plan.copies.map(({ image, digest, tags, mirrors, layerMirrors }) => {
      const names = tags.length > 0 ? ` as ${tags.join(", ")}` : "";
      return `copy ${image}@${digest}${names} to ${to([...mirrors, ...layerMirrors])}`;
    }),
    ...plan.retags.map(({ image, tag, digest, mirrors }) => `tag ${image}@${digest} as ${tag} in ${to(mirrors)}`),
    ...plan.untags.map(({ image, tag, mirrors }) => `remove tag ${image}:${tag} from ${to(mirrors)}`),
    ...plan.removals.map(({ image, digest, mirrors, layerMirrors }) => {
      return `remove ${image}@${digest} from ${to([...mirrors, ...layerMirrors])}`;
    }),
  ];
}

/**
 * What is missing (`+ `), too much (`- `) or there in part (`~ `) in a mirror, as {@link Incomplete} has it; "" when it is as wanted.
 * @param parts what of the held is there in part only.
 */
export function difference(wanted: Images, held: Images, parts: Images = new Map()): string {
  const want = new Set(writeImageLines(wanted).split("\n"));
  const have = new Set(writeImageLines(held).split("\n"));
  const missing = [...want].filter((line) => !have.has(line)).map((line) => `+ ${line}\n`);
  const extra = [...have].filter((line) => !want.has(line)).map((line) => `- ${line}\n`);
  const damaged: string[] = [];
  for (const [image, digests] of parts) for (const digest of digests.keys()) damaged.push(`~ ${image}@${digest}\n`);
  return [...missing, ...extra, ...damaged.sort()].join("");
}

interface Belief {
  readonly believed: Map<string, Images>;
  readonly damaged: ReadonlySet<string>;
}

/** Names a digest of an image that a mirror holds in part. */
export function damageKey(mirror: string, image: string, digest: Digest): string {
  return `${mirror} ${image}@${digest}`;
}

function believe(request: ImagesRequest, previous: Previous<ImagesRequest> | undefined): Belief {
  const known = new Map<string, string>();
  if (previous && previous.request.prefix === request.prefix) {
    for (const { name, repository } of previous.request.mirrors) known.set(name, repository);
    for (const { name, bucket } of previous.request.layerMirrors) known.set(name, `s3:${bucket}`);
  }
  const places = [
    ...request.mirrors.map(({ name, repository }) => [name, repository] as const),
    ...request.layerMirrors.map(({ name, bucket }) => [name, `s3:${bucket}`] as const),
  ];
  const believed = new Map<string, Images>();
  const damaged = new Set<string>();
  for (const [name, place] of places) {
    const isKnown = previous && known.get(name) === place;
    believed.set(name, isKnown ? held(previous.request.images, previous.incomplete, name, damaged) : new Map());
  }
  return { believed, damaged };
}

/** The lines that were wanted, corrected by what is known to differ in this mirror; what is there in part goes into `damaged` too. */
function held(text: string, incomplete: Incomplete, mirror: string, damaged: Set<string>): Images {
  const differs = incomplete[mirror] ?? "";
  if (differs === "") return readImageLines(text);
  const lines = new Set(text.split("\n"));
  const parts: string[] = [];
  for (const line of differs.split("\n")) {
    const rest = line.slice(2);
    if (line.startsWith("+ ")) lines.delete(rest);
    else if (line.startsWith("- ")) lines.add(rest);
    else if (line.startsWith("~ ")) parts.push(rest);
    else if (line !== "") throw new Error(`"${line}" in the record of ${mirror} begins with none of "+ ", "- ", "~ "`);
  }
  const images = builderOf(readImageLines([...lines].join("\n")));
  for (const [image, digests] of readImageLines(parts.join("\n"))) {
    for (const digest of digests.keys()) {
      addImage(images, image, digest);
      damaged.add(damageKey(mirror, image, digest));
    }
  }
  return images;
}

/** Collects the same step of several mirrors into one. */
class Steps {
  readonly #damaged: ReadonlySet<string>;
  readonly #copies = new Map<
    string,
    { step: Copy } & Record<"mirrors" | "holders" | "layerMirrors" | "damaged", string[]>
  >();
  readonly #retags = new Map<string, { step: Retag; mirrors: string[] }>();
  readonly #untags = new Map<string, { step: Untag; mirrors: string[] }>();
  readonly #removals = new Map<string, { step: Removal; mirrors: string[]; layerMirrors: string[] }>();
  readonly #holders = new Map<string, string[]>();

  constructor(damaged: ReadonlySet<string>) {
    this.#damaged = damaged;
  }

  mirror(name: string, wanted: Images, held: Images): void {
    for (const [image, digests] of wanted) {
      const has = held.get(image);
      const hasTags = tagsOf(has);
      for (const [digest, tags] of digests) {
        const isDamaged = this.#damaged.has(damageKey(name, image, digest));
        if (!has?.has(digest) || isDamaged) {
          const copy = this.#copy(image, digest, tags);
          copy.mirrors.push(name);
          if (isDamaged) copy.damaged.push(name);
          continue;
        }
        getOrAdd(this.#holders, `${image}@${digest}`, () => []).push(name);
        for (const tag of tags) {
          if (hasTags.get(tag) === digest) continue;
          const mirrors: string[] = [];
          const retag = () => ({ step: { image, tag, digest, mirrors }, mirrors });
          getOrAdd(this.#retags, `${image}:${tag}`, retag).mirrors.push(name);
        }
      }
    }
    for (const [image, digests] of held) {
      const wantedTags = tagsOf(wanted.get(image));
      for (const [digest, tags] of digests) {
        for (const tag of tags) {
          if (wantedTags.has(tag)) continue;
          const mirrors: string[] = [];
          getOrAdd(this.#untags, `${image}:${tag}`, () => ({ step: { image, tag, mirrors }, mirrors })).mirrors.push(
            name,
          );
        }
        if (!wanted.get(image)?.has(digest)) this.#removal(image, digest).mirrors.push(name);
      }
    }
  }

  layerMirror(name: string, wanted: Images, held: Images): void {
    for (const [image, digests] of wanted) {
      for (const [digest, tags] of digests) {
        const isDamaged = this.#damaged.has(damageKey(name, image, digest));
        if (held.get(image)?.has(digest) && !isDamaged) continue;
        const copy = this.#copy(image, digest, tags);
        copy.layerMirrors.push(name);
        if (isDamaged) copy.damaged.push(name);
      }
    }
    for (const [image, digests] of held) {
      for (const digest of digests.keys()) {
        if (!wanted.get(image)?.has(digest)) this.#removal(image, digest).layerMirrors.push(name);
      }
    }
  }

  all() {
    return {
      copies: [...this.#copies].map(([key, { step, holders }]) => {
        holders.push(...(this.#holders.get(key) ?? []));
        return step;
      }),
      retags: [...this.#retags.values()].map(({ step }) => step),
      untags: [...this.#untags.values()].map(({ step }) => step),
      removals: [...this.#removals.values()].map(({ step }) => step),
    };
  }

  #copy(image: string, digest: Digest, tags: ReadonlySet<string>) {
    return getOrAdd(this.#copies, `${image}@${digest}`, () => {
      const lists = {
        mirrors: [] as string[],
        holders: [] as string[],
        layerMirrors: [] as string[],
        damaged: [] as string[],
      };
      return { step: { image, digest, tags: [...tags].sort(), ...lists }, ...lists };
    });
  }

  #removal(image: string, digest: Digest) {
    return getOrAdd(this.#removals, `${image}@${digest}`, () => {
      const lists = { mirrors: [] as string[], layerMirrors: [] as string[] };
      return { step: { image, digest, ...lists }, ...lists };
    });
  }
}

/**
 * Tags that would move though they must not. Only a digest that was promoted under the tag, and is there, counts: what someone
 * else has put under it is repaired, and a promotion that never succeeded may be corrected.
 */
function* movedTags(
  request: ImagesRequest,
  wanted: Images,
  asked: Images,
  believed: ReadonlyMap<string, Images>,
): Generator<string> {
  const mayMove = tagMatcher(request.mutableTags);
  for (const [image, digests] of wanted) {
    const before = tagsOf(asked.get(image));
    if (before.size === 0) continue;
    for (const [digest, tags] of digests) {
      for (const tag of tags) {
        const old = before.get(tag);
        if (old === undefined || old === digest || mayMove(tag)) continue;
        const isThere = request.mirrors.some(({ name }) => believed.get(name)?.get(image)?.get(old)?.has(tag));
        if (!isThere) continue;
        const how = `give the new digest another tag, or add "${tag}" to mutableTags in project.yaml`;
        yield `${request.project}: tag ${image}:${tag} would move from ${old} to ${digest}, but it is not declared mutable: ${how}`;
      }
    }
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

/** A copy of {@link Images} to which a run enters what it has achieved. */
export function builderOf(images: Images): ImagesBuilder {
  return new Map(
    [...images].map(([image, digests]) => [image, new Map([...digests].map(([d, tags]) => [d, new Set(tags)]))]),
  );
}
