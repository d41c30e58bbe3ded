import { causeOf } from "../http/errors.ts";
import { BucketAbsent } from "../storage/bucket.ts";
import { formatCount } from "../text/format-count.ts";
import { MirrorLost } from "./mirror-files.ts";
import { type Files, fileLine } from "./plan.ts";

/** What went wrong in one run, and the lines that say so. */
export class FileFailures {
  readonly #project: string;
  readonly #wanted: Files;
  readonly #mirrors: readonly string[];
  readonly #signal: AbortSignal;
  readonly #all: { readonly mirror: string; readonly path: string; readonly cause: unknown }[] = [];
  readonly #paths = new Map<string, Set<string>>();

  /** @param mirrors their names, in the order in which lines name them. */
  constructor(project: string, mirrors: readonly string[], wanted: Files, signal: AbortSignal) {
    this.#project = project;
    this.#mirrors = mirrors;
    this.#wanted = wanted;
    this.#signal = signal;
  }

  /** A file fails at a mirror once, for the first cause. @returns whether this is it. */
  add(mirror: string, path: string, cause: unknown): boolean {
    const paths = this.#paths.get(mirror) ?? new Set();
    this.#paths.set(mirror, paths);
    if (paths.has(path)) return false;
    paths.add(path);
    this.#all.push({ mirror, path, cause });
    return true;
  }

  /** Paths that failed at a mirror. */
  at(mirror: string): ReadonlySet<string> {
    return this.#paths.get(mirror) ?? new Set();
  }

  /** A line for each file and cause, with the mirrors; one for a mirror that was given up; one for a run that was stopped. */
  lines(): string[] {
    const files = new Map<string, { path: string; cause: string; mirrors: string[] }>();
    const lost = new Map<string, { count: number; cause: string }>();
    let stopped = 0;
    for (const { mirror, path, cause } of this.#all) {
      if (this.#signal.aborted && isStop(cause, this.#signal)) {
        stopped++;
      } else if (cause instanceof MirrorLost || cause instanceof BucketAbsent) {
        lost.set(mirror, { count: (lost.get(mirror)?.count ?? 0) + 1, cause: causeOf(cause) });
      } else {
        const text = causeOf(cause);
        const failure = files.get(`${path}\n${text}`) ?? { path, cause: text, mirrors: [] };
        failure.mirrors.push(mirror);
        files.set(`${path}\n${text}`, failure);
      }
    }
    return [
      ...[...files.values()].map(({ path, cause, mirrors }) => this.line(path, cause, mirrors)).sort(),
      ...[...lost].map(
        ([mirror, { count, cause }]) =>
          `project ${this.#project}, mirror ${mirror}: given up with ${counted(count)} to go: ${cause}`,
      ),
      ...(stopped > 0 ? [`project ${this.#project}: stopped with ${counted(stopped)} to go`] : []),
    ];
  }

  /** One line that names project, file, mirrors and cause. */
  line(path: string, cause: string, mirrors: readonly string[] = []): string {
    const sha256 = this.#wanted.get(path);
    const file = sha256 === undefined ? path : fileLine(path, sha256);
    const named = this.#mirrors.filter((name) => mirrors.includes(name));
    const where = named.length === 0 ? "" : `, mirror ${named.join(", ")}`;
    return `project ${this.#project}, file ${file}${where}: ${cause}`;
  }
}

function isStop(cause: unknown, signal: AbortSignal): boolean {
  return cause === signal.reason || (cause instanceof Error && cause.name === "AbortError");
}

function counted(files: number): string {
  return `${formatCount(files)} file${files === 1 ? "" : "s"}`;
}
