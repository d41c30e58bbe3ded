import { WrongContent } from "../blobs/fan-out.ts";
import { causeOf } from "../http/errors.ts";
import { failureLine } from "../run/failures.ts";
import { linesOfGivenUp } from "../run/outcome.ts";
import type { Preview } from "../run/request.ts";
import { type Bucket, BucketAbsent, type Stored } from "../storage/bucket.ts";
import { countOf } from "../text/count-of.ts";
import { formatBytes } from "../text/format-bytes.ts";
import { printable } from "../text/printable.ts";
import { PolicyError } from "../trust/policy-error.ts";
import { reportTrust } from "../trust/report.ts";
import { isRequired } from "../trust/required.ts";
import { currentRoots, noticeOf } from "../trust/tuf-roots.ts";
import { contentChanges } from "./content-changes.ts";
import { explainMissingFile } from "./explain-absence.ts";
import { measured } from "./mirror-files.ts";
import { fileLine } from "./plan.ts";
import { provenPath } from "./proof-path.ts";
import type { FilesRun } from "./run.ts";
import { contradictions, type FoundFile } from "./sidecars.ts";
import { causeAt, type FileSource } from "./sources.ts";
import { withRefusals } from "./verify-files.ts";

/**
 * What a run would do. Also reads the files to copy, up to 2 GiB, so that a wrong sha256 is found before the merge.
 * @param planned what the plan has found wrong.
 */
export async function previewFilesRun(run: FilesRun, planned: readonly string[]): Promise<Preview> {
  const { project } = run;
  const { signal } = run.context;
  await run.look({ absentIsEmpty: true });
  const lines: string[] = [];
  const errors = [...planned, ...linesOfGivenUp(project, run.all), ...run.failures.lines()];
  const warnings: string[] = [];
  const stagingIsThere = run.staging === undefined || (await exists(run.staging, signal));
  const reader = new Reader(signal);
  let unchecked = 0;
  const staged = new Map<string, FoundFile>();
  const encoded = new Map<string, string>();
  const trust: string[] = [];
  await Promise.all(
    [...run.missing()].map(async ([path, mirrors]) => {
      const found = await reader.find(run, path);
      if ("object" in found) {
        const { object, source } = found;
        const from = source.bucket.url;
        staged.set(path, { bucket: source.bucket, object });
        const sha256 = run.wanted.get(path)!;
        const what = `${fileLine(path, sha256)} (${formatBytes(object.size)})`;
        const lacking = mirrors.filter(({ replaced }) => !replaced.has(path));
        if (lacking.length > 0)
          lines.push(`copy ${what} from ${from} to ${lacking.map(({ name }) => name).join(", ")}`);
        const content = { bucket: source.bucket, object: { ...object, sha256 } };
        for (const change of await contentChanges(path, mirrors, content, signal))
          lines.push(`${change} by ${what} from ${from}`);
        if (object.encoding !== undefined && !compressedName.test(path)) encoded.set(path, object.encoding);
      } else if (found.cause === undefined && !stagingIsThere) {
        unchecked++;
      } else {
        errors.push(run.failures.line(path, found.cause ?? (await absence(run, path))));
      }
    }),
  );
  const isNew = [...staged.keys()].filter((path) => run.isNew(path));
  for (const { path, ...found } of await Promise.all(isNew.map((one) => previewTrust(run, one)))) {
    trust.push(...found.trust);
    errors.push(...found.errors.map((each) => run.failures.line(path, each)));
    warnings.push(...found.warnings.map((each) => run.failures.line(path, each)));
  }
  for (const [path, wrong] of await contradictions(staged, run.wanted, signal))
    errors.push(...wrong.map((each) => run.failures.line(path, each)));
  lines.push(...removals(run), ...proofs(run));
  const warn = (what: string, ...mirrors: string[]): void =>
    void warnings.push(failureLine({ project, mirrors }, what));
  for (const mirror of await withoutHistory(run, signal)) {
    warn("its bucket keeps no earlier versions, so what is removed or replaced there cannot be undone", mirror);
  }
  if (unchecked > 0) {
    warn(`${run.staging?.url} does not exist yet, so ${countOf(unchecked, "file")} cannot be checked`);
  }
  if (reader.unread > 0) {
    warn(`not verified before the copy: ${countOf(reader.unread, "file")}, as a preview reads at most 2 GiB`);
  }
  for (const [path, encoding] of [...encoded].sort())
    warn(
      `${path} is staged with Content-Encoding ${printable(encoding, 20)}, and published without: clients get the compressed bytes, which its sha256 names. Stage it without, unless that is what they expect`,
    );
  for (const { name, unmanaged } of run.all) {
    if (unmanaged > 0) {
      const what = `${countOf(unmanaged, "unmanaged file")} left in place, which the manifest does not name`;
      warn(`${what}: \`pulumi refresh\` lists them, the next run then removes them`, name);
    }
  }
  const { trust: policy } = run.request;
  if (policy && isNew.length > 0) {
    const notice = await noticeOf(currentRoots(policy.trustedRoot, policy.signers));
    if (notice !== undefined) warnings.push(failureLine({ project }, notice));
  }
  return { lines: lines.sort(), trust: trust.sort(), errors: errors.sort(), warnings };
}

/** That no place has a file, and what staging has instead. */
async function absence(run: FilesRun, path: string): Promise<string> {
  const { staging, stagingFolder, context } = run;
  const instead = staging && (await explainMissingFile(staging, stagingFolder, path, context.signal));
  return instead === undefined ? run.nowhere(path) : `${run.nowhere(path)}; ${instead}`;
}

/** Files that everybody expects to be compressed: some tools stage them with the encoding too. */
const compressedName = /\.(gz|tgz|bz2|xz|zst|br|svgz)$/i;

/** What the policies say of a new file. */
async function previewTrust(
  { verifier, request, context }: FilesRun,
  path: string,
): Promise<{
  readonly path: string;
  readonly trust: string[];
  readonly errors: string[];
  readonly warnings: string[];
}> {
  const { trust: policy } = request;
  if (!verifier.covers(path)) return { path, trust: [], errors: [], warnings: [] };
  try {
    const found = policy && (await verifier.verify(path, policy));
    const missing = withRefusals(found?.verdict.missing ?? [], found?.refusals ?? []);
    const warnings = policy?.mode === "warn" && missing.length > 0 ? [new PolicyError(missing).message] : [];
    const errors = (await verifier.unsatisfied(path)).map(({ message }) => message);
    return { path, trust: found ? reportTrust(path, found.verdict) : [], errors, warnings };
  } catch (error) {
    context.signal.throwIfAborted();
    const unread = [`its signatures could not be read: ${causeOf(error)}`];
    return isRequired(request)
      ? { path, trust: [], errors: unread, warnings: [] }
      : { path, trust: [], errors: [], warnings: unread };
  }
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

  /** @returns the first source that has the file, or why none can be used; without a cause none has it. */
  async find(
    run: FilesRun,
    path: string,
  ): Promise<{ object: Stored; source: FileSource } | { cause: string | undefined }> {
    const causes: string[] = [];
    for (const source of run.sources(path)) {
      let object: Stored | undefined;
      try {
        object = await source.stat();
        if (object === undefined) continue;
        await this.#verify(source, object, run.wanted.get(path)!);
        return { object, source };
      } catch (error) {
        this.#signal.throwIfAborted();
        causes.push(causeAt(source, object, error));
      }
    }
    return { cause: causes.length > 0 ? causes.join("; ") : undefined };
  }

  async #verify({ bucket, isStaging }: FileSource, object: Stored, sha256: string): Promise<void> {
    let found = isStaging ? undefined : object.sha256;
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
  for (const { unwanted, name } of run.all) {
    // The proof of a file goes with it.
    for (const path of [...unwanted.keys()].filter((each) => !unwanted.has(provenPath(each) ?? "")))
      removing.set(path, [...(removing.get(path) ?? []), name]);
  }
  return [...removing].map(([path, mirrors]) => {
    const why = run.wanted.has(path) ? " (other content, to be restored)" : "";
    return `remove ${path} from ${mirrors.join(", ")}${why}`;
  });
}

/** Proofs that mirrors lack. */
function proofs({ prover }: FilesRun): string[] {
  return [...prover.lacking()].map(([path, mirrors]) => `restore the proof of ${path} in ${mirrors.join(", ")}`);
}

/** Mirrors that cannot restore what this run removes or replaces there. */
async function withoutHistory(run: FilesRun, signal: AbortSignal): Promise<string[]> {
  const asked = await Promise.all(
    run.all
      .filter(({ unwanted, replaced }) => unwanted.size + replaced.size > 0)
      .map(async ({ files, name }) => ((await files.bucket.keepsRemoved(signal)) === false ? [name] : [])),
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
