import {
  isPublishedFile,
  keyOfAttachedBlob,
  keyOfDigest,
  keyOfFile,
  keyOfRepository,
  keyOfTag,
} from "../presence-format.ts";

/** What of a check matters here. */
export interface PublishedCheck {
  /** Name of the mirror. */
  readonly asked: string;
  readonly url: string;
  readonly route?: { readonly kind: "manifest" | "blob" | "file"; readonly path: string };
  /** The mirror holds image layers only. */
  readonly layer?: boolean;
  /** The object's keys, once they were needed. */
  published?: readonly number[] | undefined;
}

/** A presence document, and what the index says of its project. */
export interface PublishedDocument {
  /** Names of the mirrors that hold all of the project. */
  readonly mirrors: ReadonlySet<string>;
  /** Names of the mirrors that hold a part of it; undefined: none. */
  readonly filling?: ReadonlySet<string>;
  /** The keys of its objects; undefined: as before. */
  readonly keys?: Float64Array | undefined;
}

/** Of each key this many bits are kept: with the document that is 53 bits, an integer that a double holds exactly. */
const droppedBits = 2 ** 8;
const mostDocuments = 2 ** 13;

/** How long a mirror that lacks what it should have is asked for each object again. */
const doubtMs = 600_000;

/**
 * The objects that promotions have published, and where. Eight bytes for each: one sorted array of 40 bits of the object's key and 13 of the document
 * that has it, because all objects of a project are in the same mirrors. Of 1,000,000 objects, an unpublished one is taken for a published one with a probability
 * of one in a million; its mirror then says that it does not have it.
 */
export class PublishedObjects {
  readonly #now: () => number;
  #table = new Float64Array(0);
  readonly #ids = new Map<string, number>();
  readonly #mirrors: (Placed | undefined)[] = [];
  readonly #doubted = new Map<string, number>();
  readonly #samples = new Map<string, PublishedCheck>();

  /** `now` is in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Number of objects. */
  get size(): number {
    return this.#table.length;
  }

  /**
   * Whether a mirror has an object, as far as the documents tell. `absent`: it is published, but not there. Undefined: it is not published, or this mirror
   * lost something, or is being filled.
   */
  presence(check: PublishedCheck): "present" | "absent" | undefined {
    if (this.#table.length === 0) return undefined;
    check.published ??= keysOf(check);
    let isKnown = false;
    let isFilling = false;
    for (const key of check.published) {
      for (let at = this.#lowerBound(key); at < this.#table.length && keyIn(this.#table[at]!) === key; at++) {
        isKnown = true;
        const holders = this.#mirrors[this.#table[at]! % mostDocuments];
        if (!holders?.mirrors.has(check.asked)) {
          if (holders?.filling?.has(check.asked)) isFilling = true;
          continue;
        }
        if (this.#isDoubted(check.asked)) return undefined;
        if (!this.#samples.has(check.asked)) this.#samples.set(check.asked, check);
        return "present";
      }
    }
    return isKnown && !isFilling ? "absent" : undefined;
  }

  /** Names of the mirrors that an object was promoted to, or while there are none, those that are being filled with it; undefined: it is not published. */
  holders(check: Pick<PublishedCheck, "route" | "layer" | "published">): ReadonlySet<string> | undefined {
    return this.#table.length === 0 ? undefined : this.#holdersOf(check.published ?? keysOf(check));
  }

  /** Names of the mirrors that have the repository of a path below an image mirror; undefined: nothing of it is published. */
  repositoryHolders(path: string): ReadonlySet<string> | undefined {
    if (this.#table.length === 0) return undefined;
    const repository = path.slice(1, path.lastIndexOf("/", path.lastIndexOf("/") - 1));
    return this.#holdersOf([kept(keyOfRepository(repository))]);
  }

  #holdersOf(keys: readonly number[]): ReadonlySet<string> | undefined {
    let holders: ReadonlySet<string> | undefined;
    for (const key of keys) {
      for (let at = this.#lowerBound(key); at < this.#table.length && keyIn(this.#table[at]!) === key; at++) {
        const mirrors = this.#mirrors[this.#table[at]! % mostDocuments]?.holders;
        // Nearly always one document has it, or several of one project: no new set for each request.
        if (mirrors !== undefined && mirrors !== holders) holders = holders?.union(mirrors) ?? mirrors;
      }
    }
    return holders;
  }

  /** Replaces the documents, by name; those that are not named are removed. A document without keys keeps those that it has. */
  replace(documents: ReadonlyMap<string, PublishedDocument>): void {
    const stale = new Set<number>();
    for (const [name, id] of this.#ids) {
      const document = documents.get(name);
      if (document === undefined || document.keys !== undefined) stale.add(id);
      if (document !== undefined) continue;
      this.#ids.delete(name);
      this.#mirrors[id] = undefined;
    }
    const added: Added[] = [];
    for (const [name, { mirrors, filling, keys }] of documents) {
      const id = this.#ids.get(name) ?? this.#freeId();
      if (id === undefined) continue;
      this.#ids.set(name, id);
      this.#mirrors[id] = placed(mirrors, filling);
      if (keys) added.push({ id, keys });
    }
    if (stale.size + added.length > 0) this.#table = merged(this.#table, stale, added);
  }

  /** A mirror lacks what it should have, or was away: for a while it is asked for each object. */
  doubt(mirror: string): void {
    this.#samples.delete(mirror);
    this.#doubted.set(mirror, this.#now() + doubtMs);
  }

  /** An object that the mirror was said to have since the last call, to look whether it has it. */
  takeSample(mirror: string): PublishedCheck | undefined {
    const sample = this.#samples.get(mirror);
    this.#samples.delete(mirror);
    return sample;
  }

  /** Names of the mirrors that are doubted. */
  get doubted(): string[] {
    return [...this.#doubted.keys()].filter((mirror) => this.#isDoubted(mirror));
  }

  #isDoubted(mirror: string): boolean {
    const until = this.#doubted.get(mirror);
    return until !== undefined && this.#now() < until;
  }

  #freeId(): number | undefined {
    const used = this.#mirrors.indexOf(undefined);
    const id = used === -1 ? this.#mirrors.length : used;
    return id < mostDocuments ? id : undefined;
  }

  #lowerBound(key: number): number {
    const wanted = key * mostDocuments;
    let [low, high] = [0, this.#table.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#table[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Where the project of a document is. */
interface Placed extends Pick<PublishedDocument, "mirrors" | "filling"> {
  /** Where to look for what the asked mirror lacks: while no mirror holds all of the project, in those that hold a part of it. */
  readonly holders: ReadonlySet<string>;
}

function placed(mirrors: ReadonlySet<string>, filling: ReadonlySet<string> | undefined): Placed {
  if (filling === undefined || filling.size === 0) return { mirrors, holders: mirrors };
  return { mirrors, filling, holders: mirrors.size > 0 ? mirrors : filling };
}

/** A document's keys, and its id. */
interface Added {
  readonly id: number;
  readonly keys: Float64Array;
}

function kept(key: number): number {
  return Math.floor(key / droppedBits);
}

function keyIn(entry: number): number {
  return Math.floor(entry / mostDocuments);
}

/** The table without the stale documents, with the added entries: one pass over both. */
function merged(table: Float64Array, stale: ReadonlySet<number>, added: readonly Added[]): Float64Array<ArrayBuffer> {
  const fresh = new Float64Array(added.reduce((sum, { keys }) => sum + keys.length, 0));
  let filled = 0;
  for (const { id, keys } of added) for (const key of keys) fresh[filled++] = kept(key) * mostDocuments + id;
  fresh.sort();
  if (table.length === 0) return fresh;
  let left = 0;
  for (const entry of table) if (!stale.has(entry % mostDocuments)) left++;
  const result = new Float64Array(left + fresh.length);
  let [next, at] = [0, 0];
  for (const entry of table) {
    if (stale.has(entry % mostDocuments)) continue;
    while (next < fresh.length && fresh[next]! < entry) result[at++] = fresh[next++]!;
    result[at++] = entry;
  }
  result.set(fresh.subarray(next), at);
  return result;
}

/** The keys under which an object may be published. */
function keysOf({ route, layer = false }: Pick<PublishedCheck, "route" | "layer">): readonly number[] {
  if (route === undefined) return [];
  const { kind, path } = route;
  if (kind === "file") {
    const objectKey = decoded(path.slice(1));
    return objectKey !== undefined && isPublishedFile(objectKey) ? [kept(keyOfFile(objectKey))] : [];
  }
  const last = path.lastIndexOf("/");
  const [repository, reference] = [path.slice(1, path.lastIndexOf("/", last - 1)), path.slice(last + 1)];
  if (kind === "manifest")
    return [kept(reference.includes(":") ? keyOfDigest(repository, reference) : keyOfTag(repository, reference))];
  const own = kept(keyOfDigest(repository, reference));
  return layer ? [own] : [own, kept(keyOfAttachedBlob(repository, reference))];
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
