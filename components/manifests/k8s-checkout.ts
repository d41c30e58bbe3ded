import { projectPattern } from "./names.ts";
import { type Problem, quoted } from "./problem.ts";
import type { Source } from "./source.ts";

/** Folders of a checkout of k8s.io that kpromo reads, or read in 2020 (`k8s.gcr.io`). */
export const promotedFolders = [
  "registry.k8s.io",
  "k8s.gcr.io",
  "artifacts/filestores",
  "artifacts/manifests",
  "artifacts/mirroring",
] as const;

/** The file of a checkout that says who is behind the aliases of OWNERS files. */
export const aliasesFile = "OWNERS_ALIASES";

/** One project of the checkout: what stands in the folders of its name. */
export interface K8sProject {
  /** Its folders' name: `k8s-staging-kops`. */
  readonly folder: string;
  /** Its name here: `kops`. */
  readonly name: string;
  /** `registry.k8s.io/images/<folder>/images.yaml`. */
  readonly images: Source | undefined;
  /** `registry.k8s.io/manifests/<folder>/promoter-manifest.yaml`. */
  readonly registries: Source | undefined;
  /** `artifacts/filestores/<folder>/filepromoter-manifest.yaml`. */
  readonly filestores: Source | undefined;
  /** Everything below `artifacts/manifests/<folder>`, by path there. */
  readonly lists: readonly { readonly path: string; readonly source: Source }[];
  /** OWNERS of these folders. */
  readonly owners: readonly Source[];
}

/**
 * Sorts the files of a checkout (by path from its root) into projects, by name; `mirroring` are the manifests of its second run, which copies
 * production to mirrors. Passes over what is no manifest: notes, scripts, tests, OWNERS beside the projects. A manifest by a name that the
 * promoter does not read, and a folder whose name no project here can have, is a problem.
 */
export function readCheckout(
  files: ReadonlyMap<string, Source>,
  problems: Problem[],
): {
  projects: readonly K8sProject[];
  mirroring: readonly Source[];
  aliases: Source | undefined;
} {
  const folders = new Map<string, { -readonly [Key in keyof K8sProject]: K8sProject[Key] }>();
  const mirroring: Source[] = [];
  // Of the two roots of images the newer counts; it is read last.
  for (const [path, source] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { kind, folder, rest } = placeOf(path);
    if (kind === "mirroring") {
      if (isYaml(path)) mirroring.push(source);
      continue;
    }
    if (kind === undefined || folder === undefined) continue;
    const project = folders.get(folder) ?? {
      folder,
      name: folder,
      images: undefined,
      registries: undefined,
      filestores: undefined,
      lists: [],
      owners: [],
    };
    if (rest === "OWNERS") project.owners = [...project.owners, source];
    else if (!isYaml(rest)) continue;
    else if (kind === "lists") project.lists = [...project.lists, { path: rest, source }];
    else if (rest === "images.yaml" && kind !== "filestores") project.images = source;
    else if (rest === "promoter-manifest.yaml" && kind !== "filestores") project.registries = source;
    else if (rest === "filepromoter-manifest.yaml" && kind === "filestores") project.filestores = source;
    else {
      problems.push(
        source.problem(
          "warning",
          0,
          `not imported: today's promoter does not read ${quoted(rest)} here: check its name`,
        ),
      );
      continue;
    }
    folders.set(folder, project);
  }
  return {
    projects: [...folders.values()]
      .filter((project) => sourcesOf(project).length > 0)
      .flatMap((project) => named(project, folders, problems)),
    mirroring,
    aliases: files.get(aliasesFile),
  };
}

/** What a path of a checkout holds, of which project. */
function placeOf(path: string): {
  kind: "images" | "filestores" | "lists" | "mirroring" | undefined;
  folder?: string;
  rest: string;
} {
  const [root = "", area = "", folder, ...rest] = path.split("/");
  const below = rest.join("/");
  if (root === "artifacts") {
    const kind = area === "filestores" || area === "mirroring" ? area : area === "manifests" ? "lists" : undefined;
    return { kind, ...(below === "" ? {} : { folder }), rest: below };
  }
  if (root !== "registry.k8s.io" && root !== "k8s.gcr.io") return { kind: undefined, rest: "" };
  if (area === "images" || area === "manifests")
    return { kind: "images", ...(below === "" ? {} : { folder }), rest: below };
  // The first layout: k8s.gcr.io/<folder>/promoter-manifest.yaml, which has the images too.
  return folder === "promoter-manifest.yaml" && below === ""
    ? { kind: "images", folder: area, rest: folder }
    : { kind: undefined, rest: "" };
}

function isYaml(path: string): boolean {
  return /\.ya?ml$/i.test(path);
}

/**
 * A project with its name here: without `k8s-staging-`, unless that is another folder's name. None, if no project can
 * have it.
 */
function named(project: K8sProject, folders: ReadonlyMap<string, K8sProject>, problems: Problem[]): K8sProject[] {
  const { folder } = project;
  const [source] = sourcesOf(project);
  const short = folder.replace(/^k8s-staging-/, "");
  const name = short !== folder && folders.has(short) ? folder : short;
  if (name !== short && source !== undefined)
    problems.push(
      source.problem("warning", 0, `becomes project ${quoted(name)}: ${quoted(short)} is a folder of its own`),
    );
  if (projectPattern.test(name)) return [{ ...project, name }];
  const rule = "at most 63 lower-case letters and digits in words joined by -";
  if (source !== undefined)
    problems.push(
      source.problem("error", 0, `not imported: ${quoted(name)} is not a project name (${rule}): rename the folder`),
    );
  return [];
}

/** A project's manifests, those first that say most about it. */
export function sourcesOf({ registries, filestores, images, lists }: K8sProject): Source[] {
  return [registries, filestores, images, ...lists.map(({ source }) => source)].filter(
    (source) => source !== undefined,
  );
}
