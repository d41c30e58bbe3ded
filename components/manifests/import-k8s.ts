import { projectPattern } from "./names.ts";
import { type Problem, printable, quoted } from "./problem.ts";
import { projectText } from "./project-text.ts";
import { type Promoter, readPromoter } from "./promoter-manifest.ts";
import { readFiles } from "./read-files.ts";
import { readImages } from "./read-images.ts";
import { Source } from "./source.ts";
import { parseYaml } from "./yaml/parse.ts";
import { valueAt } from "./yaml/tree.ts";

/** What became of a checkout of k8s.io. */
export interface Imported {
  /** The manifests by path below the folder of manifests. */
  readonly texts: ReadonlyMap<string, string>;
  /** Errors: what is wrong in the checkout, or needs a word of ours to be complete. Warnings: what has no counterpart here. */
  readonly problems: readonly Problem[];
  /** What was found, by folder of the checkout. */
  readonly counts: readonly Counts[];
  /** Places that artifacts were promoted to: regions of Artifact Registry and buckets, for the stack's config. */
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

/** Folders of a checkout that the import reads. */
export const importedFolders = [
  "registry.k8s.io/images",
  "registry.k8s.io/manifests",
  "artifacts/filestores",
  "artifacts/manifests",
  "artifacts/mirroring",
] as const;

/**
 * Turns the manifests of a checkout of k8s.io (texts by path from its root; facts: the layout that kpromo reads) into projects of ours. Lists of images and files are taken over byte for byte, comments and all;
 * where they go becomes project.yaml, with the comments of the file that said it. What has no counterpart is a problem, never left out in silence. `owners` is the group of projects whose files name none.
 * `shown` is put before the checkout's paths in messages. Pure; the same checkout gives the same texts.
 */
export function importK8s(files: ReadonlyMap<string, string>, owners = "", shown = ""): Imported {
  const problems: Problem[] = [];
  const texts = new Map<string, string>();
  const counts: Counts[] = [];
  const places = new Set<string>();
  const accounts = new Set<string>();
  const regions = new Map<Source, ReadonlySet<string>>();
  const stagers = new Map<string, Source>();
  const checkout = new Map(
    [...files].map(([path, text]) => [path, new Source(shown === "" ? path : `${shown}/${path}`, text)]),
  );
  const folders = foldersOf(checkout);
  const names = projectNames(folders, problems);
  for (const [folder, parts] of [...folders].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const name = names.get(folder);
    if (name !== undefined) importProject(name, folder, parts);
  }
  for (const [path, source] of checkout) if (path.startsWith("artifacts/mirroring/")) importMirroring(source);
  reportAbsentRegions();
  return { texts, problems, counts, places: [...places].sort(), accounts: [...accounts].sort() };

  function importProject(name: string, folder: string, parts: Parts): void {
    const images = importImages(name, parts);
    const released = importFiles(name, parts);
    const registries =
      parts.registries === undefined ? undefined : readPromoter(parts.registries, "registries", problems);
    const filestores =
      parts.filestores === undefined ? undefined : readPromoter(parts.filestores, "filestores", problems);
    for (const found of [registries, filestores]) note(found);
    if (parts.registries !== undefined && registries !== undefined) reportSharedStaging(parts.registries, registries);
    if (parts.filestores !== undefined && filestores !== undefined) reportSharedStaging(parts.filestores, filestores);
    if (parts.registries !== undefined && registries !== undefined)
      regions.set(parts.registries, new Set(registries.places.filter((place) => !place.includes("."))));
    if (images !== undefined && parts.registries === undefined)
      report(
        images.source,
        0,
        `folder ${quoted(folder)} has no manifests/${printable(folder)}/promoter-manifest.yaml, so today nothing of it is promoted: its images get the prefix ${quoted(name)}`,
      );
    if (parts.registries !== undefined && images === undefined)
      report(
        parts.registries,
        0,
        `folder ${quoted(folder)} has no images/${printable(folder)}/images.yaml: the project has no images`,
        "warning",
      );
    if (parts.lists.length > 0 && parts.filestores === undefined)
      report(
        parts.lists[0]?.source,
        0,
        `folder ${quoted(folder)} has no filestores/${printable(folder)}/filepromoter-manifest.yaml, so today nothing of it is promoted: its files get the prefix ${quoted(name)}`,
      );
    const declared = [parts.registries, parts.filestores].filter((source) => source !== undefined);
    const group = declared.map(({ text }) => groupIn(text)).find((found) => found !== undefined) ?? owners;
    const first = declared[0] ?? images?.source ?? parts.lists[0]?.source;
    if (group === "")
      report(
        first,
        0,
        `no comment names the group that owns ${quoted(folder)}: give one to all such by --owners, or write it into ${name}/project.yaml`,
      );
    const [from] = filestores?.sources ?? [];
    const below = /^gs:\/\/[^/]+\/(.+?)\/*$/.exec(from?.name ?? "")?.[1];
    if (below !== undefined)
      report(
        parts.filestores,
        from?.start ?? 0,
        `files were staged below ${quoted(below)}: stage them at the root of the project's bucket, by the names that the manifest has`,
        "warning",
      );
    const prefix = (found: string | undefined) => (found === undefined || found === name ? undefined : found);
    texts.set(
      `${name}/project.yaml`,
      projectText(
        {
          description: `Artifacts of ${name}, from ${folder} of k8s.io`,
          group,
          images: images !== undefined || parts.registries !== undefined,
          files: released > 0 || parts.filestores !== undefined,
          imagePrefix: prefix(registries?.prefix),
          filePrefix: prefix(filestores?.prefix),
        },
        declared.flatMap(({ text }) => commentsOf(text)),
      ),
    );
    counts.push({
      folder,
      images: images?.images ?? 0,
      digests: images?.digests ?? 0,
      tags: images?.tags ?? 0,
      files: released,
    });
  }

  function importImages(
    name: string,
    parts: Parts,
  ): { source: Source; images: number; digests: number; tags: number } | undefined {
    // The plain spelling has the images beside the registries, in one file.
    const plain = parts.registries !== undefined && hasImages(parts.registries) ? parts.registries : undefined;
    const source = parts.images ?? plain;
    if (parts.images !== undefined && plain !== undefined)
      report(plain, 0, "its images are not taken over, because images.yaml has images of the project too");
    if (source === undefined) return undefined;
    texts.set(`${name}/images.yaml`, source.original);
    const parsed = parseYaml(source.text);
    if (!parsed.ok) for (const { start, message } of parsed.faults) report(source, start, message);
    const images = parsed.ok ? readImages(parsed.root, source, []) : [];
    const digests = images.flatMap((image) => image.digests);
    return {
      source,
      images: images.length,
      digests: digests.length,
      tags: digests.reduce((sum, { tags }) => sum + tags.length, 0),
    };
  }

  function importFiles(name: string, parts: Parts): number {
    let count = 0;
    for (const { path, source } of parts.lists) {
      const target = `${name}/files/${path.replace(/\.ya?ml$/i, "").replaceAll("/", "-")}.yaml`;
      if (texts.has(target)) report(source, 0, `not taken over: another file would be ${target} too; rename one`);
      else {
        texts.set(target, source.original);
        const parsed = parseYaml(source.text);
        if (parsed.ok) count += readFiles(parsed.root, source, []).length;
        else for (const { start, message } of parsed.faults) report(source, start, message);
      }
    }
    return count;
  }

  function importMirroring(source: Source): void {
    const found = readPromoter(source, "filestores", problems);
    note(found);
    for (const { name, start } of found.destinations)
      report(
        source,
        start,
        `${quoted(name)} is a mirror: mirrors are regions of the stack's config (artifacts:gcpRegions, artifacts:awsRegions)`,
        "warning",
      );
  }

  /** Two projects with one staging area: whoever may push for the one could publish as the other. */
  function reportSharedStaging(source: Source, promoter: Promoter): void {
    const [from] = promoter.sources;
    if (from === undefined) return;
    const other = stagers.get(from.name);
    if (other === undefined) stagers.set(from.name, source);
    else
      report(
        source,
        from.start,
        `${quoted(from.name)} is the staging area of ${printable(other.file)} too: here each project has one of its own; tell both to push to theirs`,
      );
  }

  function note(found: Promoter | undefined): void {
    for (const place of found?.places ?? []) places.add(place);
    for (const account of found?.accounts ?? []) accounts.add(account);
  }

  /** Here every project is in every mirror; who was not is told. */
  function reportAbsentRegions(): void {
    const all = [...new Set([...regions.values()].flatMap((some) => [...some]))].sort();
    for (const [source, some] of regions) {
      const absent = all.filter((region) => !some.has(region));
      if (absent.length > 0)
        report(
          source,
          0,
          `not promoted to ${absent.join(", ")} today, as other projects are: here every mirror has every project`,
          "warning",
        );
    }
  }

  /** The owners' files and everything else of a checkout that the promoter does not read. */
  function foldersOf(sources: ReadonlyMap<string, Source>): Map<string, Parts> {
    const found = new Map<string, Parts>();
    for (const [path, source] of sources) {
      const match =
        /^(registry\.k8s\.io\/images|registry\.k8s\.io\/manifests|artifacts\/filestores|artifacts\/manifests)\/([^/]+)\/(.+)$/.exec(
          path,
        );
      const [, area = "", folder = "", file = ""] = match ?? [];
      const parts: Parts = found.get(folder) ?? {
        images: undefined,
        registries: undefined,
        filestores: undefined,
        lists: [],
      };
      const takesOwners = /(^|\/)OWNERS$/.test(path);
      if (takesOwners) report(source, 0, "reviewers are not taken over: name them in .github/CODEOWNERS", "warning");
      else if (area === "registry.k8s.io/images" && file === "images.yaml") parts.images = source;
      else if (area === "registry.k8s.io/manifests" && file === "promoter-manifest.yaml") parts.registries = source;
      else if (area === "artifacts/filestores" && file === "filepromoter-manifest.yaml") parts.filestores = source;
      else if (area === "artifacts/manifests") parts.lists.push({ path: file, source });
      else if (!path.startsWith("artifacts/mirroring/"))
        report(
          source,
          0,
          `not taken over: ${area === "" ? "it is in no project's folder" : `today's promoter does not read ${quoted(file)} here; is its name misspelt?`}`,
        );
      if (match !== null && !takesOwners) found.set(folder, parts);
    }
    return found;
  }

  function report(
    source: Source | undefined,
    start: number,
    message: string,
    severity: Problem["severity"] = "error",
  ): void {
    if (source !== undefined) problems.push(source.problem(severity, start, message));
  }
}

interface Parts {
  images: Source | undefined;
  registries: Source | undefined;
  filestores: Source | undefined;
  /** Lists of files, by path below artifacts/manifests/<folder>, in the order of paths. */
  readonly lists: { path: string; source: Source }[];
}

/** A project's name for each folder: without `k8s-staging-`, unless that is another folder's name. */
function projectNames(folders: ReadonlyMap<string, Parts>, problems: Problem[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const [folder, parts] of folders) {
    const short = folder.replace(/^k8s-staging-/, "");
    const source = parts.images ?? parts.registries ?? parts.filestores ?? parts.lists[0]?.source;
    const name = short !== folder && folders.has(short) ? folder : short;
    if (name !== short)
      problems.push(
        ...(source === undefined
          ? []
          : [source.problem("warning", 0, `becomes project ${quoted(name)}: ${quoted(short)} is a folder of its own`)]),
      );
    if (projectPattern.test(name)) names.set(folder, name);
    else if (source !== undefined)
      problems.push(
        source.problem(
          "error",
          0,
          `not taken over: ${quoted(name)} is no name for a project (at most 24 lower-case letters and digits in words joined by -): rename the folder`,
        ),
      );
  }
  return names;
}

function hasImages(source: Source): boolean {
  const parsed = parseYaml(source.text);
  return parsed.ok && parsed.root !== undefined && valueAt(parsed.root, "images") !== undefined;
}

/** The group that a comment names: "google group for <project> is <address>", over one line or two. */
function groupIn(text: string): string | undefined {
  return /google group for \S+ is\s+(?:#\s*)?([\w.+-]+@[\w.-]+\w)/.exec(text)?.[1];
}

/** The comments that have a line of their own, without indentation. */
function commentsOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line.startsWith("#"));
}
