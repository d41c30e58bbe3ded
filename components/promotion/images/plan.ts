import type { Digest } from "../oci/digest.ts";
import { failureLine } from "../run/failures.ts";
import { guardRemoval, withdrawnReferences } from "../run/removal-guard.ts";
import type { ImagesRequest, Previous } from "../run/request.ts";
import { globMatcher } from "../text/glob-matcher.ts";
import { type LastKnownState, lastKnownStates } from "./last-known-state.ts";
import { type Images, readImageLines, tagsOf } from "./lines.ts";
import { differingImages } from "./present-images.ts";
import { countRemovals } from "./removals.ts";

/** A digest that some mirrors lack, with all its wanted tags. */
export interface Copy {
  readonly image: string;
  readonly digest: Digest;
  readonly tags: readonly string[];
  /** Image mirrors that lack it, canonical first. */
  readonly mirrors: readonly string[];
  /** Image mirrors that have it by their last known state, canonical first. */
  readonly holders: readonly string[];
  /** S3 mirrors that lack its layers. */
  readonly layerMirrors: readonly string[];
  /** Those of the mirrors that have the digest, but lack something that it lists or that is attached to it. */
  readonly incomplete: readonly string[];
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

/** The steps after which every mirror holds what is wanted: copies and tags, then removals. */
export interface ImagePlan {
  readonly wanted: Images;
  /** What each mirror (of images or layers) held when the last run or refresh ended. */
  readonly lastKnown: ReadonlyMap<string, LastKnownState>;
  /** The images in which a last known state differs from what is wanted. */
  readonly differing: ReadonlyMap<LastKnownState, ReadonlySet<string>>;
  readonly copies: readonly Copy[];
  readonly retags: readonly Retag[];
  readonly untags: readonly Untag[];
  readonly removals: readonly Removal[];
  /** What is attached to what is promoted, as the last run or refresh recorded it; undefined: it did not. */
  readonly attached: string | undefined;
  /** Why the plan must not be carried out. */
  readonly errors: readonly string[];
}

/**
 * Plans the steps from the last known states to what is wanted, without any request: a mirror that is new, or all when there was no last
 * run, counts as empty: the copying finds what it has.
 * @throws RemovalRefused at the removal guard, Error for lines that cannot be read.
 */
export function planImages(request: ImagesRequest, previous: Previous<ImagesRequest> | undefined): ImagePlan {
  const wanted = readImageLines(request.images);
  const lastKnown = lastKnownStates(request, previous);
  const states = new Set(lastKnown.values());
  const differing = new Map([...states].map((state) => [state, differingImages(wanted, state.present)]));
  const steps = new Steps();
  for (const state of states) {
    const sharing = ({ name }: { name: string }) => lastKnown.get(name) === state;
    const images = new Set([...differing.get(state)!, ...state.incomplete.keys()]);
    steps.plan(wanted, state, images, request.mirrors.filter(sharing), request.layerMirrors.filter(sharing));
  }
  const { removing, present } = countRemovals(
    wanted,
    [...states].map(({ present }) => present),
    withdrawnReferences(request.withdrawn),
  );
  guardRemoval(request.project, "tags and digests", removing, present, request.removalShare);
  const asked = previous ? readImageLines(previous.request.images) : new Map<string, never>();
  const errors = [...movedTags(request, wanted, asked, globMatcher(previous?.request.mutableTags ?? []), lastKnown)];
  // Under another prefix all is promoted anew.
  const attached = previous?.request.prefix === request.prefix ? previous.attached : undefined;
  return { wanted, lastKnown, differing, ...steps.all(request, lastKnown), attached, errors };
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

/** A step whose lists of mirrors are still being built. */
type Open<Step> = { -readonly [Key in keyof Step]: Step[Key] extends readonly string[] ? string[] : Step[Key] };

/** Merges equal steps of several mirrors into one. */
class Steps {
  readonly #copies = new Map<string, Open<Copy>>();
  readonly #retags = new Map<string, Open<Retag>>();
  readonly #untags = new Map<string, Open<Untag>>();
  readonly #removals = new Map<string, Open<Removal>>();

  /** Adds what mirrors with the same last known state need. */
  plan(
    wanted: Images,
    { present, incomplete }: LastKnownState,
    images: ReadonlySet<string>,
    mirrors: readonly { name: string }[],
    layerMirrors: readonly { name: string }[],
  ): void {
    const names = mirrors.map(({ name }) => name);
    const layerNames = layerMirrors.map(({ name }) => name);
    for (const image of images) {
      const has = present.get(image);
      const hasTags = tagsOf(has);
      const wants = wanted.get(image);
      const wantsTags = tagsOf(wants);
      for (const [digest, tags] of wants ?? []) {
        const isIncomplete = incomplete.get(image)?.has(digest) ?? false;
        if (!has?.has(digest) || isIncomplete) {
          const copy = this.#copy(image, digest, tags);
          copy.mirrors.push(...names);
          copy.layerMirrors.push(...layerNames);
          if (isIncomplete) copy.incomplete.push(...names, ...layerNames);
          continue;
        }
        for (const tag of tags) {
          if (hasTags.get(tag) !== digest) this.#retag(image, tag, digest).mirrors.push(...names);
        }
      }
      for (const [digest, tags] of has ?? []) {
        for (const tag of tags) if (!wantsTags.has(tag)) this.#untag(image, tag).mirrors.push(...names);
        if (wants?.has(digest)) continue;
        const removal = this.#removal(image, digest);
        removal.mirrors.push(...names);
        removal.layerMirrors.push(...layerNames);
      }
    }
  }

  /** The steps, mirrors in the request's order: canonical first. */
  all({ mirrors, layerMirrors }: ImagesRequest, lastKnown: ReadonlyMap<string, LastKnownState>) {
    const order = new Map([...mirrors, ...layerMirrors].map(({ name }, index) => [name, index]));
    const sort = (names: string[]) => names.sort((one, other) => order.get(one)! - order.get(other)!);
    for (const copy of this.#copies.values()) {
      for (const { name } of mirrors) {
        const { present, incomplete } = lastKnown.get(name)!;
        const isPresent = present.get(copy.image)?.has(copy.digest) && !incomplete.get(copy.image)?.has(copy.digest);
        if (isPresent) copy.holders.push(name);
      }
      for (const names of [copy.mirrors, copy.layerMirrors, copy.incomplete]) sort(names);
    }
    for (const { mirrors, layerMirrors } of this.#removals.values())
      for (const names of [mirrors, layerMirrors]) sort(names);
    for (const { mirrors } of [...this.#retags.values(), ...this.#untags.values()]) sort(mirrors);
    return {
      copies: [...this.#copies.values()],
      retags: [...this.#retags.values()].filter(hasMirrors),
      untags: [...this.#untags.values()].filter(hasMirrors),
      removals: [...this.#removals.values()],
    };
  }

  #copy(image: string, digest: Digest, tags: ReadonlySet<string>): Open<Copy> {
    const lists = { mirrors: [], holders: [], layerMirrors: [], incomplete: [] };
    return getOrAdd(this.#copies, `${image}@${digest}`, () => ({ image, digest, tags: [...tags].sort(), ...lists }));
  }

  #retag(image: string, tag: string, digest: Digest): Open<Retag> {
    return getOrAdd(this.#retags, `${image}:${tag}`, () => ({ image, tag, digest, mirrors: [] }));
  }

  #untag(image: string, tag: string): Open<Untag> {
    return getOrAdd(this.#untags, `${image}:${tag}`, () => ({ image, tag, mirrors: [] }));
  }

  #removal(image: string, digest: Digest): Open<Removal> {
    return getOrAdd(this.#removals, `${image}@${digest}`, () => ({ image, digest, mirrors: [], layerMirrors: [] }));
  }
}

/** Mirrors of layers have no tags: a step on tags may be left without mirrors. */
function hasMirrors({ mirrors }: { readonly mirrors: readonly string[] }): boolean {
  return mirrors.length > 0;
}

/**
 * Tags that would move though they must not. Only a digest that was promoted under the tag, and is there, counts: a tag that somebody else
 * moved is repaired, and a promotion that never succeeded may be corrected.
 */
function* movedTags(
  request: ImagesRequest,
  wanted: Images,
  asked: Images,
  mayMoveBefore: (tag: string) => boolean,
  lastKnown: ReadonlyMap<string, LastKnownState>,
): Generator<string> {
  // A change that declares a tag mutable does not move it too: what the last run was told counts as well.
  const declared = globMatcher(request.mutableTags);
  const mayMove = (tag: string) => declared(tag) && mayMoveBefore(tag);
  for (const [image, digests] of wanted) {
    const before = tagsOf(asked.get(image));
    if (before.size === 0) continue;
    for (const [digest, tags] of digests) {
      for (const tag of tags) {
        const old = before.get(tag);
        if (old === undefined || old === digest || mayMove(tag)) continue;
        const isThere = request.mirrors.some(({ name }) => lastKnown.get(name)?.present.get(image)?.get(old)?.has(tag));
        if (!isThere) continue;
        const how = declared(tag)
          ? "mutableTags of project.yaml counts from the run after the one that changes it: move the tag in a change of its own"
          : `give the new digest another tag, or add "${tag}" to mutableTags in project.yaml, in a change before this one`;
        const what = `would move from ${old} to ${digest}, but it is not declared mutable: ${how}`;
        yield failureLine({ project: request.project }, `tag ${image}:${tag} ${what}`);
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
