import { escapeUnprintable } from "../promotion/text/printable.ts";
import { type K8sProject, readCheckout, sourcesOf } from "./k8s-checkout.ts";
import { type Problem, quoted } from "./problem.ts";
import { projectText } from "./project-text.ts";
import { type Promoter, readPromoter } from "./promoter-manifest.ts";
import { readFiles } from "./read-files.ts";
import { readImages } from "./read-images.ts";
import { Source } from "./source.ts";
import { parseYaml } from "./yaml/parse.ts";
import { type Node, valueAt } from "./yaml/tree.ts";

/** The result of importing a checkout of k8s.io. */
export interface Imported {
  /** The manifests by path below the folder of manifests. */
  readonly texts: ReadonlyMap<string, string>;
  /**
   * Errors: mistakes in the checkout, and what a person must complete. Warnings: what has no counterpart here.
   */
  readonly problems: readonly Problem[];
  /** Counts by folder of the checkout. */
  readonly counts: readonly FolderCounts[];
  /** Destinations of today's promotions: regions of Artifact Registry, and buckets, for the stack's config. */
  readonly places: readonly string[];
  /** Service accounts that promote today; here the stack's own identity promotes. */
  readonly accounts: readonly string[];
}

/** Counts of one folder of the checkout. */
export interface FolderCounts {
  readonly folder: string;
  readonly images: number;
  readonly digests: number;
  readonly tags: number;
  readonly files: number;
}

/**
 * Converts the manifests of a checkout of k8s.io (texts by path from its root, in the layout that kpromo reads) into
 * this program's projects. Lists of images and files are copied byte for byte, with comments; their destinations
 * become project.yaml, with the comments of the file that had them. Everything without a counterpart is reported as a
 * problem. `owners` is the group for projects whose files name none; `shown` prefixes the checkout's paths in
 * messages. Pure; the same checkout gives the same texts.
 */
export function importK8s(files: ReadonlyMap<string, string>, owners = "", shown = ""): Imported {
  const problems: Problem[] = [];
  const sources = new Map(
    [...files].map(([path, text]) => [path, new Source(shown === "" ? path : `${shown}/${path}`, text)]),
  );
  const { projects, mirroring } = readCheckout(sources, problems);
  const imported = projects.map((project) => importProject(project, owners, problems));
  const mirrors = mirroring.map((source) => importMirroring(source, problems));
  reportSharedStaging(
    imported.flatMap((one) => one.promoters),
    problems,
  );
  reportAbsentRegions(
    imported.flatMap((one) => one.promoters),
    problems,
  );
  const promoters = [...imported.flatMap((one) => one.promoters.map(({ promoter }) => promoter)), ...mirrors];
  return {
    texts: new Map(imported.flatMap(({ texts }) => [...texts])),
    problems,
    counts: imported.map(({ counts }) => counts).sort((a, b) => (a.folder < b.folder ? -1 : 1)),
    places: [...new Set(promoters.flatMap(({ places }) => places))].sort(),
    accounts: [...new Set(promoters.flatMap(({ accounts }) => accounts))].sort(),
  };
}

/** The destinations of a project's artifacts, by the file that has them. */
interface Declared {
  readonly source: Source;
  readonly promoter: Promoter;
}

interface ImportedProject {
  readonly texts: ReadonlyMap<string, string>;
  readonly counts: FolderCounts;
  readonly promoters: readonly Declared[];
}

function importProject(project: K8sProject, owners: string, problems: Problem[]): ImportedProject {
  const { name, folder } = project;
  const texts = new Map<string, string>();
  const images = importImages(project, texts, problems);
  const files = importLists(project, texts, problems);
  const registries = project.registries && {
    source: project.registries,
    promoter: readPromoter(project.registries, "registries", problems),
  };
  const filestores = project.filestores && {
    source: project.filestores,
    promoter: readPromoter(project.filestores, "filestores", problems),
  };
  const promoters = [registries, filestores].filter((declared) => declared !== undefined);
  reportMissingHalves(project, images !== undefined, problems);
  if (filestores !== undefined) reportStagedBelow(filestores, problems);
  const group = promoters.map(({ source }) => groupIn(source.text)).find((found) => found !== undefined) ?? owners;
  if (group === "")
    problems.push(
      ...sourcesOf(project)
        .slice(0, 1)
        .map((source) =>
          source.problem(
            "error",
            0,
            `no comment names the group that owns ${quoted(folder)}: give one to all such by --owners, or write it into ${name}/project.yaml`,
          ),
        ),
    );
  const differing = (prefix: string | undefined) => (prefix === name ? undefined : prefix);
  const declaration = {
    description: `Artifacts of ${name}, from ${folder} of k8s.io`,
    group,
    images: images !== undefined || registries !== undefined,
    files: files > 0 || filestores !== undefined,
    imagePrefix: differing(registries?.promoter.prefix),
    filePrefix: differing(filestores?.promoter.prefix),
  };
  texts.set(
    `${name}/project.yaml`,
    projectText(
      declaration,
      promoters.flatMap(({ source }) => commentsOf(source.text)),
    ),
  );
  return { texts, promoters, counts: { folder, ...(images ?? { images: 0, digests: 0, tags: 0 }), files } };
}

/** Imports the list of images; undefined if there is none. */
function importImages(
  { name, images, registries }: K8sProject,
  texts: Map<string, string>,
  problems: Problem[],
): Omit<FolderCounts, "folder" | "files"> | undefined {
  // The plain format has the images and the registries in one file.
  const root = registries === undefined ? undefined : rootOf(registries, []);
  const plain = root !== undefined && valueAt(root, "images") !== undefined ? registries : undefined;
  if (images !== undefined && plain !== undefined)
    problems.push(
      plain.problem("error", 0, "its images are not imported, because images.yaml has images of the project too"),
    );
  const source = images ?? plain;
  if (source === undefined) return undefined;
  texts.set(`${name}/images.yaml`, source.original);
  const read = readImages(rootOf(source, problems), source, []);
  const digests = read.flatMap((image) => image.digests);
  return {
    images: read.length,
    digests: digests.length,
    tags: digests.reduce((sum, { tags }) => sum + tags.length, 0),
  };
}

/** Imports the lists of files, each into `files/`; returns the number of files. */
function importLists({ name, lists }: K8sProject, texts: Map<string, string>, problems: Problem[]): number {
  let count = 0;
  for (const { path, source } of lists) {
    const target = `${name}/files/${path.replace(/\.ya?ml$/i, "").replaceAll("/", "-")}.yaml`;
    if (texts.has(target))
      problems.push(source.problem("error", 0, `not imported: another file would be ${target} too; rename one`));
    else {
      texts.set(target, source.original);
      count += readFiles(rootOf(source, problems), source, []).length;
    }
  }
  return count;
}

function importMirroring(source: Source, problems: Problem[]): Promoter {
  const promoter = readPromoter(source, "filestores", problems);
  for (const { name, start } of promoter.destinations)
    problems.push(
      source.problem(
        "warning",
        start,
        `${quoted(name)} is a mirror: mirrors are regions of the stack's config (artifacts:gcpRegions, artifacts:awsRegions)`,
      ),
    );
  return promoter;
}

/** Reports a list without its destinations, or the reverse; today's promoter ignores both. */
function reportMissingHalves(
  { folder, name, images, registries, filestores, lists }: K8sProject,
  hasImages: boolean,
  problems: Problem[],
): void {
  const [list] = lists;
  const what = `folder ${quoted(folder)} has no`;
  const unpromoted = (other: string, kind: string) =>
    `${what} ${other}, so none of it is promoted today: its ${kind} get the prefix ${quoted(name)}`;
  if (images !== undefined && registries === undefined)
    problems.push(
      images.problem("error", 0, unpromoted(`manifests/${escapeUnprintable(folder)}/promoter-manifest.yaml`, "images")),
    );
  if (registries !== undefined && !hasImages)
    problems.push(
      registries.problem(
        "warning",
        0,
        `${what} images/${escapeUnprintable(folder)}/images.yaml: the project has no images`,
      ),
    );
  if (list !== undefined && filestores === undefined)
    problems.push(
      list.source.problem(
        "error",
        0,
        unpromoted(`filestores/${escapeUnprintable(folder)}/filepromoter-manifest.yaml`, "files"),
      ),
    );
}

function reportStagedBelow({ source, promoter }: Declared, problems: Problem[]): void {
  const [from] = promoter.sources;
  const below = /^gs:\/\/[^/]+\/(.+?)\/*$/.exec(from?.name ?? "")?.[1];
  if (from !== undefined && below !== undefined)
    problems.push(
      source.problem(
        "warning",
        from.start,
        `files were staged below ${quoted(below)}: stage them at the root of the project's bucket, by the names that the manifest has`,
      ),
    );
}

/** Reports two projects with one staging area: members of one could publish as the other. */
function reportSharedStaging(promoters: readonly Declared[], problems: Problem[]): void {
  const first = new Map<string, Source>();
  for (const { source, promoter } of promoters)
    for (const { name, start } of promoter.sources.slice(0, 1)) {
      const other = first.get(name);
      if (other === undefined) first.set(name, source);
      else
        problems.push(
          source.problem(
            "error",
            start,
            `${quoted(name)} is the staging area of ${escapeUnprintable(other.file)} too: here each project has one of its own; tell both to push to theirs`,
          ),
        );
    }
}

/** Reports mirrors that a project is not in today, since here every project is in every mirror. */
function reportAbsentRegions(promoters: readonly Declared[], problems: Problem[]): void {
  const regionsOf = ({ promoter }: Declared) => promoter.places.filter((place) => /^[a-z0-9-]+$/.test(place));
  const all = [...new Set(promoters.flatMap(regionsOf))].sort();
  for (const declared of promoters) {
    const some = new Set(regionsOf(declared));
    const absent = all.filter((region) => !some.has(region));
    if (some.size > 0 && absent.length > 0)
      problems.push(
        declared.source.problem(
          "warning",
          0,
          `not promoted to ${absent.join(", ")} today, as other projects are: here every mirror has every project`,
        ),
      );
  }
}

function rootOf(source: Source, problems: Problem[]): Node | undefined {
  const parsed = parseYaml(source.text);
  if (parsed.ok) return parsed.root;
  problems.push(...parsed.faults.map(({ start, message }) => source.problem("error", start, message)));
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
