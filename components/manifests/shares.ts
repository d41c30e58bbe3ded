/** The kind of a path in production; images and files have separate paths. */
export type PathKind = "image" | "file";

/** A project and the names that it grants to others. */
export interface Sharer {
  readonly name: string;
  readonly shares: readonly Share[];
}

/** Names below a project's prefixes that it lets another project publish, as its project.yaml grants them. */
export interface Share {
  /** The name of the project that may use them. */
  readonly project: string;
  /** Names of images below any of the granting project's image prefixes: `etcd`, `plugins/*` for all below, `*` for all. */
  readonly images: readonly string[];
  /** Paths of files below any of its file prefixes, in the same spelling. */
  readonly files: readonly string[];
}

/** Whether a project grants another anything of a kind. */
export function grantsAnything(from: Sharer, to: Sharer, kind: PathKind): boolean {
  return patterns(from, to, kind).length > 0;
}

/** Whether a project grants another a name, which is relative to one of its prefixes ("": the prefix itself). */
export function grantsName(from: Sharer, to: Sharer, kind: PathKind, name: string): boolean {
  return patterns(from, to, kind).some((pattern) => covers(pattern, name));
}

/**
 * Whether a project lets another have a prefix of its own inside one of its prefixes. The name is that of the inner prefix, relative to the
 * outer one. A grant of a single name below the inner prefix is enough: what the other publishes there is checked name by name.
 */
export function grantsPrefix(from: Sharer, to: Sharer, kind: PathKind, name: string): boolean {
  return patterns(from, to, kind).some((pattern) => covers(pattern, `${name}/`) || pattern.startsWith(`${name}/`));
}

function patterns(from: Sharer, to: Sharer, kind: PathKind): string[] {
  return from.shares
    .filter(({ project }) => project === to.name)
    .flatMap((share) => (kind === "image" ? share.images : share.files));
}

function covers(pattern: string, name: string): boolean {
  if (pattern === "*") return true;
  return pattern.endsWith("/*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
