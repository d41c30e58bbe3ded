import { longestKey } from "../../redirector/object-paths.ts";
import { formatCount } from "../promotion/text/format-count.ts";
import { escapeUnprintable } from "../promotion/text/printable.ts";
import { type Problem, quoted } from "./problem.ts";
import type { ReadFile } from "./read-files.ts";
import type { ReadImage } from "./read-images.ts";
import { grantsAnything, grantsName, grantsPrefix, type PathKind, type Share } from "./shares.ts";
import type { Source } from "./source.ts";

/** The paths in production that a project uses. */
export interface PathOwner {
  readonly name: string;
  /** All prefixes below which its images and its files appear; "" is the root. */
  readonly prefixes: {
    readonly source: Source;
    readonly image: readonly OwnedPrefix[];
    readonly file: readonly OwnedPrefix[];
  };
  /** What it grants other projects below its prefixes, each with its offset in project.yaml. */
  readonly shares: readonly (Share & { readonly start: number })[];
  readonly images: readonly ReadImage[];
  readonly files: readonly ReadFile[];
}

/** A prefix and its offset in project.yaml. */
export interface OwnedPrefix {
  readonly prefix: string;
  readonly start: number;
}

/** Name of something in production, below the prefix of its project. */
export function below(prefix: string, name: string): string {
  return prefix === "" ? name : `${prefix}/${name}`;
}

/**
 * Problems between projects. A project's names are everything below its prefixes; the root is nobody's. Others stay out of them unless the
 * project's `shares` let them in:
 *
 * - two projects have one prefix, or the prefix of one is inside the other's;
 * - a project publishes a name that is below another's prefix, from the root or from a prefix inside;
 * - two publish one image or one file, or a file where the other has a folder. No share allows that.
 *
 * Of two projects with one prefix, one that is granted names there may publish these and no others. There is a problem in each of the two
 * projects; `projects` are the names of all that have one. A share for a project that is not among `names` is a warning: whoever makes a
 * project of that name gets it.
 */
export function ownershipProblems(
  owners: readonly PathOwner[],
  names: ReadonlySet<string>,
): {
  problems: Problem[];
  projects: ReadonlySet<string>;
} {
  const problems: Problem[] = [];
  const projects = new Set<string>();
  const usedTwice = { image: new Set<string>(), file: new Set<string>() };
  const images = new Map<string, Holder>();
  const files = new Map<string, Holder>();
  for (const owner of owners) {
    for (const { path, holder } of publishedBy(owner, "image")) take(images, path, "image", holder);
    for (const { path, holder } of publishedBy(owner, "file")) take(files, path, "file", holder);
  }
  for (const [path, holder] of files)
    for (const folder of foldersOf(path)) {
      const other = files.get(folder);
      if (other !== undefined && other.owner !== holder.owner) {
        usedTwice.file.add(folder).add(path);
        clash(`${quoted(folder)}, a folder in one project and a file in the other,`, other, holder);
      }
    }
  for (const kind of ["image", "file"] as const) {
    const holders = holdersOf(owners, kind);
    for (const same of holders.values())
      same.forEach((one, index) => {
        for (const other of same.slice(0, index))
          if (!eitherGrants(one.owner, other.owner, kind))
            clash(
              `${kind}Prefix ${quoted(one.prefix)}`,
              other,
              one,
              "change one of the two, or grant names by `shares`",
            );
      });
    for (const inner of [...holders.values()].flat())
      for (const outer of foldersOf(inner.prefix).flatMap((folder) => holders.get(folder) ?? []))
        if (outer.owner !== inner.owner && !prefixAllowed(outer, inner, kind)) trespass(kind, outer, inner);
    for (const owner of owners)
      for (const found of trespassingNames(owner, kind, holders, usedTwice[kind])) trespassByName(kind, found);
  }
  for (const { prefixes, shares } of owners)
    for (const { project, start } of shares)
      if (!names.has(project))
        problems.push(
          prefixes.source.problem(
            "warning",
            start,
            `shares names with project ${quoted(project)}, which does not exist: whoever creates it may use them`,
          ),
        );
  return { problems, projects };

  function take(taken: Map<string, Holder>, name: string, kind: PathKind, holder: Holder): void {
    const other = taken.get(name);
    if (other === undefined) taken.set(name, holder);
    else if (other.owner !== holder.owner) {
      usedTwice[kind].add(name);
      clash(`${kind} ${quoted(name)}`, other, holder);
    }
  }

  function clash(what: string, one: Holder, other: Holder, todo = "change one of the two"): void {
    const usedBy = (there: Holder) =>
      `${what} is also used by project ${quoted(there.owner.name)} (${placeOf(there)}): ${todo}`;
    report(one, usedBy(other));
    report(other, usedBy(one));
  }

  function trespass(kind: PathKind, outer: HeldPrefix, inner: HeldPrefix): void {
    const [theirs, own] = [`${kind}Prefix ${quoted(outer.prefix)}`, `${kind}Prefix ${quoted(inner.prefix)}`];
    const share = shareText(inner.owner, kind, `${relative(outer.prefix, inner.prefix)}/*`);
    report(
      inner,
      `${own} is inside ${theirs} of project ${quoted(outer.owner.name)} (${placeOf(outer)}): choose another, or have that project's approvers add \`${share}\` to its project.yaml`,
    );
    report(
      outer,
      `${own} of project ${quoted(inner.owner.name)} (${placeOf(inner)}) is inside ${theirs}: choose another there, or add \`${share}\` here`,
    );
  }

  function trespassByName(kind: PathKind, { outer, names }: Trespass): void {
    const [first, ...more] = names;
    if (first === undefined) return;
    const theirs = `${kind}Prefix ${quoted(outer.prefix)}`;
    const what = `${kind} ${quoted(first.path)}${more.length === 0 ? "" : ` (and ${formatCount(more.length)} more)`}`;
    const share = shareText(first.holder.owner, kind, relative(outer.prefix, first.path) || "*");
    report(
      first.holder,
      `${what} belongs to project ${quoted(outer.owner.name)}, whose ${theirs} it is below (${placeOf(outer)}): publish it under another name, or have that project's approvers add \`${share}\` to its project.yaml`,
    );
    report(
      outer,
      `${what} of project ${quoted(first.holder.owner.name)} (${placeOf(first.holder)}) is below ${theirs}: have it published under another name, or add \`${share}\` here`,
    );
  }

  function report(at: Holder, message: string): void {
    problems.push(at.source.problem("error", at.start, message));
    projects.add(at.owner.name);
  }
}

/** Who uses something, and where it says so. */
interface Holder {
  readonly owner: PathOwner;
  readonly source: Source;
  readonly start: number;
}

interface HeldPrefix extends Holder {
  readonly prefix: string;
}

interface Published {
  readonly path: string;
  readonly holder: Holder;
}

/** Names of one project below a prefix of another, which does not grant them. */
interface Trespass {
  readonly outer: HeldPrefix;
  readonly names: readonly Published[];
}

function holdersOf(owners: readonly PathOwner[], kind: PathKind): Map<string, HeldPrefix[]> {
  const holders = new Map<string, HeldPrefix[]>();
  for (const owner of owners)
    for (const { prefix, start } of owner.prefixes[kind]) {
      const same = holders.get(prefix) ?? [];
      holders.set(prefix, same);
      same.push({ owner, prefix, source: owner.prefixes.source, start });
    }
  return holders;
}

function publishedBy(owner: PathOwner, kind: PathKind): Published[] {
  return owner.prefixes[kind].flatMap(({ prefix }) => publishedBelow(owner, kind, prefix));
}

function publishedBelow(owner: PathOwner, kind: PathKind, prefix: string): Published[] {
  return (kind === "image" ? owner.images : owner.files).map(({ source, name }) => ({
    path: below(prefix, name.text),
    holder: { owner, source, start: name.start },
  }));
}

/**
 * The names that a project publishes below others' prefixes without their grant, by the prefix that they are below. Those that are used twice
 * are reported as such.
 */
function trespassingNames(
  owner: PathOwner,
  kind: PathKind,
  holders: ReadonlyMap<string, readonly HeldPrefix[]>,
  usedTwice: ReadonlySet<string>,
): Trespass[] {
  const found = new Map<HeldPrefix, Published[]>();
  for (const { prefix } of owner.prefixes[kind])
    for (const published of publishedBelow(owner, kind, prefix)) {
      if (usedTwice.has(published.path)) continue;
      // Prefixes are in lower case; a file's path that differs from one in case alone still reads as that project's.
      const path = published.path.toLowerCase();
      // The root is nobody's: there only those with a prefix in common are bound to what they granted each other.
      const around = [...(prefix === "" ? [""] : []), ...foldersOf(path), path].flatMap((at) => holders.get(at) ?? []);
      for (const outer of around)
        if (outer.owner !== owner && !nameAllowed(outer, owner, prefix, kind, published.path)) {
          const names = found.get(outer) ?? [];
          found.set(outer, names);
          names.push(published);
        }
    }
  return [...found].map(([outer, names]) => ({ outer, names }));
}

function nameAllowed(outer: HeldPrefix, owner: PathOwner, prefix: string, kind: PathKind, path: string): boolean {
  if (grantsName(outer.owner, owner, kind, relative(outer.prefix, path))) return true;
  // Whoever shares a prefix with another is bound to its grants. Where neither grants anything, or a prefix inside the other is not granted,
  // that is the problem that is reported.
  if (owner.prefixes[kind].some((own) => own.prefix === outer.prefix)) return !grantsAnything(outer.owner, owner, kind);
  const inside = (inner: string, around: string) => inner.startsWith(`${around}/`);
  return (
    (inside(prefix, outer.prefix) && !grantsPrefix(outer.owner, owner, kind, relative(outer.prefix, prefix))) ||
    (inside(outer.prefix, prefix) && !grantsPrefix(owner, outer.owner, kind, relative(prefix, outer.prefix)))
  );
}

function prefixAllowed(outer: HeldPrefix, inner: HeldPrefix, kind: PathKind): boolean {
  const common = inner.owner.prefixes[kind].some(({ prefix }) => prefix === outer.prefix);
  if (common && !grantsAnything(outer.owner, inner.owner, kind)) return true; // the prefix in common is judged instead
  return grantsPrefix(outer.owner, inner.owner, kind, relative(outer.prefix, inner.prefix));
}

function eitherGrants(one: PathOwner, other: PathOwner, kind: PathKind): boolean {
  return grantsAnything(one, other, kind) || grantsAnything(other, one, kind);
}

/** A path relative to a prefix that it is below; "" for the prefix itself. */
function relative(prefix: string, path: string): string {
  return prefix === "" ? path : path.slice(prefix.length + 1);
}

function shareText(to: PathOwner, kind: PathKind, name: string): string {
  return `shares: [{project: ${escapeUnprintable(to.name)}, ${kind}s: [${quoted(name)}]}]`;
}

function placeOf({ source, start }: Holder): string {
  const { file, line } = source.position(start);
  return `${escapeUnprintable(file)}:${line}`;
}

/** `a` and `a/b` of `a/b/c`; none of what is too long or oddly cut to be a path, which is a problem already. */
export function foldersOf(path: string): string[] {
  if (path.length > longestKey || /(?:^|\/)\.{0,2}(?:\/|$)/.test(path)) return [];
  const folders: string[] = [];
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) folders.push(path.slice(0, at));
  return folders;
}
