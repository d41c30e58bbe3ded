import { imageName } from "../../../redirector/object-paths.ts";
import type { Digest } from "../oci/digest.ts";
import type { Remote } from "../oci/remote.ts";
import { repositoryAt } from "../oci/repository.ts";
import { GivenUpError } from "../run/circuit-breaker.ts";
import type { MirrorRun } from "../run/mirror-run.ts";
import { PromotionRun } from "../run/promotion-run.ts";
import type { Context, ImagesRequest, Outcome } from "../run/request.ts";
import { readStoreAddress } from "../run/store-address.ts";
import { globMatcher } from "../text/glob-matcher.ts";
import { AttachmentRecord } from "./attachment-record.ts";
import type { Dependencies } from "./dependencies.ts";
import { ImageSources } from "./image-sources.ts";
import { certainRemains, keptManifests, type Whereabouts } from "./kept-manifests.ts";
import { difference } from "./last-known-state.ts";
import { addImage } from "./lines.ts";
import { ImageLookup } from "./lookup.ts";
import { mirrorRemote } from "./mirror-remote.ts";
import { ImageMirrorRun, type ImagesMirrorRun, LayerMirrorRun } from "./mirror-runs.ts";
import type { ImagePlan } from "./plan.ts";
import { StoreParts } from "./store-parts.ts";

/** One project's run of a promotion of images. */
export class ImagesRun extends PromotionRun<ImagesMirrorRun> {
  readonly request: ImagesRequest;
  readonly plan: ImagePlan;
  readonly dependencies: Dependencies;
  /** Canonical first. */
  readonly mirrors: ReadonlyMap<string, ImageMirrorRun>;
  readonly layerMirrors: ReadonlyMap<string, LayerMirrorRun>;
  readonly all: readonly ImagesMirrorRun[];
  readonly mayMove: (tag: string) => boolean;
  /** What is attached to what is promoted; brought up to date by the run. */
  readonly record: AttachmentRecord;
  /** Digests that it has brought to some mirror, or brought attachments of. */
  readonly copied = new Set<Digest>();
  readonly #sources: ImageSources;
  readonly #kept = new Map<string, Promise<ReadonlySet<Digest>>>();
  readonly #promoted = new Map<string, Promise<ReadonlySet<Digest>>>();
  readonly #stagingLookups = new Map<string, ImageLookup>();
  readonly #expectedLookups: ReadonlyMap<string, number>;

  constructor(request: ImagesRequest, plan: ImagePlan, dependencies: Dependencies, context: Context) {
    const { project, mirrors, layerMirrors } = request;
    super({ project, mirrors: [...mirrors, ...layerMirrors] }, context, (what) => `image ${what}`);
    this.request = request;
    this.plan = plan;
    this.dependencies = dependencies;
    this.record = new AttachmentRecord(plan.attached);
    this.mayMove = globMatcher(request.mutableTags);
    this.#sources = new ImageSources(request.sources, plan.wanted);
    const { signal } = context;
    const { storage } = request;
    this.#expectedLookups = expectedLookupsIn(plan);
    this.mirrors = new Map(
      request.mirrors.map(({ name, repository }) => {
        const remote = (image: string) =>
          mirrorRemote(dependencies, storage, repository, imageName(request.prefix, image), signal);
        const address = readStoreAddress(repository);
        const store = address && new StoreParts(name, project, dependencies.store(storage, address), signal);
        return [name, new ImageMirrorRun(name, plan.lastKnown.get(name)!, remote, this.#expectedLookups, store)];
      }),
    );
    this.layerMirrors = new Map(
      request.layerMirrors.map(({ name, bucket, region }) => {
        const opened = dependencies.bucket(request.storage, bucket, region);
        return [name, new LayerMirrorRun(name, plan.lastKnown.get(name)!, opened, signal)];
      }),
    );
    this.all = [...this.mirrors.values(), ...this.layerMirrors.values()];
    for (const { image, digest, incomplete } of plan.copies) {
      for (const name of incomplete) addImage(this.mirror(name).incomplete, image, digest);
    }
    for (const { mirrors, layerMirrors } of [...plan.copies, ...plan.removals]) {
      for (const name of [...mirrors, ...layerMirrors]) this.mirror(name).total++;
    }
    for (const { mirrors } of [...plan.retags, ...plan.untags]) for (const name of mirrors) this.mirror(name).total++;
  }

  /** A mirror of either kind. */
  mirror(name: string): ImagesMirrorRun {
    const mirror = this.mirrors.get(name) ?? this.layerMirrors.get(name);
    if (!mirror) throw new Error(`there is no mirror ${name}`);
    return mirror;
  }

  /** Image mirrors by name, without those that were given up. */
  alive(names: readonly string[]): ImageMirrorRun[] {
    return names.map((name) => this.mirrors.get(name)!).filter((mirror) => mirror.givenUp === undefined);
  }

  /** The image's repository in staging, if the project has one. */
  staging(image: string): Remote | undefined {
    const { staging } = this.request;
    if (staging === "") return undefined;
    return {
      transport: this.dependencies.transport,
      repository: repositoryAt(staging, this.#sources.of(image)),
      signal: this.context.signal,
    };
  }

  /** Repositories of a mirror that hold the digest for another image from the same place in staging. */
  siblings(mirror: ImageMirrorRun, image: string, digest: Digest): Remote[] {
    const holders = this.#sources.siblings(image).filter((other) => mirror.achieved.has(other, digest));
    return holders.map((other) => mirror.remote(other));
  }

  /** The tags of the image in staging, when so much is promoted that listing them saves requests. */
  stagingLookup(image: string, at: Remote): ImageLookup {
    const known = this.#stagingLookups.get(image) ?? new ImageLookup(at, this.#expectedLookups.get(image) ?? 1);
    this.#stagingLookups.set(image, known);
    return known;
  }

  /** {@link keptManifests} of an image, once all is copied. */
  keptIn(image: string): Promise<ReadonlySet<Digest>> {
    const known = this.#kept.get(image) ?? keptManifests(this.#whereabouts(image), this.staging(image));
    this.#kept.set(image, known);
    return known;
  }

  /** The manifests that the wanted digests of an image consist of, without their attachments, as one mirror and staging have them. */
  promotedManifests(image: string, at: Remote): Promise<ReadonlySet<Digest>> {
    const key = `${at.repository.host}/${at.repository.name}`;
    const staging = this.staging(image);
    const read = async () => {
      const roots = [...(this.plan.wanted.get(image)?.keys() ?? [])];
      const sources = [at, ...(staging ? [staging] : [])];
      const all = await Promise.all(roots.map((root) => certainRemains(sources, root)));
      return new Set(all.flat());
    };
    const known = this.#promoted.get(key) ?? read();
    this.#promoted.set(key, known);
    return known;
  }

  override outcome(): Outcome {
    return { ...super.outcome(), attached: this.record.write(this.plan.wanted), copied: this.copied };
  }

  #whereabouts(image: string): Whereabouts[] {
    const mirrors = [...this.mirrors.values()];
    return [...(this.plan.wanted.get(image)?.keys() ?? [])].map((digest) => {
      const holders = mirrors.filter((mirror) => mirror.achieved.has(image, digest));
      const isPresent = holders.length > 0;
      const [whole, partly] = [true, false].map((is) =>
        holders.filter((each) => each.isComplete(image, digest) === is),
      );
      const asked = isPresent ? [...whole!, ...partly!] : mirrors;
      const alive = this.alive(asked.map(({ name }) => name));
      return { digest, isPresent, mirrors: alive.map((mirror) => mirror.remote(image)) };
    });
  }

  override stepDone(mirror: MirrorRun): void {
    mirror.breaker.succeeded();
    super.stepDone(mirror);
  }

  /** A mirror that cannot be reached, or denies access, is given up for the whole run. @param what `image@digest` or `image:tag`. */
  override stepFailed(mirror: MirrorRun, what: string, error: unknown): void {
    if (this.context.signal.aborted) return; // not the mirror's fault; the outcome has one line for it
    mirror.breaker.failed(error);
    super.stepFailed(mirror, what, mirror.givenUp === undefined ? error : new GivenUpError(mirror.givenUp));
  }

  /** A step of a mirror that was given up. */
  stepSkipped(mirror: MirrorRun): void {
    mirror.failed++;
    this.report("step");
  }

  differencesAt(mirror: ImagesMirrorRun): string {
    const { wanted, differing } = this.plan;
    const images = new Set([...differing.get(mirror.lastKnown)!, ...mirror.achieved.changed]);
    // A mirror of layers has no tags: a digest that it has counts under all the tags that are wanted.
    const tagless = mirror instanceof LayerMirrorRun;
    return difference(images, wanted, mirror.achieved, mirror.incomplete, tagless);
  }
}

/** About how many lookups of each image there will be in each mirror. */
function expectedLookupsIn(plan: ImagePlan): Map<string, number> {
  const expected = new Map<string, number>();
  const add = (image: string, count: number) => expected.set(image, (expected.get(image) ?? 0) + count);
  for (const { image, tags } of plan.copies) add(image, 1 + tags.length);
  for (const { image } of plan.retags) add(image, 1);
  return expected;
}
