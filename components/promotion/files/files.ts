/** Brings a project's release files in every mirror to what its manifest says, and says beforehand what it would do. */

import { WrongContent } from "../blobs/fan-out.ts";
import type { Context, FilesRequest, Outcome, Preview, Previous } from "../run/request.ts";
import { type Bucket, BucketAbsent, type Stored } from "../storage/bucket.ts";
import { formatBytes } from "../text/format-bytes.ts";
import { measured } from "./mirror-files.ts";
import { fileLine, planFiles } from "./plan.ts";
import { FilesRun } from "./run.ts";
import { causeAt } from "./sources.ts";

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
 * merge and not after it.
 */
export async function previewFiles(
  request: FilesRequest,
  previous: Previous<FilesRequest> | undefined,
  context: Context,
): Promise<Preview> {
  const run = new FilesRun(request, planFiles(request, previous), context);
  await run.look({ absentIsEmpty: true });
  const lines: string[] = [];
  const errors = run.failures.lines();
  const warnings: string[] = [];
  const stagingIsThere = run.staging === undefined || (await exists(run.staging, context.signal));
  const reader = new Reader(context.signal);
  let unchecked = 0;
  await Promise.all(
    [...run.missing()].map(async ([path, mirrors]) => {
      const found = await reader.find(run, path);
      if ("object" in found) {
        const { object, from } = found;
        const to = mirrors.map(({ files }) => files.name).join(", ");
        lines.push(`copy ${fileLine(path, run.wanted.get(path)!)} (${formatBytes(object.size)}) from ${from} to ${to}`);
      } else if (found.cause === undefined && !stagingIsThere) {
        unchecked++;
      } else {
        errors.push(run.failures.line(path, found.cause ?? run.nowhere(path)));
      }
    }),
  );
  lines.push(...removals(run));
  const about = `project ${request.project}`;
  for (const mirror of await forgetful(run, context.signal)) {
    warnings.push(`${about}, mirror ${mirror}: its bucket keeps no removed files, so these removals cannot be undone`);
  }
  if (unchecked > 0)
    warnings.push(`${about}: ${run.staging?.url} does not exist yet, so ${unchecked} files can't be checked`);
  if (reader.unread > 0) warnings.push(`${about}: ${reader.unread} large files are verified only when they are copied`);
  for (const { files, strangers } of run.mirrors) {
    if (strangers > 0) {
      const what = `${about}, mirror ${files.name}: left alone are ${strangers} files that the manifest does not name`;
      warnings.push(`${what}; \`pulumi refresh\` lists them, the next run then removes them`);
    }
  }
  return { lines: lines.sort(), errors: errors.sort(), warnings };
}

/** Bytes of staged files that one preview reads to verify them. */
const previewReads = 2 * 1024 * 1024 * 1024;

/** Finds where files will come from, and verifies their content as far as the bytes allow. */
class Reader {
  /** Files found but not verified. */
  unread = 0;
  #left = previewReads;
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** @returns the first source that has the file, or why none will do; no cause = none has it. */
  async find(run: FilesRun, path: string): Promise<{ object: Stored; from: string } | { cause: string | undefined }> {
    const causes: string[] = [];
    for (const source of run.sources(path)) {
      let object: Stored | undefined;
      try {
        object = await source.stat();
        if (object === undefined) continue;
        await this.#verify(source.bucket, object, run.wanted.get(path)!);
        return { object, from: source.bucket.url };
      } catch (error) {
        this.#signal.throwIfAborted();
        causes.push(causeAt(source, object, error));
      }
    }
    return { cause: causes.length > 0 ? causes.join("; ") : undefined };
  }

  async #verify(bucket: Bucket, object: Stored, sha256: string): Promise<void> {
    let found = object.sha256;
    if (found === undefined && object.size <= this.#left) {
      this.#left -= object.size;
      found = (await measured(bucket, object, this.#signal)).sha256;
    }
    if (found === undefined) this.unread++;
    else if (found !== sha256) throw new WrongContent("other content", found);
  }
}

function removals(run: FilesRun): string[] {
  const removing = new Map<string, string[]>();
  for (const { unwanted, files } of run.mirrors) {
    for (const path of unwanted.keys()) removing.set(path, [...(removing.get(path) ?? []), files.name]);
  }
  return [...removing].map(([path, mirrors]) => {
    const why = run.wanted.has(path) ? " (other content, to be restored)" : "";
    return `remove ${path} from ${mirrors.join(", ")}${why}`;
  });
}

/** Mirrors that lose for ever what this run removes there. */
async function forgetful(run: FilesRun, signal: AbortSignal): Promise<string[]> {
  const asked = await Promise.all(
    run.mirrors
      .filter(({ unwanted }) => unwanted.size > 0)
      .map(async ({ files }) => ((await files.bucket.keepsRemoved(signal)) === false ? [files.name] : [])),
  );
  return asked.flat();
}

async function exists(bucket: Bucket, signal: AbortSignal): Promise<boolean> {
  try {
    for await (const _any of bucket.list("", signal)) break;
    return true;
  } catch (error) {
    if (error instanceof BucketAbsent) return false;
    throw error;
  }
}
