import { CircuitBreaker } from "../run/circuit-breaker.ts";
import { failureLine } from "../run/failures.ts";
import { inventoryOf, unreadable } from "../run/inventory.ts";
import { sumOf } from "../run/mirror-run.ts";
import type { Context, FileMirror, FilesRequest, Inventory } from "../run/request.ts";
import { severityInBucket } from "../storage/severity.ts";
import { joinLines } from "../text/join-lines.ts";
import { printable } from "../text/printable.ts";
import { MirrorFiles, openBucket } from "./mirror-files.ts";
import { type Files, fileLine, parseFileLines } from "./plan.ts";

/** What every mirror has of a project. Reads content only where a store cannot prove its digest. */
export async function takeFilesInventory(request: FilesRequest, context: Context): Promise<Inventory> {
  const { project, mirrors } = request;
  const wanted = parseFileLines(request.files);
  const failures = new Map<string, string[]>();
  const differences = new Map<string, string>();
  const progress = mirrors.map(({ name }) => ({ name, done: 0, total: 0, failed: 0, bytes: 0 }));
  const read = async (mirror: FileMirror, index: number): Promise<void> => {
    const { name } = mirror;
    const breaker = new CircuitBreaker(severityInBucket);
    const files = new MirrorFiles(openBucket(request.storage, mirror), request.prefix, breaker, context.signal);
    try {
      const { present, unprintable } = await contents(files, project, (done, total) => {
        progress[index] = { name, done, total, failed: 0, bytes: 0 };
        context.report(sumOf(progress));
      });
      const lines = unprintable.map((path) => {
        const what = `has a file whose name is not one line of text, "${printable(path, 100)}": remove it by hand`;
        return failureLine({ project, mirrors: [name] }, what);
      });
      failures.set(name, lines);
      const missing = [...wanted].filter(([path, sha256]) => present.get(path) !== sha256);
      const extra = [...present].filter(([path, sha256]) => wanted.get(path) !== sha256);
      differences.set(name, joinLines([...missing.map(marked("+")), ...extra.map(marked("-"))]));
    } catch (error) {
      context.signal.throwIfAborted();
      failures.set(name, [unreadable(project, name, error)]);
    }
  };
  await Promise.all(mirrors.map(read));
  const lines = [...wanted].map(([path, sha256]) => fileLine(path, sha256));
  return inventoryOf(mirrors, lines, differences, failures);
}

function marked(sign: "+" | "-"): (file: readonly [string, string]) => string {
  return ([path, sha256]) => `${sign} ${fileLine(path, sha256)}`;
}

/** Hex digests of all files of the project in one mirror, by path; and paths that a line cannot contain, which S3 allows. */
async function contents(
  files: MirrorFiles,
  project: string,
  report: (done: number, total: number) => void,
): Promise<{ present: Files; unprintable: readonly string[] }> {
  const listed = await files.list({ absentIsEmpty: true }); // the bucket of a lost region; the next run fills the new one
  const present = new Map<string, string>();
  const unprintable = [...listed.keys()].filter((path) => isUnprintable(path));
  for (const path of unprintable) listed.delete(path);
  let done = 0;
  await Promise.all(
    [...listed].map(async ([path, object]) => {
      const found = await files.identified(path, object);
      // Another project's object is not a difference of this project, even if the prefixes of the two overlap.
      const isForeign = found?.project !== undefined && found.project !== project;
      if (found !== undefined && !isForeign) present.set(path, found.sha256);
      report(++done, listed.size);
    }),
  );
  return { present, unprintable };
}

function isUnprintable(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(path);
}
