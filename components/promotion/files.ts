/** Brings a project's release files in every mirror to what its manifest says, and says what it would do. */
import { fileLine, joinLines, type MirrorPlan, parseFileLines, planFiles } from "./files-plan.ts";
import { MirrorFiles, MirrorLost, measured, openBucket, statOf, withMemoryFor } from "./mirror-files.ts";
import { releaseFileHeaders } from "./release-file.ts";
import type { Context, FilesRequest, Outcome, Preview, Previous } from "./request.ts";
import {
  type Bucket,
  BucketAbsent,
  type Content,
  chunkBytes,
  ObjectExists,
  type Stored,
  UploadLost,
} from "./storage/bucket.ts";
import { fanOut, measure, readAll, WrongContent } from "./storage/fan-out.ts";

/** `PromoteRun` of request.ts for files. Throws only what the plan throws: unreadable lines, the removal guard. */
export async function promoteFiles(
  request: FilesRequest,
  previous: Previous<FilesRequest> | undefined,
  context: Context,
): Promise<Outcome> {
  const run = new FilesRun(request, planFiles(request, previous), context);
  await run.look();
  await run.copyAll();
  await run.removeAll();
  return run.outcome();
}

/** `RemoveRun` of request.ts for files. */
export async function removeFiles(previous: Previous<FilesRequest>, context: Context): Promise<Outcome> {
  return await promoteFiles({ ...previous.request, files: "" }, previous, context);
}

/**
 * `PreviewRun` of request.ts for files. Also reads what is to be copied, up to 2 GiB, so that a wrong sha256 is found before the
 * merge.
 */
export async function previewFiles(
  request: FilesRequest,
  previous: Previous<FilesRequest> | undefined,
  context: Context,
): Promise<Preview> {
  const run = new FilesRun(request, planFiles(request, previous), context);
  await run.look({ bucketsMayBeAbsent: true });
  return await run.preview();
}

/** Bytes of staged files that one preview reads to verify them. */
const previewReads = 2 * 1024 * 1024 * 1024;

/** A piece of work that failed. */
interface Failure {
  readonly mirror: string;
  readonly path: string;
  readonly cause: unknown;
}

class MirrorRun {
  readonly plan: MirrorPlan;
  readonly files: MirrorFiles;
  /** What is there under the paths of the plan. */
  present = new Map<string, Stored>();
  /** Wanted and not there. */
  readonly missing = new Map<string, string>();
  /** Not wanted and there, or there in the way of a restored file. */
  readonly unwanted = new Map<string, Stored>();
  total = 0;
  done = 0;
  failed = 0;
  bytes = 0;

  constructor(plan: MirrorPlan, files: MirrorFiles) {
    this.plan = plan;
    this.files = files;
  }
}

/** Where a file may come from. */
interface Source {
  readonly bucket: Bucket;
  readonly key: string;
  stat(): Promise<Stored | undefined>;
}

class FilesRun {
  readonly #request: FilesRequest;
  readonly #context: Context;
  readonly #mirrors: readonly MirrorRun[];
  readonly #staging: Bucket | undefined;
  readonly #wanted: ReadonlyMap<string, string>;
  readonly #failures: Failure[] = [];
  #copies = 0;
  #removals = 0;

  constructor(request: FilesRequest, plans: readonly MirrorPlan[], context: Context) {
    this.#request = request;
    this.#context = context;
    this.#wanted = parseFileLines(request.files);
    this.#mirrors = plans.map((plan) => {
      const bucket = openBucket(request.storage, plan.mirror);
      return new MirrorRun(plan, new MirrorFiles(plan.mirror.name, bucket, request.prefix, context.signal));
    });
    this.#staging =
      request.staging === "" ? undefined : openBucket(request.storage, { kind: "gcs", bucket: request.staging });
  }

  /** Asks every mirror about what the plan names, and finds what is to be done there. */
  async look(options: { readonly bucketsMayBeAbsent: boolean } = { bucketsMayBeAbsent: false }): Promise<void> {
    await Promise.all(
      this.#mirrors.map(async (mirror) => {
        const { plan, files } = mirror;
        if (plan.unknown) {
          try {
            mirror.present = await files.list();
          } catch (error) {
            if (!(options.bucketsMayBeAbsent && error instanceof BucketAbsent)) {
              for (const path of plan.add.keys()) this.#fail(mirror, path, error);
              return;
            }
          }
        }
        await Promise.all([
          ...[...plan.add].map(([path, sha256]) => this.#lookAt(mirror, path, sha256)),
          ...[...plan.remove.keys()].map((path) => this.#lookAt(mirror, path, undefined)),
        ]);
      }),
    );
    for (const mirror of this.#mirrors) {
      const removals = [...mirror.unwanted.keys()].filter((path) => !this.#wanted.has(path));
      mirror.total = mirror.missing.size + removals.length + mirror.failed;
    }
    this.#report();
  }

  async #lookAt(mirror: MirrorRun, path: string, sha256: string | undefined): Promise<void> {
    const { plan, files, present } = mirror;
    try {
      const object = plan.unknown ? present.get(path) : await files.stat(path);
      if (object !== undefined) present.set(path, object);
      if (sha256 === undefined) {
        if (object !== undefined) mirror.unwanted.set(path, this.#removable(object));
        return;
      }
      const found = object === undefined ? undefined : (await files.identified(path, object))?.sha256;
      if (found === sha256) return;
      if (object === undefined || found === undefined) {
        mirror.missing.set(path, sha256);
      } else if (plan.restore.has(path)) {
        mirror.unwanted.set(path, this.#removable(object));
        mirror.missing.set(path, sha256);
      } else {
        throw new OtherContent(found);
      }
    } catch (error) {
      this.#fail(mirror, path, error);
    }
  }

  /** Another project's object is never removed, even if two projects' prefixes overlap. */
  #removable(object: Stored): Stored {
    if (object.project === undefined || object.project === this.#request.project) return object;
    throw new Error(`the object belongs to project ${object.project}`);
  }

  /** Copies every missing file: one download for all the mirrors that lack it. */
  async copyAll(): Promise<void> {
    const missing = this.#missing();
    await Promise.all(
      [...missing].map(async ([path, mirrors]) => {
        await this.#clearTheWay(path, mirrors);
        const ready = mirrors.filter((mirror) => mirror.missing.has(path));
        if (ready.length > 0) await this.#copy(path, this.#wanted.get(path)!, ready);
        this.#report();
      }),
    );
  }

  /** Removes other content where a file is to be restored. */
  async #clearTheWay(path: string, mirrors: readonly MirrorRun[]): Promise<void> {
    for (const mirror of mirrors) {
      const object = mirror.unwanted.get(path);
      if (object === undefined) continue;
      try {
        await mirror.files.attempt(() => mirror.files.bucket.remove(object, this.#context.signal));
        mirror.unwanted.delete(path);
      } catch (error) {
        mirror.missing.delete(path);
        this.#fail(mirror, path, error);
      }
    }
  }

  async #copy(path: string, sha256: string, mirrors: readonly MirrorRun[]): Promise<void> {
    let left = mirrors;
    const causes: string[] = [];
    for (const source of this.#sources(path)) {
      let object: Stored | undefined;
      try {
        object = await source.stat();
        if (object === undefined) continue;
        const from = object;
        // An upload that the store has forgotten is begun again, once.
        for (let attempt = 1; attempt <= 2 && left.length > 0; attempt++) {
          left = await withMemoryFor(object.size, () =>
            this.#copyFrom(source, from, path, sha256, left, attempt === 2),
          );
        }
      } catch (error) {
        if (this.#context.signal.aborted) break;
        causes.push(causeAt(source, object, error));
      }
      if (left.length === 0) return;
    }
    const cause = new Error(causes.length > 0 ? causes.join("; ") : this.#nowhere(path));
    for (const mirror of left) this.#fail(mirror, path, cause);
  }

  /** @returns the mirrors at which another attempt makes sense. */
  async #copyFrom(
    source: Source,
    object: Stored,
    path: string,
    sha256: string,
    mirrors: readonly MirrorRun[],
    lastAttempt: boolean,
  ): Promise<readonly MirrorRun[]> {
    const { signal } = this.#context;
    const content = await contentOf(source.bucket, object, sha256, signal);
    const headers = releaseFileHeaders(this.#request.project, path);
    const uploads = await Promise.all(
      mirrors.map(({ files }) => files.bucket.create(files.key(path), content, headers, signal)),
    );
    const failures = await fanOut(
      readAll(source.bucket, object, signal),
      content,
      mirrors.map((mirror, index) => ({
        upload: uploads[index]!,
        received: (bytes) => {
          mirror.bytes += bytes;
          this.#report();
        },
      })),
    );
    const again: MirrorRun[] = [];
    await Promise.all(
      mirrors.map(async (mirror, index) => {
        const failure = failures[index];
        try {
          if (failure instanceof UploadLost && !lastAttempt) {
            again.push(mirror);
            return;
          }
          if (failure instanceof ObjectExists) await this.#sameAlready(mirror, path, sha256);
          else if (failure !== undefined) throw failure;
          mirror.missing.delete(path);
          mirror.done++;
          this.#copies++;
        } catch (error) {
          mirror.files.failed(error);
          this.#fail(mirror, path, error);
        }
      }),
    );
    return again;
  }

  /** The key was taken meanwhile: by our own first attempt, whose answer was lost, or by somebody else. */
  async #sameAlready(mirror: MirrorRun, path: string, sha256: string): Promise<void> {
    const object = await mirror.files.stat(path);
    const found = object === undefined ? undefined : (await mirror.files.identified(path, object))?.sha256;
    if (found !== sha256) throw new OtherContent(found ?? "unknown");
  }

  /** Mirrors that hold the file, canonical first, then staging: any of them is as good, the content is verified. */
  #sources(path: string): Source[] {
    const { signal } = this.#context;
    const mirrors = this.#mirrors
      .filter(({ plan, present, missing }) => !missing.has(path) && (present.has(path) || !plan.unknown))
      .filter(({ plan, present }) => present.has(path) || !plan.add.has(path))
      .map(({ files }) => ({ bucket: files.bucket, key: files.key(path), stat: () => files.stat(path) }));
    const staging = this.#staging;
    if (staging === undefined) return mirrors;
    return [...mirrors, { bucket: staging, key: path, stat: () => statOf(staging, path, signal) }];
  }

  #nowhere(path: string): string {
    return this.#staging === undefined
      ? "no mirror has it, and the project has no staging bucket"
      : `neither ${this.#staging.url}/${path} nor any mirror has it`;
  }

  async removeAll(): Promise<void> {
    const { signal } = this.#context;
    await Promise.all(
      this.#mirrors.flatMap((mirror) =>
        [...mirror.unwanted].map(async ([path, object]) => {
          if (this.#wanted.has(path)) return; // in the way of a copy that has failed: the failure is recorded
          try {
            await mirror.files.attempt(() => withMemoryFor(0, () => mirror.files.bucket.remove(object, signal)));
            mirror.unwanted.delete(path);
            mirror.done++;
            this.#removals++;
            this.#report();
          } catch (error) {
            this.#fail(mirror, path, error);
          }
        }),
      ),
    );
  }

  /** What a real run would do, and why it would fail. */
  async preview(): Promise<Preview> {
    const { signal } = this.#context;
    const errors = this.#failureLines();
    const warnings: string[] = [];
    const lines: string[] = [];
    let unread = 0;
    let reads = previewReads;
    await Promise.all(
      [...this.#missing()].map(async ([path, mirrors]) => {
        const sha256 = this.#wanted.get(path)!;
        const causes: string[] = [];
        for (const source of this.#sources(path)) {
          let object: Stored | undefined;
          try {
            object = await source.stat();
            if (object === undefined) continue;
            let found = object.sha256;
            if (found === undefined && object.size <= reads) {
              reads -= object.size;
              found = (await measured(source.bucket, object, signal)).sha256;
            }
            if (found === undefined) unread++;
            else if (found !== sha256) throw new WrongContent("", found);
            lines.push(
              `copy ${fileLine(path, sha256)} (${object.size.toLocaleString("en-US")} bytes) from ` +
                `${source.bucket.url} to ${mirrors.map(({ files }) => files.name).join(", ")}`,
            );
            return;
          } catch (error) {
            signal.throwIfAborted();
            causes.push(causeAt(source, object, error));
          }
        }
        errors.push(this.#line(path, sha256, causes.length > 0 ? causes.join("; ") : this.#nowhere(path)));
      }),
    );
    const removing = new Map<string, string[]>();
    for (const { unwanted, files } of this.#mirrors) {
      for (const path of unwanted.keys()) removing.set(path, [...(removing.get(path) ?? []), files.name]);
    }
    for (const [path, mirrors] of removing) {
      const why = this.#wanted.has(path) ? " (other content, to be restored)" : "";
      lines.push(`remove ${path} from ${mirrors.join(", ")}${why}`);
    }
    if (unread > 0)
      warnings.push(`project ${this.#request.project}: ${unread} large files are verified only when copied`);
    return { lines: lines.sort(), errors: errors.sort(), warnings };
  }

  outcome(): Outcome {
    const incomplete: Record<string, string> = {};
    for (const { plan, files, missing, unwanted } of this.#mirrors) {
      const failed = this.#failures.filter(({ mirror }) => mirror === files.name).map(({ path }) => path);
      const wanted = new Set([...missing.keys(), ...failed.filter((path) => this.#wanted.has(path))]);
      const lines = [...wanted].map((path) => `+ ${fileLine(path, this.#wanted.get(path)!)}`);
      const extra = new Set([...unwanted.keys(), ...failed.filter((path) => !this.#wanted.has(path))]);
      for (const path of extra) lines.push(`- ${fileLine(path, plan.remove.get(path) ?? this.#wanted.get(path)!)}`);
      if (lines.length > 0) incomplete[files.name] = joinLines(lines);
    }
    return { incomplete, failures: this.#failureLines(), summary: this.#summary() };
  }

  #summary(): string {
    const bytes = this.#mirrors.reduce((sum, mirror) => sum + mirror.bytes, 0);
    const mirrors = `${this.#mirrors.length} mirror${this.#mirrors.length === 1 ? "" : "s"}`;
    if (this.#copies + this.#removals === 0) return `files: nothing to do in ${mirrors}`;
    return `files: ${this.#copies} copied (${(bytes / 1024 / 1024).toFixed(1)} MiB), ${this.#removals} removed, ${mirrors}`;
  }

  #missing(): Map<string, MirrorRun[]> {
    const missing = new Map<string, MirrorRun[]>();
    for (const mirror of this.#mirrors) {
      for (const path of mirror.missing.keys()) missing.set(path, [...(missing.get(path) ?? []), mirror]);
    }
    return missing;
  }

  #fail(mirror: MirrorRun, path: string, cause: unknown): void {
    this.#failures.push({ mirror: mirror.files.name, path, cause });
    mirror.failed++;
    this.#report();
  }

  /** One line per failed file, cause and set of mirrors; one for a mirror that was given up; one for a run that was stopped. */
  #failureLines(): string[] {
    const { project } = this.#request;
    const lines: string[] = [];
    const lost = new Map<string, { count: number; cause: string }>();
    const failed = new Map<string, { path: string; cause: string; mirrors: string[] }>();
    let stopped = 0;
    for (const { mirror, path, cause } of this.#failures) {
      if (this.#context.signal.aborted && (cause === this.#context.signal.reason || isAbort(cause))) {
        stopped++;
      } else if (cause instanceof MirrorLost || cause instanceof BucketAbsent) {
        lost.set(mirror, { count: (lost.get(mirror)?.count ?? 0) + 1, cause: cause.message });
      } else {
        const text = messageOf(cause);
        const one = failed.get(`${path}\n${text}`) ?? { path, cause: text, mirrors: [] };
        one.mirrors.push(mirror);
        failed.set(`${path}\n${text}`, one);
      }
    }
    for (const { path, cause, mirrors } of failed.values()) {
      lines.push(this.#line(path, this.#wanted.get(path), cause, mirrors));
    }
    for (const [mirror, { count, cause }] of lost) {
      lines.push(`project ${project}, mirror ${mirror}: ${count} files are not as wanted: ${cause}`);
    }
    if (stopped > 0) {
      lines.push(`project ${project}: stopped with ${stopped} files to go; the next run goes on from there`);
    }
    return lines;
  }

  #line(path: string, sha256: string | undefined, cause: string, mirrors: readonly string[] = []): string {
    const file = sha256 === undefined ? path : fileLine(path, sha256);
    const where = mirrors.length === 0 ? "" : `, mirror ${mirrors.join(", ")}`;
    return `project ${this.#request.project}, file ${file}${where}: ${cause}`;
  }

  #report(): void {
    const mirrors = this.#mirrors.map(({ files, done, total, failed, bytes }) => ({
      name: files.name,
      done,
      total,
      failed,
      bytes,
    }));
    const sum = (of: "done" | "total" | "failed" | "bytes"): number => mirrors.reduce((all, one) => all + one[of], 0);
    this.#context.report({
      done: sum("done"),
      total: sum("total"),
      failed: sum("failed"),
      bytes: sum("bytes"),
      mirrors,
    });
  }
}

/** A file's path is taken by other content. */
class OtherContent extends Error {
  constructor(found: string) {
    super(
      `production holds other content there, sha256:${found}; a released file never changes: choose another path, ` +
        "or remove the file first and add it in a later change",
    );
  }
}

/** What is known of the content before it is copied; a large one without the store's CRC32C is read once for it. */
async function contentOf(bucket: Bucket, object: Stored, sha256: string, signal: AbortSignal): Promise<Content> {
  if (object.crc32c !== undefined) return { size: object.size, sha256, crc32c: object.crc32c };
  if (object.size <= chunkBytes(object.size)) return { size: object.size, sha256 };
  const found = await measure(readAll(bucket, object, signal));
  if (found.sha256 !== sha256) throw new WrongContent("", found.sha256);
  return found;
}

function causeAt(source: Source, object: Stored | undefined, error: unknown): string {
  const at = `${source.bucket.url}/${source.key}`;
  if (!(error instanceof WrongContent) || error.sha256 === undefined) {
    return error instanceof Error && error.message.startsWith(at) ? error.message : `${at}: ${messageOf(error)}`;
  }
  const hint =
    object?.encoding === undefined ? "" : ` (stored with Content-Encoding ${object.encoding}: stage it without)`;
  return `${at} has sha256:${error.sha256}, which is not what the manifest says${hint}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
