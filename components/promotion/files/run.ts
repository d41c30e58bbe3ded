import { fanOut, readAll } from "../blobs/fan-out.ts";
import { type FailureKind, failureKind, mostHopeful } from "../http/failure-kind.ts";
import { inShare } from "../http/fair-share.ts";
import type { Phases } from "../run/engine.ts";
import { MirrorRun } from "../run/mirror-run.ts";
import { PromotionRun } from "../run/promotion-run.ts";
import type { Context, FilesRequest } from "../run/request.ts";
import {
  type Bucket,
  type Content,
  ObjectExists,
  type ObjectHeaders,
  type Stored,
  type Upload,
  UploadLost,
} from "../storage/bucket.ts";
import { severityInBucket } from "../storage/severity.ts";
import { joinLines } from "../text/join-lines.ts";
import type { FileProof } from "./file-proof.ts";
import { FileProver } from "./file-prover.ts";
import { listingPrefix } from "./listing-prefix.ts";
import { type Identified, MirrorFiles, openBucket, statOf, withMemoryFor } from "./mirror-files.ts";
import type { Mutability } from "./mutable-files.ts";
import { type Files, fileLine, type MirrorPlan, parseFileLines } from "./plan.ts";
import { isProvable, proofPath, provenPath } from "./proof-path.ts";
import { releaseFileHeaders } from "./release-file.ts";
import { causeAt, contentOf, type FileSource } from "./sources.ts";
import { CopyFailed, copiesOnly, copyAll, isCopyable, StagedCopy } from "./staged-copy.ts";
import { type StoreCopySource, storeCopySource } from "./store-copy.ts";
import { FileVerifier } from "./verify-files.ts";

/** One file mirror in a run: what remains to be done there. */
export class FilesMirrorRun extends MirrorRun {
  readonly plan: MirrorPlan;
  /** Its store: mirrors of one store can be copied inside it. */
  readonly kind: MirrorPlan["mirror"]["kind"];
  readonly files: MirrorFiles;
  /** Paths that have the wanted content. */
  readonly present = new Set<string>();
  /** Wanted and absent. */
  readonly missing = new Set<string>();
  /** Present and not wanted; also other content in the place of a file to be restored. */
  readonly unwanted = new Map<string, Stored>();
  /** What is there at a path that gets other content, or other headers, in its place. It stays until then: clients never find nothing. */
  readonly replaced = new Map<string, Identified>();
  /**
   * Objects that the manifest does not name, in a mirror that was listed because nothing was known of it. They are left
   * in place.
   */
  unmanaged = 0;
  /** Its store refused to copy a file from a mirror: the others are sent. */
  cannotCopy = false;
  /** Its store refused to copy a staged file. */
  cannotCopyStaged = false;
  /** What it has in the place of files' proofs, as far as this run has looked. */
  readonly proofs = new Map<string, Identified>();
  /** Files whose proof it has, or needs none, as this run has found. */
  readonly settledProofs = new Set<string>();

  constructor(plan: MirrorPlan, bucket: Bucket, prefix: string, signal: AbortSignal) {
    super(plan.mirror.name, severityInBucket);
    this.plan = plan;
    this.kind = plan.mirror.kind;
    this.files = new MirrorFiles(bucket, prefix, this.breaker, signal);
  }
}

/** One project's run of a promotion of files. */
export class FilesRun extends PromotionRun<FilesMirrorRun> {
  readonly request: FilesRequest;
  readonly verifier: FileVerifier;
  readonly prover: FileProver<FilesMirrorRun>;
  readonly all: readonly FilesMirrorRun[];
  readonly wanted: Files;
  readonly mutability: Mutability;
  /** The project's staging bucket, if it has one. */
  readonly staging: Bucket | undefined;
  /** What the keys of staged files begin with: "" or the folder's path with a slash at its end. */
  readonly stagingFolder: string;
  /** ETags that S3 gave in this run to files sent in parts, by path. */
  readonly #partsEtags = new Map<string, string>();
  /** Whether recording one was refused: the account of a fill may not change what is there. */
  #mayNotRecord = false;
  /** Name of the project's staging bucket. */
  readonly #stagingBucket: string;
  /** What is staged, by key; undefined inside: each file is asked for. */
  #stagedFiles: Promise<ReadonlyMap<string, Stored> | undefined> | undefined;

  constructor(request: FilesRequest, plans: readonly MirrorPlan[], mutability: Mutability, context: Context) {
    const wanted = parseFileLines(request.files);
    super(request, context, (path) => {
      const sha256 = wanted.get(path);
      return `file ${sha256 === undefined ? path : fileLine(path, sha256)}`;
    });
    this.request = request;
    this.verifier = new FileVerifier(this);
    this.prover = new FileProver(this);
    this.wanted = wanted;
    this.mutability = mutability;
    this.all = plans.map((plan) => {
      const bucket = openBucket(request.storage, plan.mirror);
      return new FilesMirrorRun(plan, bucket, request.prefix, context.signal);
    });
    const [bucket = "", ...folders] = request.staging.split("/");
    this.staging = bucket === "" ? undefined : openBucket(request.storage, { kind: "gcs", bucket });
    this.#stagingBucket = bucket;
    this.stagingFolder = folders.map((folder) => `${folder}/`).join("");
  }

  /** The phases: lookups, copies, removals. */
  phases(): Phases {
    return {
      additions: [() => [this.look()], () => this.#copies()],
      removals: this.all.some(({ plan }) => plan.remove.size > 0) ? [() => this.#removals()] : [],
    };
  }

  /** Looks up in every mirror what the plan names, to find what to do there. Must run first. */
  async look({ absentIsEmpty = false }: { readonly absentIsEmpty?: boolean } = {}): Promise<void> {
    await Promise.all(this.all.map((mirror) => this.#lookAt(mirror, absentIsEmpty)));
    for (const mirror of this.all) {
      const removals = [...mirror.unwanted.keys()].filter((path) => !this.wanted.has(path));
      mirror.total = mirror.missing.size + removals.length + mirror.failed;
    }
    this.report("step");
  }

  async #lookAt(mirror: FilesMirrorRun, absentIsEmpty: boolean): Promise<void> {
    const { plan, files } = mirror;
    let find = (path: string): Promise<Stored | undefined> => files.stat(path);
    const under = plan.unknown ? "" : listingPrefix([...plan.add.keys()], this.wanted.keys())?.prefix;
    if (under !== undefined) {
      try {
        const listed = await files.list({ absentIsEmpty, under });
        if (plan.unknown)
          mirror.unmanaged = [...listed.keys()].filter((path) => !plan.add.has(provenPath(path) ?? path)).length;
        find = async (path) => (path.startsWith(under) ? listed.get(path) : await files.stat(path));
      } catch (error) {
        for (const path of plan.add.keys()) this.stepFailed(mirror, path, error);
        return;
      }
    }
    await Promise.all([
      ...[...plan.add].map(([path, sha256]) =>
        this.#trying(mirror, path, async () => {
          await Promise.all([this.#lookForWanted(mirror, path, sha256, find), this.prover.look(mirror, path, find)]);
        }),
      ),
      ...[...plan.remove.keys()].map((path) =>
        this.#trying(mirror, path, async () => {
          // The proof of a file goes with it, whether promotions are signed today or not.
          for (const each of isProvable(path) ? [path, proofPath(path)] : [path]) {
            const object = await find(each);
            if (object !== undefined) mirror.unwanted.set(each, this.#removable(object));
          }
        }),
      ),
    ]);
  }

  async #lookForWanted(
    mirror: FilesMirrorRun,
    path: string,
    sha256: string,
    find: (path: string) => Promise<Stored | undefined>,
  ): Promise<void> {
    const listed = await find(path);
    const object = listed === undefined ? undefined : await mirror.files.identified(path, listed);
    if (object === undefined) {
      mirror.missing.add(path);
    } else if (object.sha256 === sha256 && !this.#isKeptTooLong(path, object)) {
      mirror.present.add(path);
    } else if (object.sha256 === sha256 || this.mutability.mayMove(path)) {
      this.#removable(object);
      mirror.replaced.set(path, object);
      mirror.missing.add(path);
    } else if (mirror.plan.restore.has(path)) {
      mirror.unwanted.set(path, this.#removable(object));
      mirror.missing.add(path);
    } else {
      throw new OtherContent(object.sha256, this.mutability.refusal(path));
    }
  }

  /** Whether a mutable file has the headers of one that never changes: it was published before it was declared mutable. */
  #isKeptTooLong(path: string, { cacheControl }: Stored): boolean {
    return (
      cacheControl !== undefined && this.mutability.isMutable(path) && cacheControl !== this.headers(path).cacheControl
    );
  }

  /** How a file is served. */
  headers(path: string): ObjectHeaders {
    return releaseFileHeaders(this.project, path, this.mutability.isMutable(path));
  }

  /** Another project's object is never removed, even if two projects' prefixes overlap. */
  #removable(object: Stored): Stored {
    if (object.project === undefined || object.project === this.project) return object;
    throw new Error(`the object belongs to project ${object.project}`);
  }

  /** The mirrors that lack a file, by path; in the request's order, the canonical mirror first. */
  missing(): Map<string, FilesMirrorRun[]> {
    const missing = new Map<string, FilesMirrorRun[]>();
    for (const mirror of this.all) {
      for (const path of mirror.missing) missing.set(path, [...(missing.get(path) ?? []), mirror]);
    }
    return missing;
  }

  /** The sources of a file: the mirrors that have it, canonical first, then staging, then what mirrors keep of replaced and removed files. */
  sources(path: string): FileSource[] {
    const { staging } = this;
    const staged = `${this.stagingFolder}${path}`;
    return [
      ...this.#holders(path).map(({ files }) => ({
        bucket: files.bucket,
        isStaging: false,
        key: files.key(path),
        stat: () => files.stat(path),
      })),
      ...(staging === undefined
        ? []
        : [
            {
              bucket: staging,
              isStaging: true,
              key: staged,
              stat: (isAgain = false) => this.#staged(staging, staged, isAgain),
            },
          ]),
      ...this.all.map(({ files }) => ({
        bucket: files.bucket,
        isStaging: false,
        key: files.key(path),
        stat: () => files.keptVersion(path, this.wanted.get(path)!),
      })),
    ];
  }

  /** A staged object. When many files are missing, staging is listed once in place of a request for each. */
  async #staged(staging: Bucket, key: string, isAgain: boolean): Promise<Stored | undefined> {
    const { signal } = this.context;
    if (isAgain) return await statOf(staging, key, signal);
    this.#stagedFiles ??= this.#listStaged(staging);
    const listed = await this.#stagedFiles;
    return listed === undefined ? await statOf(staging, key, signal) : listed.get(key);
  }

  async #listStaged(staging: Bucket): Promise<ReadonlyMap<string, Stored> | undefined> {
    const listing = listingPrefix([...this.missing().keys()], this.wanted.keys());
    if (listing === undefined) return undefined;
    const found = new Map<string, Stored>();
    try {
      for await (const page of staging.pages(this.stagingFolder + listing.prefix, this.context.signal)) {
        for (const object of page) found.set(object.key, object);
        if (found.size > listing.most) return undefined; // other things are staged there too
      }
      return found;
    } catch {
      return undefined; // each file's own request says what is wrong
    }
  }

  /** The mirrors that have a file, canonical first. */
  #holders(path: string): FilesMirrorRun[] {
    const sha256 = this.wanted.get(path);
    return this.all.filter(
      ({ plan, present, replaced }) =>
        present.has(path) || replaced.get(path)?.sha256 === sha256 || (!plan.unknown && !plan.add.has(path)),
    );
  }

  /** The message if no source has a file. */
  nowhere(path: string): string {
    return this.staging === undefined
      ? "no mirror has it, and the project has no staging bucket"
      : `neither ${this.staging.url}/${this.stagingFolder}${path} nor any mirror has it`;
  }

  /** Whether no mirror has a file: then it enters production, and the policy is asked. */
  isNew(path: string): boolean {
    return this.#holders(path).length === 0;
  }

  /** Why the policy does not let a file in. */
  async #refusal(path: string): Promise<unknown> {
    try {
      return (await this.verifier.unsatisfied(path))[0];
    } catch (error) {
      return error;
    }
  }

  /** Copies every missing file: one download for all the mirrors that lack it. What no mirror has does not wait for what is filled. */
  #copies(): Promise<void>[] {
    const copy = async (path: string, mirrors: readonly FilesMirrorRun[]): Promise<void> => {
      // The preview has shown the same; in between, staging may have changed.
      const refusal = this.isNew(path) ? await this.#refusal(path) : undefined;
      if (refusal !== undefined) {
        for (const mirror of mirrors) this.stepFailed(mirror, path, refusal);
        return;
      }
      const proven = await this.#prove(path, mirrors);
      await Promise.all(proven.map((mirror) => this.#clearTheWay(mirror, path)));
      const ready = proven.filter((mirror) => mirror.missing.has(path) && !mirror.unwanted.has(path));
      await this.#copyTo(path, this.wanted.get(path)!, ready);
      await this.#recordPartsEtag(path);
    };
    const missing = this.missing();
    const copies = [...missing].map(([path, mirrors]) =>
      this.isNew(path) ? copy(path, mirrors) : inShare(this.filling, () => copy(path, mirrors)),
    );
    const others = this.#lookedAt().filter((path) => !missing.has(path));
    return [...copies, ...others.map((path) => inShare(this.filling, async () => void (await this.#prove(path, []))))];
  }

  /** Files whose proofs this run looks after. */
  #lookedAt(): string[] {
    const paths = new Set(this.all.flatMap(({ plan }) => [...plan.add.keys()]));
    return [...paths].filter((path) => this.prover.covers(path));
  }

  /**
   * Brings the promotion's proof of a file to the mirrors that this run looks at and that lack it, before the file: so whoever finds the file finds
   * its proof. @param mirrors those that lack the file. @returns those of them that may get it.
   */
  async #prove(path: string, mirrors: readonly FilesMirrorRun[]): Promise<readonly FilesMirrorRun[]> {
    if (!this.prover.covers(path)) return mirrors;
    let proof: FileProof | undefined;
    try {
      proof = await this.prover.proofOf(path, mirrors.length > 0 && this.isNew(path));
    } catch (error) {
      const failing = mirrors.length > 0 ? mirrors : this.all.filter(({ plan }) => plan.add.has(path));
      for (const mirror of failing) this.stepFailed(mirror, path, error);
      return [];
    }
    const failed = new Set<FilesMirrorRun>();
    await Promise.all(
      this.all.map(async (mirror) => {
        if (!mirror.plan.add.has(path) || this.failures.at(mirror.name).has(path)) return;
        if (proof !== undefined && !this.prover.has(mirror, path, proof)) {
          const isAlone = !mirrors.includes(mirror);
          if (isAlone) mirror.total++;
          try {
            await this.prover.bring(mirror, path, proof);
            mirror.bytes += proof.bytes.length;
            if (isAlone) this.stepDone(mirror);
          } catch (error) {
            failed.add(mirror);
            this.stepFailed(mirror, path, error);
            return;
          }
        }
        this.prover.settle(mirror, path);
      }),
    );
    return mirrors.filter((mirror) => !failed.has(mirror));
  }

  /** Removes other content where a file is to be restored. The store keeps it for a while, like any removed file. */
  async #clearTheWay(mirror: FilesMirrorRun, path: string): Promise<void> {
    const object = mirror.unwanted.get(path);
    if (object === undefined) return;
    await this.#trying(mirror, path, async () => {
      await mirror.files.attempt(() => mirror.files.bucket.remove(object, this.context.signal));
      mirror.unwanted.delete(path);
    });
  }

  /**
   * Brings a file to mirrors: inside each store from a mirror that has it, else sent once to the first mirror of the store, and inside the store from there.
   * What a store cannot copy is sent.
   */
  async #copyTo(path: string, sha256: string, mirrors: readonly FilesMirrorRun[]): Promise<void> {
    // A store's copy cannot be made on the condition that it replaces a certain version.
    const replaces = mirrors.some(({ replaced }) => replaced.has(path));
    if (replaces) return void (await this.#send(path, sha256, mirrors));
    const left = await this.#copyInStores(path, sha256, mirrors);
    const first = left.filter((mirror, index) => left.findIndex((other) => other.kind === mirror.kind) === index);
    const cause = await this.#send(path, sha256, first);
    const others = left.filter((mirror) => !first.includes(mirror));
    if (cause !== undefined) {
      for (const mirror of others) this.stepFailed(mirror, path, cause);
      return;
    }
    await this.#send(path, sha256, await this.#copyInStores(path, sha256, others));
  }

  /** Copies inside the stores, the canonical mirror first. @returns the mirrors whose store has no copy to start from, or cannot copy. */
  async #copyInStores(
    path: string,
    sha256: string,
    mirrors: readonly FilesMirrorRun[],
  ): Promise<readonly FilesMirrorRun[]> {
    const holders = this.#holders(path);
    const sources = new Map<FilesMirrorRun["kind"], Promise<StoreCopySource | undefined>>();
    const copied = async (mirror: FilesMirrorRun): Promise<boolean> => {
      const source = sources.get(mirror.kind) ?? storeCopySource(holders, mirror.kind, path, sha256);
      sources.set(mirror.kind, source);
      const from = await source;
      return from !== undefined && (await this.#copyInStore(path, from, mirror));
    };
    const left = new Set<FilesMirrorRun>();
    const copy = async (mirror: FilesMirrorRun): Promise<void> => {
      if (!(await copied(mirror))) left.add(mirror);
    };
    const [canonical] = mirrors;
    if (canonical !== undefined) await copy(canonical);
    await Promise.all(mirrors.slice(1).map(copy));
    return mirrors.filter((mirror) => left.has(mirror));
  }

  async #copyInStore(path: string, { bucket, object }: StoreCopySource, mirror: FilesMirrorRun): Promise<boolean> {
    const { signal } = this.context;
    const { files } = mirror;
    if (mirror.cannotCopy || files.givenUp !== undefined) return false;
    let told = 0;
    const copied = (bytes: number): void => {
      told += bytes;
      mirror.bytes += bytes;
      this.report("bytes");
    };
    try {
      await files.bucket.copyFrom(bucket, object, files.key(path), this.headers(path), signal, copied);
      mirror.breaker.succeeded();
    } catch (error) {
      if (signal.aborted) return false;
      if (!(error instanceof ObjectExists)) {
        mirror.cannotCopy = true; // for another reason than this file, most likely: a permission, a store without copies
        return false;
      }
      try {
        await this.#sameAlready(mirror, path, object.sha256);
      } catch (other) {
        this.stepFailed(mirror, path, other);
        return true;
      }
    }
    mirror.bytes += object.size - told;
    this.#copiedTo(mirror, path);
    return true;
  }

  #copiedTo(mirror: FilesMirrorRun, path: string): void {
    mirror.missing.delete(path);
    mirror.present.add(path);
    if (mirror.replaced.delete(path)) this.counts.replaced++;
    else this.counts.copied++;
    this.stepDone(mirror);
  }

  /**
   * Sends a file from the first source that has it: one download for all these mirrors. From staging it is only read where the store can copy what was
   * read. @returns why no source could be used, if so.
   */
  async #send(path: string, sha256: string, mirrors: readonly FilesMirrorRun[]): Promise<unknown> {
    if (mirrors.length === 0) return undefined;
    const { signal } = this.context;
    let left = mirrors;
    const causes: string[] = [];
    const failures: unknown[] = [];
    for (const source of this.sources(path)) {
      let object: Stored | undefined;
      try {
        // An upload that the store has forgotten is started again, once; what the store did not copy is sent.
        for (const attempt of ["first", "last"] as const) {
          object = await source.stat(attempt === "last");
          if (object === undefined) break;
          const content = await contentOf(source.bucket, object, sha256, signal);
          left = await this.#copyFrom(source, object, content, path, left, attempt);
          if (left.length === 0) return undefined;
        }
      } catch (error) {
        if (signal.aborted) break;
        causes.push(causeAt(source, object, error));
        failures.push(error);
      }
    }
    const why = causes.length > 0 ? causes.join("; ") : this.nowhere(path);
    const cause = signal.aborted ? signal.reason : new UnreadableFile(why, failures);
    for (const mirror of left) this.stepFailed(mirror, path, cause);
    return cause;
  }

  /** Leaves out mirrors that were given up in the meantime; there the file counts as failed. */
  #notGivenUp(path: string, mirrors: readonly FilesMirrorRun[]): FilesMirrorRun[] {
    return mirrors.filter((mirror) => {
      const { givenUp } = mirror.files;
      if (givenUp !== undefined) this.stepFailed(mirror, path, givenUp);
      return givenUp === undefined;
    });
  }

  /** @returns the mirrors for which another attempt is useful. */
  async #copyFrom(
    source: FileSource,
    object: Stored,
    content: Content,
    path: string,
    mirrors: readonly FilesMirrorRun[],
    attempt: "first" | "last",
  ): Promise<readonly FilesMirrorRun[]> {
    // Nothing in here may wait for memory itself: copies that hold all of it would deadlock.
    const failures = await withMemoryFor(object.size, () =>
      this.#sendAll(source, object, content, path, this.#notGivenUp(path, mirrors), attempt === "first"),
    );
    const again: FilesMirrorRun[] = [];
    await Promise.all(
      [...failures].map(async ([mirror, failure]) => {
        if (failure instanceof CopyFailed && !failure.isOfThisObject) mirror.cannotCopyStaged = true;
        if (attempt === "first" && (failure instanceof UploadLost || failure instanceof CopyFailed)) {
          again.push(mirror);
          return;
        }
        await this.#trying(mirror, path, async () => {
          if (failure instanceof ObjectExists) await this.#sameAlready(mirror, path, content.sha256);
          else if (failure !== undefined) throw mirror.files.failed(failure);
          else mirror.breaker.succeeded();
          this.#copiedTo(mirror, path);
        });
      }),
    );
    return again;
  }

  /**
   * One download for all these mirrors. @param mayCopy what is staged may be copied inside the store.
   * @returns for each mirror why it does not have the file; undefined if it has.
   */
  async #sendAll(
    source: FileSource,
    object: Stored,
    content: Content,
    path: string,
    mirrors: readonly FilesMirrorRun[],
    mayCopy: boolean,
  ): Promise<ReadonlyMap<FilesMirrorRun, unknown>> {
    const { signal } = this.context;
    if (mirrors.length === 0) return new Map();
    const staged = mayCopy && source.isStaging && isCopyable(object) ? object : undefined;
    const destinations = await Promise.all(
      mirrors.map(async (mirror) => ({
        upload: await this.#uploadTo(mirror, path, content, staged),
        received: (bytes: number) => {
          mirror.bytes += bytes;
          this.report("bytes");
        },
      })),
    );
    const reading = readAll(source.bucket, object, signal);
    const failures = await (copiesOnly(destinations)
      ? copyAll(reading, content, destinations)
      : fanOut(reading, content, destinations));
    for (const [index, { upload }] of destinations.entries()) {
      if (failures[index] === undefined && upload.partsEtag !== undefined) this.#partsEtags.set(path, upload.partsEtag);
    }
    return new Map(mirrors.map((mirror, index) => [mirror, failures[index]]));
  }

  /** Records with the first copy in GCS, by which inventories read listings of S3. What cannot be recorded is asked for there: no failure. */
  async #recordPartsEtag(path: string): Promise<void> {
    const etag = this.#partsEtags.get(path);
    const first = this.all.find(({ kind }) => kind === "gcs");
    if (etag === undefined || first === undefined || first.givenUp !== undefined || this.#mayNotRecord) return;
    const { bucket } = first.files;
    const { signal } = this.context;
    try {
      const object = await statOf(bucket, first.files.key(path), signal);
      if (object?.sha256 === this.wanted.get(path) && object?.partsEtag !== etag)
        await bucket.recordPartsEtag(object!, etag, signal);
    } catch {
      this.#mayNotRecord = true;
    }
  }

  /** @param staged what is read, if it may be copied inside its store. */
  async #uploadTo(mirror: FilesMirrorRun, path: string, content: Content, staged: Stored | undefined): Promise<Upload> {
    const { signal } = this.context;
    const { bucket } = mirror.files;
    const key = mirror.files.key(path);
    const headers = this.headers(path);
    const over = mirror.replaced.get(path);
    // A copy is never made over another version, and staging is in GCS.
    if (staged === undefined || over !== undefined || mirror.kind !== "gcs" || mirror.cannotCopyStaged)
      return await bucket.create(key, content, headers, signal, over);
    const source = { bucket: this.#stagingBucket, object: staged, sha256: content.sha256 };
    return new StagedCopy(source, { bucket, key, headers }, signal);
  }

  /** The key is taken: by this run's first attempt, whose response was lost, or by somebody else. */
  async #sameAlready(mirror: FilesMirrorRun, path: string, sha256: string): Promise<void> {
    const object = await mirror.files.stat(path);
    const found = object === undefined ? undefined : await mirror.files.identified(path, object);
    if (found?.sha256 === sha256) return;
    const changed = "it has changed since the run looked at it: the next run looks again";
    throw new OtherContent(
      found?.sha256 ?? "unknown",
      mirror.replaced.has(path) ? changed : this.mutability.refusal(path),
    );
  }

  /** Removes what is no longer wanted. */
  #removals(): Promise<void>[] {
    const { signal } = this.context;
    return this.all.flatMap((mirror) =>
      [...mirror.unwanted].map(async ([path, object]) => {
        if (this.wanted.has(path)) return; // in the place of a file to be restored: that failure is recorded already
        await this.#trying(mirror, path, async () => {
          await mirror.files.attempt(() => withMemoryFor(0, () => mirror.files.bucket.remove(object, signal)));
          mirror.unwanted.delete(path);
          if (mirror.plan.remove.has(path)) this.counts.removed++; // else the proof of a file that is counted
          this.stepDone(mirror);
        });
      }),
    );
  }

  differencesAt(mirror: FilesMirrorRun): string {
    const { name, plan, missing, unwanted, replaced } = mirror;
    const failed = this.failures.at(name);
    const lines = new Set<string>();
    for (const [path, sha256] of this.wanted) {
      if (missing.has(path) || failed.has(path)) lines.add(`+ ${fileLine(path, sha256)}`);
    }
    for (const [path, sha256] of [...plan.remove, ...plan.restore]) {
      // After a failed lookup it is unknown whether the object is still there.
      if (
        unwanted.has(path) ||
        unwanted.has(proofPath(path)) ||
        replaced.has(path) ||
        (failed.has(path) && !missing.has(path))
      )
        lines.add(`- ${fileLine(path, sha256)}`);
    }
    for (const path of this.prover.unsettled(mirror)) {
      const line = fileLine(path, this.wanted.get(path)!);
      if (!lines.has(`+ ${line}`)) lines.add(`~ ${line}`);
    }
    return joinLines(lines);
  }

  async #trying(mirror: FilesMirrorRun, path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.stepFailed(mirror, path, error);
    }
  }
}

/** No source gave the file. */
class UnreadableFile extends Error {
  readonly failureKind: FailureKind;

  /** @param failures of the sources that may have it; none: it is nowhere. */
  constructor(why: string, failures: readonly unknown[]) {
    super(why);
    this.failureKind = mostHopeful(failures.map(failureKind)) ?? "permanent";
  }
}

/** The path has other content. */
class OtherContent extends Error {
  readonly failureKind = "permanent";

  constructor(found: string, whatToDo: string) {
    super(`production holds other content there, sha256:${found}; ${whatToDo}`);
  }
}
