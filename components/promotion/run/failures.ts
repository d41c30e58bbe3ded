import { causeOf } from "../http/errors.ts";
import { type FailureKind, failureKind, mostHopeful } from "../http/failure-kind.ts";
import { GivenUpError } from "./circuit-breaker.ts";

/** The failures of one run, by mirror and step, and the lines that report them. */
export class Failures {
  readonly #project: string;
  readonly #mirrors: readonly string[];
  readonly #describe: (what: string) => string;
  readonly #failed = new Map<string, Set<string>>();
  readonly #alike = new Map<string, { readonly what: string; readonly cause: string; readonly mirrors: Set<string> }>();

  #kind: FailureKind | undefined;

  /**
   * @param mirrors names of the mirrors, in the order in which lines name them.
   * @param describe names a step's image or file for a line: `file a sha256:...`.
   */
  constructor(project: string, mirrors: readonly string[], describe: (what: string) => string) {
    this.#project = project;
    this.#mirrors = mirrors;
    this.#describe = describe;
  }

  /**
   * Records a failed step. Only the first cause of a step at a mirror counts. @returns whether this is the first.
   * @param cause a {@link GivenUpError} gets no line, since the mirror's line reports it. Neither does "unnamed", for
   * a run that was stopped.
   */
  add(mirror: string, what: string, cause: unknown): boolean {
    const failed = this.#failed.get(mirror) ?? new Set();
    this.#failed.set(mirror, failed);
    if (failed.has(what)) return false;
    failed.add(what);
    if (cause instanceof GivenUpError || cause === unnamed) return true;
    this.#kind = mostHopeful([this.#kind, failureKind(cause)]);
    const text = causeOf(cause);
    const key = `${what}\n${text}`;
    const known = this.#alike.get(key) ?? { what, cause: text, mirrors: new Set() };
    this.#alike.set(key, known);
    known.mirrors.add(mirror);
    return true;
  }

  /** What those that have lines say of a later run; undefined: there is none. */
  get kind(): FailureKind | undefined {
    return this.#kind;
  }

  /** The steps that failed at a mirror. */
  at(mirror: string): ReadonlySet<string> {
    return this.#failed.get(mirror) ?? new Set();
  }

  /** Sorted lines: one for each image or file and cause, with all mirrors at which it failed. */
  lines(): string[] {
    return [...this.#alike.values()].map(({ what, cause, mirrors }) => this.line(what, cause, mirrors)).sort();
  }

  /** One line that names project, image or file, mirrors and cause. */
  line(what: string, cause: string, mirrors: Iterable<string> = []): string {
    const names = new Set(mirrors);
    const named = this.#mirrors.filter((name) => names.has(name));
    return failureLine({ project: this.#project, what: this.#describe(what), mirrors: named }, cause);
  }
}

/** The cause of a step that a stopped run skipped. */
export const unnamed = Symbol("stopped");

/** `project kops, file a sha256:..., mirror us, eu: cause`. */
export function failureLine(
  { project, what, mirrors = [] }: { project: string; what?: string; mirrors?: readonly string[] },
  cause: string,
): string {
  const parts = [
    `project ${project}`,
    ...(what === undefined ? [] : [what]),
    ...(mirrors.length === 0 ? [] : [`mirror ${mirrors.join(", ")}`]),
  ];
  return `${parts.join(", ")}: ${cause}`;
}
