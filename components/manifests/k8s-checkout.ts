import { projectPattern } from "./names.ts";
import { type Problem, quoted } from "./problem.ts";
import type { Source } from "./source.ts";

/** Folders of a checkout of k8s.io that kpromo reads. */
export const promotedFolders = [
  "registry.k8s.io/images",
  "registry.k8s.io/manifests",
  "artifacts/filestores",
  "artifacts/manifests",
  "artifacts/mirroring",
] as const;

/** One project of the checkout: the content of the folders with its name. */
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
}

/**
 * Sorts the files of a checkout (by path from its root) into projects by name; `mirroring` are the manifests of the
 * promoter's second run, which copies production to mirrors. Reports files that the promoter does not read, and
 * folders whose names are not valid for projects here.
 */
export function readCheckout(
  files: ReadonlyMap<string, Source>,
  problems: Problem[],
): { projects: readonly K8sProject[]; mirroring: readonly Source[] } {
  const folders = new Map<string, { -readonly [Key in keyof K8sProject]: K8sProject[Key] }>();
  const mirroring: Source[] = [];
  for (const [path, source] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [root = "", area = "", folder = "", ...rest] = path.split("/");
    const [place, file] = [`${root}/${area}`, rest.join("/")];
    const project = folders.get(folder) ?? {
      folder,
      name: folder,
      images: undefined,
      registries: undefined,
      filestores: undefined,
      lists: [],
    };
    if (place === "artifacts/mirroring") mirroring.push(source);
    else if (path.endsWith("/OWNERS"))
      problems.push(source.problem("warning", 0, "reviewers are not imported: add them to .github/CODEOWNERS"));
    else if (file === "") problems.push(source.problem("error", 0, "not imported: it is in no project's folder"));
    else {
      folders.set(folder, project);
      if (place === "artifacts/manifests") project.lists = [...project.lists, { path: file, source }];
      else if (place === "registry.k8s.io/images" && file === "images.yaml") project.images = source;
      else if (place === "registry.k8s.io/manifests" && file === "promoter-manifest.yaml") project.registries = source;
      else if (place === "artifacts/filestores" && file === "filepromoter-manifest.yaml") project.filestores = source;
      else
        problems.push(
          source.problem(
            "error",
            0,
            `not imported: today's promoter does not read ${quoted(file)} here: check its name`,
          ),
        );
    }
  }
  return { projects: [...folders.values()].flatMap((project) => named(project, folders, problems)), mirroring };
}

/**
 * A project and its name here: without `k8s-staging-`, unless another folder has that name. Undefined if the name is
 * not valid for a project.
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

/** A project's files, the most informative ones first. */
export function sourcesOf({ registries, filestores, images, lists }: K8sProject): Source[] {
  return [registries, filestores, images, ...lists.map(({ source }) => source)].filter(
    (source) => source !== undefined,
  );
}
