import { causeOf } from "../http/errors.ts";
import { differencesIn } from "../run/differences.ts";
import type { Context, FilesRequest, Inventory } from "../run/request.ts";
import { joinLines } from "../text/join-lines.ts";
import { printable } from "../text/printable.ts";
import { MirrorFiles, openBucket } from "./mirror-files.ts";
import { type Files, fileLine, parseFileLines } from "./plan.ts";

/** `InventoryRun` of request.ts for files: what every mirror really holds. Reads content only where a store cannot prove its digest. */
export async function takeFileInventory(request: FilesRequest, context: Context): Promise<Inventory> {
  const wanted = parseFileLines(request.files);
  const lines = new Set([...wanted].map(([path, sha256]) => fileLine(path, sha256)));
  const failures = request.mirrors.map((): string[] => []);
  const progress = request.mirrors.map(({ name }) => ({ name, done: 0, total: 0, failed: 0, bytes: 0 }));
  const differences = await Promise.all(
    request.mirrors.map(async (mirror, index) => {
      const files = new MirrorFiles(mirror.name, openBucket(request.storage, mirror), request.prefix, context.signal);
      try {
        const { held, unspeakable } = await contents(files, request.project, (done, total) => {
          progress[index] = { name: mirror.name, done, total, failed: 0, bytes: 0 };
          const sum = (of: "done" | "total"): number => progress.reduce((all, one) => all + one[of], 0);
          context.report({ done: sum("done"), total: sum("total"), failed: 0, bytes: 0, mirrors: progress });
        });
        for (const path of unspeakable) {
          const what = `has a file whose name is no text of one line, "${printable(path, 100)}": remove it by hand`;
          failures[index]!.push(`project ${request.project}, mirror ${mirror.name}: ${what}`);
        }
        const missing = [...wanted].filter(([path, sha256]) => held.get(path) !== sha256).map(asLine);
        const extra = [...held].filter(([path, sha256]) => wanted.get(path) !== sha256).map(asLine);
        for (const line of missing) lines.delete(line);
        for (const line of extra) lines.add(line);
        return joinLines([...missing.map((line) => `+ ${line}`), ...extra.map((line) => `- ${line}`)]);
      } catch (error) {
        context.signal.throwIfAborted();
        failures[index]!.push(`project ${request.project}, mirror ${mirror.name}: cannot be read: ${causeOf(error)}`);
        return "";
      }
    }),
  );
  const byName = new Map(request.mirrors.map(({ name }, index) => [name, differences[index]!]));
  return { text: joinLines(lines), incomplete: differencesIn(request.mirrors, byName), failures: failures.flat() };
}

function asLine([path, sha256]: readonly [string, string]): string {
  return fileLine(path, sha256);
}

/** Hex digests of all that the project has in one mirror, by path; and paths that cannot be told in a line, which S3 allows. */
async function contents(
  files: MirrorFiles,
  project: string,
  report: (done: number, total: number) => void,
): Promise<{ held: Files; unspeakable: readonly string[] }> {
  const listed = await files.list({ absentIsEmpty: true }); // a lost region's; the next run fills the new one
  const held = new Map<string, string>();
  const unspeakable = [...listed.keys()].filter((path) => isUnspeakable(path));
  for (const path of unspeakable) listed.delete(path);
  let done = 0;
  await Promise.all(
    [...listed].map(async ([path, object]) => {
      const found = await files.identified(path, object);
      // What another project wrote is not ours to judge, even if the prefixes of two projects overlap.
      const foreign = found?.project !== undefined && found.project !== project;
      if (found !== undefined && !foreign) held.set(path, found.sha256);
      report(++done, listed.size);
    }),
  );
  return { held, unspeakable };
}

function isUnspeakable(path: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(path);
}
