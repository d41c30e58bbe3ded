import { countOf } from "../promotion/text/count-of.ts";
import { escapeUnprintable } from "../promotion/text/printable.ts";
import { type K8sProject, readCheckout, sourcesOf } from "./k8s-checkout.ts";
import { type K8sFileList, readK8sFiles } from "./k8s-files.ts";
import { imagesText, type K8sImages, readK8sImages } from "./k8s-images.ts";
import { approversIn } from "./k8s-owners.ts";
import { type Grant, grantsFor } from "./k8s-shares.ts";
import { type K8sStaging, type StagingGrant, stagingOfAll } from "./k8s-staging.ts";
import { below } from "./path-ownership.ts";
import { type Problem, quoted } from "./problem.ts";
import { projectText } from "./project-text.ts";
import { type Promoter, readPromoter } from "./promoter-manifest.ts";
import { Source } from "./source.ts";
import { parseYaml } from "./yaml/parse.ts";
import { type Node, valueAt } from "./yaml/tree.ts";

/** What became of a checkout of k8s.io. */
export interface Imported {
  /** The manifests by path below the folder of manifests. */
  readonly texts: ReadonlyMap<string, string>;
  /**
   * Errors: something that a client can pull today would be lost, or needs a person to be complete. Warnings: what is otherwise here, or was a
   * mistake that nobody can pull.
   */
  readonly problems: readonly Problem[];
  /** What was imported, by folder of the checkout. */
  readonly counts: readonly Counts[];
  /** Places that artifacts are promoted to: regions of Artifact Registry and buckets, for the stack's config. */
  readonly places: readonly string[];
  /** Service accounts that promote today; here the stack's own identity does. */
  readonly accounts: readonly string[];
}

/** How much one folder of the checkout holds. */
export interface Counts {
  readonly folder: string;
  readonly images: number;
  readonly digests: number;
  readonly tags: number;
  readonly files: number;
}

/**
 * Turns the manifests of a checkout of k8s.io (texts by path from its root, in the layout that kpromo reads) into projects of ours, by what
 * they mean: a list that is valid here is copied byte for byte, comments and all, any other is written anew with its comments. Where images and
 * files go becomes project.yaml, with the comments of the file that said it. Nothing that a client can pull is left out without an error.
 * `owners` is the group of projects whose files name none; `shown` is put before the checkout's paths in messages. Pure; the same checkout
 * gives the same texts.
 */
export function importK8s(files: ReadonlyMap<string, string>, owners = "", shown = ""): Imported {
  const problems: Problem[] = [];
  const sources = new Map(
    [...files].map(([path, text]) => [path, new Source(shown === "" ? path : `${shown}/${path}`, text)]),
  );
  const { projects, mirroring, aliases } = readCheckout(sources, problems);
  const read = withoutRedundant(
    projects.map((project) => readProject(project, problems)),
    problems,
  );
  const staging = stagingOfAll(read.map(stagingIn), problems);
  reportAbsentRegions(read, problems);
  if (aliases === undefined) reportUnknownAliases(projects, problems);
  const mirrors = mirroring.map((source) => readPromoter(source, "filestores", []));
  reportMirroring(mirroring, mirrors, problems);
  const grants = grantsFor(
    read.map(({ project: { name }, prefixes, images }) => ({
      name,
      prefixes,
      names: [...(images?.images.keys() ?? [])],
    })),
  );
  const promoters = [...read.flatMap(({ promoters }) => promoters.map(({ promoter }) => promoter)), ...mirrors];
  return {
    texts: new Map(
      read.flatMap((one) => {
        const { name } = one.project;
        return textsOf(one, owners, aliases, { shares: grants.get(name) ?? [], staging: staging.get(name) }, problems);
      }),
    ),
    problems,
    counts: read.map(countsOf).sort((a, b) => (a.folder < b.folder ? -1 : 1)),
    places: [...new Set(promoters.flatMap(({ places }) => places))].sort(),
    accounts: [...new Set(promoters.flatMap(({ accounts }) => accounts))].sort(),
  };
}

/** Where a project's artifacts go, by the file that says it. */
interface Declared {
  readonly source: Source;
  readonly promoter: Promoter;
}

/** One project, read. */
interface ReadProject {
  readonly project: K8sProject;
  /** Undefined if it has no list of images. */
  readonly images: K8sImages | undefined;
  /** All its prefixes of images, the main one first. */
  readonly prefixes: readonly string[];
  readonly lists: readonly { readonly path: string; readonly text: string; readonly count: number }[];
  readonly registries: Declared | undefined;
  readonly filestores: Declared | undefined;
  readonly promoters: readonly Declared[];
}

function readProject(project: K8sProject, problems: Problem[]): ReadProject {
  const { name } = project;
  const declared = (source: Source | undefined, kind: "registries" | "filestores") =>
    source && { source, promoter: readPromoter(source, kind, problems) };
  const registries = declared(project.registries, "registries");
  const filestores = declared(project.filestores, "filestores");
  const images = readList(project, problems);
  const lists = readLists(project, problems);
  reportMissingHalves(project, images !== undefined, lists.length > 0, problems);
  const prefixes = registries?.promoter.prefixes ?? [];
  return {
    project,
    images,
    prefixes: prefixes.length === 0 ? [name] : prefixes,
    lists,
    registries,
    filestores,
    promoters: [registries, filestores].filter((one) => one !== undefined),
  };
}

/** The list of images: thin, in a file of its own, or plain, beside the registries. Undefined if there is none. */
function readList({ images, registries }: K8sProject, problems: Problem[]): K8sImages | undefined {
  const root = registries === undefined ? undefined : rootOf(registries, []);
  const plain = root !== undefined && valueAt(root, "images") !== undefined ? registries : undefined;
  if (images !== undefined && plain !== undefined)
    problems.push(
      plain.problem("error", 0, "its images are not imported, because images.yaml has images of the project too"),
    );
  const source = images ?? plain;
  return source && readK8sImages(rootOf(source, problems), source, problems);
}

/** The lists of files; a filestore may have one of its own. */
function readLists({ lists, filestores }: K8sProject, problems: Problem[]): ReadProject["lists"] {
  const root = filestores === undefined ? undefined : rootOf(filestores, []);
  const plain = root !== undefined && valueAt(root, "files") !== undefined;
  const all: (K8sFileList & { readonly path: string })[] = [
    ...(plain && filestores !== undefined ? [{ path: "files.yaml", source: filestores, root }] : []),
    ...lists.map(({ path, source }) => ({ path, source, root: rootOf(source, problems) })),
  ];
  const taken = new Set<string>();
  return readK8sFiles(all, problems).flatMap(({ files, text }, index) => {
    const stem = (all[index]?.path ?? "").replace(/\.ya?ml$/i, "").replace(/[^A-Za-z0-9._-]+/g, "-");
    let name = /^[A-Za-z0-9]/.test(stem) ? stem : `files${stem}`;
    for (let more = 2; taken.has(name.toLowerCase()); more++) name = `${stem}-${more}`;
    taken.add(name.toLowerCase());
    return text === "" ? [] : [{ path: `files/${name}.yaml`, text, count: files.size }];
  });
}

/**
 * Where two projects promote an image to one path, the first has it with the digests of both: kpromo takes the second for redundant, here one
 * project is its source.
 */
function withoutRedundant(read: readonly ReadProject[], problems: Problem[]): ReadProject[] {
  const holders = new Map<string, { readonly index: number; readonly name: string }>();
  const merged = read.map((one) => one);
  read.forEach(({ images, prefixes, project }, index) => {
    for (const [name, digests] of images?.images ?? []) {
      const paths = prefixes.map((prefix) => below(prefix, name));
      const held = paths.map((path) => holders.get(path));
      const holder = held.find((other) => other !== undefined && other.index !== index);
      if (holder === undefined) {
        for (const path of paths) holders.set(path, { index, name });
        continue;
      }
      const [other, here] = [merged[holder.index], merged[index]];
      const [source] = sourcesOf(project);
      const covered = held.every((each) => each?.index === holder.index && each.name === holder.name);
      if (other?.images === undefined || here?.images === undefined || source === undefined) continue;
      const [into, conflict] = union(other.images.images.get(holder.name) ?? new Map(), digests);
      if (!covered || conflict !== undefined) {
        problems.push(
          source.problem(
            "error",
            0,
            `image ${quoted(name)} is promoted to ${quoted(paths.join(", "))}, in part also by ${quoted(other.project.folder)}${conflict === undefined ? "" : `, where tag ${quoted(conflict)} is on another digest`}: keep it in one of the two`,
          ),
        );
        continue;
      }
      problems.push(
        source.problem(
          "warning",
          0,
          `image ${quoted(name)} is promoted by ${quoted(other.project.folder)} too: project ${quoted(other.project.name)} has it here, with the digests of both`,
        ),
      );
      merged[holder.index] = { ...other, images: changed(other.images, holder.name, into) };
      merged[index] = { ...here, images: changed(here.images, name, undefined) };
    }
  });
  return merged;
}

type Digests = K8sImages["images"] extends ReadonlyMap<string, infer Value> ? Value : never;

/** The digests of both; the tag that is on different ones, if any. */
function union(one: Digests, other: Digests): [Digests, string | undefined] {
  const tags = new Map([...one].flatMap(([digest, entry]) => [...entry.tags].map((tag) => [tag, digest] as const)));
  const all = new Map(one);
  for (const [digest, entry] of other) {
    for (const tag of entry.tags) if ((tags.get(tag) ?? digest) !== digest) return [one, tag];
    const known = all.get(digest);
    all.set(digest, {
      tags: new Set([...(known?.tags ?? []), ...entry.tags]),
      comments: known?.comments ?? entry.comments,
    });
  }
  return [all, undefined];
}

function changed({ images }: K8sImages, name: string, digests: Digests | undefined): K8sImages {
  const others = new Map(images);
  if (digests === undefined) others.delete(name);
  else others.set(name, digests);
  return { images: others, text: imagesText(others) };
}

function textsOf(
  { project, images, prefixes, lists, registries, filestores, promoters }: ReadProject,
  owners: string,
  aliases: Source | undefined,
  { shares, staging }: { readonly shares: readonly Grant[]; readonly staging: StagingGrant | undefined },
  problems: Problem[],
): [string, string][] {
  const { name, folder } = project;
  const group = promoters.map(({ source }) => groupIn(source.text)).find((found) => found !== undefined) ?? owners;
  const [first] = sourcesOf(project);
  if (group === "" && first !== undefined)
    problems.push(
      first.problem(
        "error",
        0,
        `no comment names the group that owns ${quoted(folder)}: give one to all such by --owners, or write it into ${name}/project.yaml`,
      ),
    );
  const [filePrefix, ...morePrefixes] = filestores?.promoter.prefixes ?? [];
  if (filestores !== undefined && morePrefixes.length > 0)
    problems.push(
      filestores.source.problem(
        "error",
        0,
        `files are promoted to ${[filePrefix, ...morePrefixes].map((prefix) => quoted(prefix ?? "")).join(", ")}: only the first is imported`,
      ),
    );
  const [imagePrefix] = prefixes;
  const declaration = {
    description: `Artifacts of ${name}, from ${folder} of k8s.io`,
    group,
    approvers: approversIn(project.owners, aliases),
    images: images !== undefined || registries !== undefined,
    files: lists.length > 0 || filestores !== undefined,
    filesFolder: filestores && folderOf(filestores.promoter),
    imagePrefix: prefixes.length > 1 || imagePrefix === name ? undefined : imagePrefix,
    imagePrefixes: prefixes.length > 1 ? prefixes : [],
    filePrefix: filePrefix === name ? undefined : filePrefix,
    stagingProject: staging?.project,
    sharedWith: staging?.sharedWith ?? [],
    shares: shares.map(({ project: to, names }) => ({ project: to, images: names })),
  };
  const [main = [], ...others] = promoters.map(({ source }) => commentsOf(source.text));
  // Both manifests mostly say the same: whose the staging area is.
  const comments = [...main, ...others.filter((lines) => !lines.every((line) => main.includes(line))).flat()];
  return [
    ...(images === undefined ? [] : [[`${name}/images.yaml`, images.text] as [string, string]]),
    ...lists.map(({ path, text }): [string, string] => [`${name}/${path}`, text]),
    [`${name}/project.yaml`, projectText(declaration, comments)],
  ];
}

/** The folder of the bucket that files are staged in. */
function folderOf({ sources: [from] }: Promoter): string | undefined {
  return /^gs:\/\/[^/]+\/+(.+?)\/*$/.exec(from?.name ?? "")?.[1];
}

function countsOf({ project: { folder }, images, lists }: ReadProject): Counts {
  const digests = [...(images?.images.values() ?? [])].flatMap((one) => [...one.values()]);
  return {
    folder,
    images: images?.images.size ?? 0,
    digests: digests.length,
    tags: digests.reduce((sum, { tags }) => sum + tags.size, 0),
    files: lists.reduce((sum, { count }) => sum + count, 0),
  };
}

/** What is promoted only if the other half is there; today's promoter passes over the one that stands alone. */
function reportMissingHalves(
  { folder, name, images, registries, filestores, lists }: K8sProject,
  hasImages: boolean,
  hasFiles: boolean,
  problems: Problem[],
): void {
  const [list] = lists;
  const what = `folder ${quoted(folder)} has no`;
  const unpromoted = (other: string, kind: string) =>
    `${what} ${other}, so none of it is promoted today: its ${kind} get the prefix ${quoted(name)}`;
  const path = escapeUnprintable(folder);
  if (images !== undefined && registries === undefined)
    problems.push(images.problem("warning", 0, unpromoted(`manifests/${path}/promoter-manifest.yaml`, "images")));
  if (registries !== undefined && !hasImages)
    problems.push(registries.problem("warning", 0, `${what} images/${path}/images.yaml: the project has no images`));
  if (list !== undefined && filestores === undefined && hasFiles)
    problems.push(
      list.source.problem("warning", 0, unpromoted(`filestores/${path}/filepromoter-manifest.yaml`, "files")),
    );
}

/** Mirrors are regions of the stack's config, which is said once. */
function reportMirroring(sources: readonly Source[], mirrors: readonly Promoter[], problems: Problem[]): void {
  const [source] = sources;
  const places = new Set(mirrors.flatMap(({ places: all }) => all));
  if (source !== undefined)
    problems.push(
      source.problem(
        "warning",
        0,
        `${countOf(places.size, "mirror")} of files, in ${countOf(sources.length, "manifest")}: mirrors are regions of the stack's config (artifacts:gcpRegions, artifacts:awsRegions)`,
      ),
    );
}

/** Where a project is staged today, by what its manifests name as their source. */
function stagingIn({ project: { name, folder }, promoters }: ReadProject): K8sStaging {
  return {
    name,
    folder,
    sources: promoters.flatMap(({ source, promoter }) =>
      promoter.sources.slice(0, 1).map((from) => ({ name: from.name, source, start: from.start })),
    ),
  };
}

/** Without the file of aliases a name of one cannot be told from a person's. */
function reportUnknownAliases(projects: readonly K8sProject[], problems: Problem[]): void {
  const owned = projects.filter(({ owners }) => approversIn(owners, undefined).length > 0);
  const [source] = owned[0]?.owners ?? [];
  if (source !== undefined)
    problems.push(
      source.problem(
        "warning",
        0,
        `the checkout has no OWNERS_ALIASES: names of aliases are among the approvers of ${countOf(owned.length, "project")} as they stand`,
      ),
    );
}

/** Here every project is in every mirror; who was not is told in one line. */
function reportAbsentRegions(read: readonly ReadProject[], problems: Problem[]): void {
  const regionsOf = ({ promoter }: Declared) => promoter.places.filter((place) => /^[a-z0-9-]+$/.test(place));
  const declared = read.flatMap(({ registries }) => registries ?? []);
  const all = [...new Set(declared.flatMap(regionsOf))].sort();
  const partial = declared.filter((one) => regionsOf(one).length > 0 && new Set(regionsOf(one)).size < all.length);
  const [one, ...more] = partial;
  if (one === undefined) return;
  const absent = all.filter((region) => !regionsOf(one).includes(region));
  problems.push(
    one.source.problem(
      "warning",
      0,
      `not promoted to ${absent.join(", ")} today${more.length === 0 ? "" : ` (${countOf(more.length, "project")} more are missing in some region)`}: here every mirror has every project`,
    ),
  );
}

function rootOf(source: Source, problems: Problem[]): Node | undefined {
  const parsed = parseYaml(source.text);
  if (parsed.ok) return parsed.root;
  problems.push(...parsed.errors.map(({ start, message }) => source.problem("error", start, message)));
  return undefined;
}

/** The group that a comment names: "google group for <project> is <address>", over one line or two. */
function groupIn(text: string): string | undefined {
  return /google group for \S+ is\s+(?:#\s*)?([\w.+-]+@[\w.-]+\w)/.exec(text)?.[1];
}

/** The comments that have a line of their own. */
function commentsOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line.startsWith("#"));
}
