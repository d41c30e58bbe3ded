/** The plan of a promotion of files, computed from texts alone. Pure. */
import { afterSign } from "../run/differences.ts";
import { failureLine } from "../run/failures.ts";
import { guardRemoval, withdrawnReferences } from "../run/removal-guard.ts";
import type { FileMirror, FilesRequest, Previous } from "../run/request.ts";
import { mutabilityOf } from "./mutable-files.ts";
import { provenPath } from "./proof-path.ts";

/** Hex digests by path. */
export type Files = ReadonlyMap<string, string>;

/** The plan for one mirror: what to look up and what to change. */
export interface MirrorPlan {
  readonly mirror: FileMirror;
  /** Nothing is known of this mirror, so it is listed. Otherwise only the paths below are looked up. */
  readonly unknown: boolean;
  /** Wanted there, and not known to be there. */
  readonly add: Files;
  /**
   * The paths of {@link add} that have other content, because someone changed the mirror, with the digest found there.
   * To be restored.
   */
  readonly restore: Files;
  /** The paths of {@link add} whose proof of the promotion is known to be missing there, or another one. */
  readonly unproven: Files;
  /** Present, and no longer wanted; with their last-known digests. */
  readonly remove: Files;
}

/**
 * The plan for all mirrors, in the request's order. With `previous`, a mirror is asked only about what differs from it.
 * @throws if lines cannot be read, and at the removal guard.
 */
export function planFiles(request: FilesRequest, previous: Previous<FilesRequest> | undefined): MirrorPlan[] {
  const wanted = parseFileLines(request.files);
  const asked = parseFileLines(previous?.request.files ?? "");
  const { isMutable, mayMove } = mutabilityOf(request, previous);
  // This change declares it mutable, and the last run did not know: caches have to be told.
  const isNewlyMutable = (path: string) => isMutable(path) && !mayMove(path);
  const inProduction = new Set(asked.keys());
  const plans = request.mirrors.map((mirror): MirrorPlan => {
    if (previous === undefined || !isKnown(mirror, request, previous.request)) {
      return { mirror, unknown: true, add: wanted, restore: new Map(), unproven: new Map(), remove: new Map() };
    }
    const { missing, extra, unproven } = parseDifferences(previous.incomplete[mirror.name] ?? "");
    for (const path of extra.keys()) inProduction.add(path);
    const add = [...wanted].filter(
      ([path, sha256]) =>
        asked.get(path) !== sha256 ||
        missing.has(path) ||
        extra.has(path) ||
        unproven.has(path) ||
        (asked.has(path) && isNewlyMutable(path)),
    );
    const present = [...asked].filter(([path]) => !missing.has(path));
    return {
      mirror,
      unknown: false,
      add: new Map(add),
      restore: new Map([...extra].filter(([path]) => wanted.has(path))),
      unproven: new Map([...unproven].filter(([path]) => wanted.has(path))),
      remove: new Map([...present, ...extra].filter(([path]) => !wanted.has(path))),
    };
  });
  const removing = new Set(plans.flatMap(({ remove }) => [...remove.keys()]));
  const withdrawn = withdrawnReferences(request.withdrawn);
  const unannounced = [...removing].filter((path) => !withdrawn.has(path)).length;
  guardRemoval(request.project, "files", unannounced, inProduction.size, request.removalShare);
  return plans;
}

/**
 * Reads lines `path sha256:<hex>`.
 * @throws an error that names every invalid line.
 */
export function parseFileLines(text: string): Files {
  const files = new Map<string, string>();
  const wrong: string[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, path, sha256] = /^(.+) sha256:([0-9a-f]{64})$/.exec(line) ?? [];
    if (path === undefined || sha256 === undefined) wrong.push(`"${line}" is not a line "path sha256:<64 hex digits>"`);
    else if (files.has(path)) wrong.push(`"${line}": the path is listed twice`);
    else files.set(path, sha256);
  }
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
  return files;
}

/** Files that have the name of a proof that the run makes, one sentence each. */
export function reservedNames({ project, files, signing }: FilesRequest): string[] {
  if (signing === undefined) return [];
  return [...parseFileLines(files).keys()].flatMap((path) => {
    const about = provenPath(path);
    if (about === undefined) return [];
    const why = `the promotion writes its own proof of ${about} there: choose another name`;
    return failureLine({ project, what: `file ${path}` }, why);
  });
}

/** A line of the texts. */
export function fileLine(path: string, sha256: string): string {
  return `${path} sha256:${sha256}`;
}

function isKnown(mirror: FileMirror, request: FilesRequest, before: FilesRequest): boolean {
  return (
    before.prefix === request.prefix &&
    before.mirrors.some(
      ({ name, kind, bucket }) => name === mirror.name && kind === mirror.kind && bucket === mirror.bucket,
    )
  );
}

/**
 * One mirror's text in `Differences`: `+ ` lines are missing there; `- ` lines are there in addition to, or instead of,
 * what is wanted; of `~ ` lines the promotion's proof is missing, or another one.
 */
function parseDifferences(text: string): { readonly missing: Files; readonly extra: Files; readonly unproven: Files } {
  const lines = text.split("\n");
  const of = (sign: "+ " | "- " | "~ "): Files => parseFileLines(afterSign(sign, lines).join("\n"));
  return { missing: of("+ "), extra: of("- "), unproven: of("~ ") };
}
