/** Reads back every byte of images in a mirror: what a registry lists, and says the size of, may still have other bytes. */
import { imageName, layerKey, manifestKey } from "../../../redirector/object-paths.ts";
import { readObjectBack } from "../blobs/read-object-back.ts";
import { causeOf } from "../http/errors.ts";
import { beginning, headBlob, readBlob } from "../oci/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import { WrongContentError } from "../oci/errors.ts";
import type { Descriptor, Manifest } from "../oci/manifest.ts";
import { getManifest } from "../oci/manifests.ts";
import type { Remote } from "../oci/remote.ts";
import { listTags, type TagList } from "../oci/tags.ts";
import type { ContentFault, ReadingBack } from "../run/content-fault.ts";
import type { ImageMirror, ImagesRequest, LayerMirror } from "../run/request.ts";
import { readStoreAddress } from "../run/store-address.ts";
import type { Bucket } from "../storage/bucket.ts";
import { globMatcher } from "../text/glob-matcher.ts";
import { hexOf } from "../text/oci-grammar.ts";
import { findAttachments } from "./attachments.ts";
import type { Dependencies } from "./dependencies.ts";
import { mirrorRemote } from "./mirror-remote.ts";
import { readRemains } from "./tree.ts";
import { TreeLimits } from "./tree-limits.ts";

type Faults = readonly ContentFault[];

/** One for all images of a mirror: a blob that several of them need is read once. */
export class ImageReader {
  readonly #dependencies: Dependencies;
  readonly #reading: ReadingBack;
  readonly #blobs = new Map<string, Promise<Faults>>();
  readonly #tags = new Map<string, Promise<TagList>>();

  constructor(dependencies: Dependencies, reading: ReadingBack) {
    this.#dependencies = dependencies;
    this.#reading = reading;
  }

  /**
   * Reads a digest, all that it lists, and what is attached to it, with all blobs; in a bucket, where each tag is a document that clients get, its tags too.
   * @param tags those that it shall have. Mutable ones are left out: a deployment may have moved them since.
   * @throws what the mirror answers if it cannot be read.
   */
  async image(
    request: ImagesRequest,
    mirror: ImageMirror,
    image: string,
    digest: Digest,
    tags: Iterable<string>,
  ): Promise<Faults> {
    const at = this.#remote(request, mirror, image);
    const manifests = new Map<Digest, Manifest>();
    const faults = await this.#manifests(at, digest, manifests);
    if (manifests.size > 0) {
      const attached = await findAttachments(at, [...manifests.keys()], await this.#tagsOf(at));
      const roots = [...new Set(attached.map((one) => one.digest))];
      faults.push(...(await Promise.all(roots.map((root) => this.#manifests(at, root, manifests)))).flat());
    }
    const blobs = new Map<Digest, Descriptor>();
    for (const each of manifests.values())
      for (const blob of [...each.blobs, ...each.foreign]) blobs.set(blob.digest, blob);
    const store = readStoreAddress(mirror.repository);
    const bucket = store && this.#dependencies.store(request.storage, store).bucket;
    if (bucket !== undefined) {
      const isMutable = globMatcher(request.mutableTags);
      const lasting = Array.from(tags).filter((tag) => !isMutable(tag));
      faults.push(...(await this.#tagDocuments(bucket, at.repository.name, digest, lasting)));
    }
    const read = (blob: Descriptor): Promise<Faults> =>
      bucket === undefined
        ? this.#once(`${at.repository.name}/${blob.digest}`, () => this.#blob(at, blob))
        : this.#object(bucket, blob.digest);
    const found = await Promise.all(
      [...blobs.values()].map(async (blob) => {
        const all = await read(blob);
        // Registries need not have what clients may find elsewhere.
        return blob.isForeign ? all.filter(({ what }) => what !== "missing") : all;
      }),
    );
    return [...faults, ...found.flat()];
  }

  /** Reads the layers of a digest in a bucket that has layers only. The image mirrors say which they are. */
  async layers(
    request: ImagesRequest,
    { bucket, region }: LayerMirror,
    image: string,
    digest: Digest,
  ): Promise<Faults> {
    const sources = request.mirrors.map((mirror) => this.#remote(request, mirror, image));
    const { blobs, lost } = await readRemains(sources, digest);
    if (lost.length > 0) throw new Error(`${lost[0]} is in no image mirror: its layers are unknown`);
    const at = this.#dependencies.bucket(request.storage, bucket, region);
    const needed = blobs.filter((blob) => !("isForeign" in blob));
    return (await Promise.all(needed.map((blob) => this.#object(at, blob.digest)))).flat();
  }

  async #tagDocuments(bucket: Bucket, name: string, digest: Digest, tags: readonly string[]): Promise<Faults> {
    const read = (tag: string) =>
      this.#dependencies.limit(() => readObjectBack(bucket, manifestKey(name, tag), hexOf(digest), this.#reading));
    return (await Promise.all(tags.map(read))).flat();
  }

  #remote({ prefix, storage }: ImagesRequest, { repository }: ImageMirror, image: string): Remote {
    return mirrorRemote(this.#dependencies, storage, repository, imageName(prefix, image), this.#reading.signal);
  }

  #tagsOf(at: Remote): Promise<TagList> {
    const key = `${at.repository.host}/${at.repository.name}`;
    const known = this.#tags.get(key) ?? listTags(at);
    this.#tags.set(key, known);
    known.catch(() => this.#tags.delete(key));
    return known;
  }

  /** Reads a manifest and those that it lists. @param into receives them. @throws WrongContentError if they are more than an image may have. */
  async #manifests(at: Remote, root: Digest, into: Map<Digest, Manifest>): Promise<ContentFault[]> {
    const faults: ContentFault[] = [];
    const limits = new TreeLimits(root);
    for (let [level, depth] = [[root], 0]; level.length > 0; depth++) {
      limits.admit(level.length, depth);
      const read = await Promise.all(
        level.map(async (digest) => {
          try {
            const manifest = await getManifest(at, digest);
            if (manifest !== undefined) return manifest;
            faults.push({ what: "missing", why: `manifest ${digest} is not there` });
          } catch (error) {
            if (!(error instanceof WrongContentError)) throw error;
            faults.push({ what: "corrupt", why: causeOf(error) });
          }
          return undefined;
        }),
      );
      for (const manifest of read)
        if (manifest !== undefined) {
          into.set(manifest.digest, manifest);
          this.#reading.received(manifest.bytes.length);
        }
      const listed = read.flatMap((manifest) => manifest?.children.map(({ digest }) => digest) ?? []);
      level = [...new Set(listed)].filter((digest) => !into.has(digest));
    }
    return faults;
  }

  /** What is missing fails one image after the other, and a failure none: it is asked again. */
  #once(key: string, read: () => Promise<Faults>): Promise<Faults> {
    const known = this.#blobs.get(key) ?? this.#dependencies.limit(read);
    this.#blobs.set(key, known);
    known.catch(() => this.#blobs.delete(key));
    return known;
  }

  /** In a bucket, all images share the blobs. */
  #object(bucket: Bucket, blob: Digest): Promise<Faults> {
    const read = () => readObjectBack(bucket, layerKey(blob), hexOf(blob), this.#reading);
    return this.#once(`/${blob}`, read);
  }

  async #blob(at: Remote, blob: Descriptor): Promise<Faults> {
    const head = await headBlob(at, blob.digest);
    if (head === undefined) return [{ what: "missing", why: `blob ${blob.digest} is not there` }];
    if (head.size !== undefined && head.size !== blob.size)
      return [{ what: "corrupt", why: `blob ${blob.digest} has ${head.size} of its ${blob.size} bytes` }];
    try {
      for await (const _ of readBlob([at], blob, beginning()));
    } catch (error) {
      if (!(error instanceof WrongContentError)) throw error;
      return [{ what: "corrupt", why: causeOf(error) }];
    }
    this.#reading.received(blob.size);
    return [];
  }
}
