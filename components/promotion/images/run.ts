import { type CopyDependencies, SourceError } from "../blobs/blob-copy.ts";
import { LayerTarget } from "../blobs/layer-target.ts";
import { causeOf, UnreachableError } from "../http/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { isDenied } from "../oci/errors.ts";
import type { Remote } from "../oci/remote.ts";
import { type Repository, repositoryAt } from "../oci/repository.ts";
import type { Transport } from "../oci/transport.ts";
import { CircuitBreaker } from "../run/circuit-breaker.ts";
import type { Context, ImagesRequest, Outcome, Progress } from "../run/request.ts";
import type { Bucket } from "../storage/bucket.ts";
import { formatBytes } from "../text/format-bytes.ts";
import { formatCount } from "../text/format-count.ts";
import { keptManifests, type Whereabouts } from "./kept-manifests.ts";
import { difference, type LastKnownState } from "./last-known-state.ts";
import { LayerReferences } from "./layer-references.ts";
import { addImage, type ImagesBuilder, tagsOf } from "./lines.ts";
import { ImageLookup } from "./lookup.ts";
import type { ImagePlan } from "./plan.ts";
import { PresentImages } from "./present-images.ts";
import { tagMatcher } from "./tag-patterns.ts";

/** ms between two reports of progress. */
const reportEvery = 100;

/** What all runs of a process share. */
export interface Dependencies extends Omit<CopyDependencies, "signal"> {
  readonly transport: Transport;
  /** Runs work about one digest, so many at a time in the whole process. */
  limit<T>(work: () => Promise<T>): Promise<T>;
  bucket(settings: ImagesRequest["storage"], name: string, region: string): Bucket;
  /** All keys of a bucket under a prefix; projects that ask at the same time share one listing. */
  keys(bucket: Bucket, prefix: string, signal: AbortSignal): Promise<readonly string[]>;
}

/** One mirror in a run: what it is believed to hold, what it is known to hold by now, and whether it was given up. */
export class MirrorRun {
  readonly name: string;
  readonly belief: LastKnownState;
  readonly achieved: PresentImages;
  /** What it holds in part only. */
  readonly parts: ImagesBuilder = new Map();
  /** Why it was given up: nothing more is asked of it in this run. */
  gone: string | undefined;
  total = 0;
  done = 0;
  failed = 0;
  bytes = 0;

  constructor(name: string, belief: LastKnownState) {
    this.name = name;
    this.belief = belief;
    this.achieved = new PresentImages(belief.held);
  }

  /** Whether a digest is there by now, with all that belongs to it. */
  isWhole(image: string, digest: Digest): boolean {
    return this.achieved.has(image, digest) && !this.parts.get(image)?.has(digest);
  }
}

/** An image mirror in a run. */
export class ImageMirrorRun extends MirrorRun {
  readonly #remote: (image: string) => Remote;
  readonly #remotes = new Map<string, Remote>();
  readonly #lookups = new Map<string, ImageLookup>();
  readonly #questions: ReadonlyMap<string, number>;
  /** Blobs that this run has brought or is bringing, and to which repository of the mirror. */
  readonly blobs = new Map<Digest, { readonly repository: Repository; readonly failure: Promise<unknown> }>();
  /** Tags there, of the believed digests. */
  readonly #tags = new Map<string, ReadonlyMap<string, Digest>>();

  constructor(
    name: string,
    belief: LastKnownState,
    remote: (image: string) => Remote,
    questions: ReadonlyMap<string, number>,
  ) {
    super(name, belief);
    this.#remote = remote;
    this.#questions = questions;
  }

  /** The image's repository. */
  remote(image: string): Remote {
    const known = this.#remotes.get(image) ?? this.#remote(image);
    this.#remotes.set(image, known);
    return known;
  }

  lookup(image: string): ImageLookup {
    const known = this.#lookups.get(image) ?? new ImageLookup(this.remote(image), this.#questions.get(image) ?? 1);
    this.#lookups.set(image, known);
    return known;
  }

  believedTag(image: string, tag: string): Digest | undefined {
    const known = this.#tags.get(image) ?? tagsOf(this.belief.held.get(image));
    this.#tags.set(image, known);
    return known.get(tag);
  }
}

/** An S3 mirror of layers in a run. */
export class LayerMirrorRun extends MirrorRun {
  readonly target: LayerTarget;
  readonly references: LayerReferences;
  /** Layers that this run has brought or is bringing. */
  readonly blobs = new Map<Digest, { readonly failure: Promise<unknown> }>();
  readonly health = new CircuitBreaker();

  constructor(name: string, belief: LastKnownState, bucket: Bucket, signal: AbortSignal) {
    super(name, belief);
    this.target = new LayerTarget(name, bucket, signal);
    this.references = new LayerReferences(bucket, signal);
  }
}

/** One project's run: its mirrors, its failures, its progress. */
export class ImagesRun {
  readonly request: ImagesRequest;
  readonly plan: ImagePlan;
  readonly means: Dependencies;
  readonly context: Context;
  /** Canonical first. */
  readonly mirrors: ReadonlyMap<string, ImageMirrorRun>;
  readonly layerMirrors: ReadonlyMap<string, LayerMirrorRun>;
  readonly mayMove: (tag: string) => boolean;
  readonly #failures: string[] = [];
  readonly #kept = new Map<string, Promise<ReadonlySet<Digest>>>();
  readonly #stagingLookups = new Map<string, ImageLookup>();
  readonly #questions: ReadonlyMap<string, number>;
  #reported = Number.NEGATIVE_INFINITY;
  readonly counts = { copied: 0, tagged: 0, untagged: 0, removed: 0 };

  constructor(request: ImagesRequest, plan: ImagePlan, means: Dependencies, context: Context) {
    this.request = request;
    this.plan = plan;
    this.means = means;
    this.context = context;
    this.mayMove = tagMatcher(request.mutableTags);
    const { transport } = means;
    const { signal } = context;
    const remoteAt = (uri: string, ...path: string[]): Remote => ({
      transport,
      repository: repositoryAt(uri, ...path),
      signal,
    });
    this.#questions = questionsIn(plan);
    this.mirrors = new Map(
      request.mirrors.map(({ name, repository }) => {
        const remote = (image: string) => remoteAt(repository, request.prefix, image);
        return [name, new ImageMirrorRun(name, plan.believed.get(name)!, remote, this.#questions)];
      }),
    );
    this.layerMirrors = new Map(
      request.layerMirrors.map(({ name, bucket, region }) => {
        const opened = means.bucket(request.storage, bucket, region);
        return [name, new LayerMirrorRun(name, plan.believed.get(name)!, opened, signal)];
      }),
    );
    for (const { image, digest, damaged } of plan.copies) {
      for (const name of damaged) addImage(this.mirror(name).parts, image, digest);
    }
    for (const { mirrors, layerMirrors } of [...plan.copies, ...plan.removals]) {
      for (const name of [...mirrors, ...layerMirrors]) this.mirror(name).total++;
    }
    for (const { mirrors } of [...plan.retags, ...plan.untags]) for (const name of mirrors) this.mirror(name).total++;
  }

  /** A mirror of either kind. */
  mirror(name: string): MirrorRun {
    const mirror = this.mirrors.get(name) ?? this.layerMirrors.get(name);
    if (!mirror) throw new Error(`there is no mirror ${name}`);
    return mirror;
  }

  /** Image mirrors by name, without those that were given up. */
  alive(names: readonly string[]): ImageMirrorRun[] {
    return names.map((name) => this.mirrors.get(name)!).filter((mirror) => mirror.gone === undefined);
  }

  /** The image's repository in staging, if the project has one. */
  staging(image: string): Remote | undefined {
    const { staging } = this.request;
    if (staging === "") return undefined;
    return { transport: this.means.transport, repository: repositoryAt(staging, image), signal: this.context.signal };
  }

  /** The tags of the image in staging, when so much is promoted that listing them saves requests. */
  stagingLookup(image: string, at: Remote): ImageLookup {
    const known = this.#stagingLookups.get(image) ?? new ImageLookup(at, this.#questions.get(image) ?? 1);
    this.#stagingLookups.set(image, known);
    return known;
  }

  /** {@link keptManifests} of an image, as the mirrors are once all is copied. */
  keptIn(image: string): Promise<ReadonlySet<Digest>> {
    const known = this.#kept.get(image) ?? keptManifests(this.#whereabouts(image), this.staging(image));
    this.#kept.set(image, known);
    return known;
  }

  #whereabouts(image: string): Whereabouts[] {
    const mirrors = [...this.mirrors.values()];
    return [...(this.plan.wanted.get(image)?.keys() ?? [])].map((digest) => {
      const holders = mirrors.filter((mirror) => mirror.achieved.has(image, digest));
      const isHeld = holders.length > 0;
      const [whole, partly] = [true, false].map((is) => holders.filter((each) => each.isWhole(image, digest) === is));
      const asked = isHeld ? [...whole!, ...partly!] : mirrors;
      const alive = this.alive(asked.map(({ name }) => name));
      return { digest, isHeld, mirrors: alive.map((mirror) => mirror.remote(image)) };
    });
  }

  /** A step at one mirror has ended. */
  stepDone(mirror: MirrorRun): void {
    mirror.done++;
    if (mirror instanceof LayerMirrorRun) mirror.health.succeeded();
    this.report();
  }

  /**
   * A step failed at some mirrors for one cause. A mirror that cannot be reached, or refuses us, is given up for the whole run.
   * @param what `image@digest` or `image:tag`.
   */
  stepFailed(mirrors: readonly MirrorRun[], what: string, error: unknown): void {
    if (this.context.signal.aborted) return; // not the mirrors' fault; the run says so once
    const named: string[] = [];
    for (const mirror of mirrors) {
      mirror.failed++;
      if (!(error instanceof SourceError) && isLost(mirror, error)) mirror.gone ??= causeOf(error);
      if (mirror.gone === undefined) named.push(mirror.name);
    }
    if (named.length > 0)
      this.#failures.push(`${this.request.project}: ${what}: ${named.join(", ")}: ${causeOf(error)}`);
    this.report();
  }

  /** A failure that leaves its step to go on. */
  failure(mirror: MirrorRun, what: string, cause: string): void {
    this.#failures.push(`${this.request.project}: ${what}: ${mirror.name}: ${cause}`);
  }

  /** Counts a step of a mirror that was given up. */
  stepSkipped(mirror: MirrorRun): void {
    mirror.failed++;
    this.report();
  }

  /** Something that is now at a mirror. */
  achieved(mirror: MirrorRun, image: string, digest: Digest, tag?: string): void {
    mirror.achieved.add(image, digest, tag);
  }

  /** Something that may be at a mirror in part: a next run looks again, or removes it. */
  begun(mirror: MirrorRun, image: string, digest: Digest): void {
    mirror.achieved.add(image, digest);
    addImage(mirror.parts, image, digest);
  }

  /** What was begun is whole now. */
  completed(mirror: MirrorRun, image: string, digest: Digest): void {
    mirror.parts.get(image)?.delete(digest);
  }

  /** Tells how far the run is, not more often than anyone can see. @param last the end, which is always told. */
  report(last = false): void {
    const now = performance.now();
    if (!last && now - this.#reported < reportEvery) return;
    this.#reported = now;
    const mirrors = [...this.mirrors.values(), ...this.layerMirrors.values()].map(
      ({ name, done, total, failed, bytes }) => ({ name, done, total, failed, bytes }),
    );
    const sum = (key: "done" | "total" | "failed" | "bytes") =>
      mirrors.reduce((total, mirror) => total + mirror[key], 0);
    const progress: Progress = {
      done: sum("done"),
      total: sum("total"),
      failed: sum("failed"),
      bytes: sum("bytes"),
      mirrors,
    };
    this.context.report(progress);
  }

  outcome(): Outcome {
    this.report(true);
    const incomplete: Record<string, string> = {};
    const failures = [...this.#failures];
    for (const mirror of [...this.mirrors.values(), ...this.layerMirrors.values()]) {
      const images = new Set([...this.plan.differing.get(mirror.belief)!, ...mirror.achieved.changed]);
      // A mirror of layers knows no tags: a digest that it has, it has under all the tags that are wanted.
      const tagless = mirror instanceof LayerMirrorRun;
      const differs = difference(images, this.plan.wanted, mirror.achieved, mirror.parts, tagless);
      if (differs !== "") incomplete[mirror.name] = differs;
      if (mirror.gone !== undefined) {
        const left = differs.split("\n").length - 1;
        const lines = `${left} line${left === 1 ? "" : "s"} not done there`;
        failures.unshift(`${this.request.project}: ${mirror.name}: given up, ${lines}: ${mirror.gone}`);
      }
    }
    if (this.context.signal.aborted) {
      failures.push(`${this.request.project}: stopped before it was finished; the next run goes on`);
    }
    const { copied, tagged, untagged, removed } = this.counts;
    const bytes = [...this.mirrors.values(), ...this.layerMirrors.values()].reduce(
      (sum, mirror) => sum + mirror.bytes,
      0,
    );
    const parts = [
      copied > 0 && `copied ${formatCount(copied)} (${formatBytes(bytes)})`,
      copied === 0 && bytes > 0 && `sent ${formatBytes(bytes)}`,
      tagged > 0 && `tagged ${formatCount(tagged)}`,
      untagged > 0 && `untagged ${formatCount(untagged)}`,
      removed > 0 && `removed ${formatCount(removed)}`,
    ].filter((part) => part !== false);
    const count = [...this.mirrors.values(), ...this.layerMirrors.values()].filter(({ done }) => done > 0).length;
    const done = parts.length > 0 ? `${parts.join(", ")} in ${count} mirror${count === 1 ? "" : "s"}` : "nothing to do";
    const failed =
      failures.length > 0 ? `; ${formatCount(failures.length)} failure${failures.length === 1 ? "" : "s"}` : "";
    return { incomplete, failures, summary: `${done}${failed}` };
  }
}

/** Whether a mirror is to be given up: it cannot be reached, or it refuses us. */
function isLost(mirror: MirrorRun, error: unknown): boolean {
  if (mirror instanceof LayerMirrorRun) return mirror.health.isLost(error);
  return error instanceof UnreachableError || isDenied(error);
}

/** How many questions about an image each mirror will be asked, about. */
function questionsIn(plan: ImagePlan): Map<string, number> {
  const questions = new Map<string, number>();
  const add = (image: string, count: number) => questions.set(image, (questions.get(image) ?? 0) + count);
  for (const { image, tags } of plan.copies) add(image, 1 + tags.length);
  for (const { image } of plan.retags) add(image, 1);
  return questions;
}
