import { type Claimant, claimProblems } from "./claims.ts";
import { projectFormat } from "./formats.ts";
import { fileNameProblems, imageNameProblems } from "./name-collisions.ts";
import { projectPattern } from "./names.ts";
import { nearest } from "./nearest.ts";
import { recordOrigin } from "./positions.ts";
import { inReadingOrder, type Problem, printable, problemLine, quoted } from "./problem.ts";
import type { Project } from "./project.ts";
import { type ReadFile, readFiles } from "./read-files.ts";
import { type ReadImage, readImages } from "./read-images.ts";
import { Source } from "./source.ts";
import { validate } from "./validate.ts";
import { parseYaml } from "./yaml/parse.ts";
import { type Node, valueAt } from "./yaml/tree.ts";

/** The projects without errors, sorted by name, and everything wrong with all of them in reading order. */
export interface Loaded {
  readonly projects: readonly Project[];
  readonly problems: readonly Problem[];
}

/** Which of a project's files a path below its folder is; undefined for one that has no place there. */
export function manifestKind(path: string): "project" | "images" | "files" | undefined {
  if (path === "project.yaml") return "project";
  if (path === "images.yaml" || /^images\/[^/]+\.yaml$/.test(path)) return "images";
  if (path === "files.yaml" || /^files\/[^/]+\.yaml$/.test(path)) return "files";
  return undefined;
}

/**
 * Reads manifests that are already in memory. Keys are paths below the folder of manifests with `/` (`<project>/images.yaml`), values their texts; `folder` is put before the
 * paths in messages. Pure; never throws, whatever the texts hold; time is linear in their length.
 */
export function readManifests(files: ReadonlyMap<string, string>, folder = ""): Loaded {
  const problems: Problem[] = [];
  const folders = new Map<string, Map<string, Source>>();
  for (const [path, text] of files) {
    const source = new Source(folder === "" ? path : `${folder}/${path}`, text);
    const slash = path.indexOf("/");
    if (slash === -1)
      problems.push(
        source.problem(
          "error",
          0,
          "a file beside the projects' folders: each project has a folder of its own, made by npm run new",
        ),
      );
    else {
      const [project, rest] = [path.slice(0, slash), path.slice(slash + 1)];
      const sources = folders.get(project) ?? new Map<string, Source>();
      folders.set(project, sources.set(rest, source));
    }
  }
  const projects: Project[] = [];
  const claimants: Claimant[] = [];
  for (const [name, sources] of [...folders].sort(([a], [b]) => (a < b ? -1 : 1))) readProject(name, sources);
  const claims = claimProblems(claimants);
  const broken = new Set(claims.map(({ file }) => file));
  problems.push(...claims);
  return {
    projects: projects.filter(({ name }) => !claimedTwice(name)),
    problems: withoutRepeats(problems.sort(inReadingOrder)),
  };

  function claimedTwice(name: string): boolean {
    return [...(folders.get(name)?.values() ?? [])].some(({ file }) => broken.has(file));
  }

  function readProject(name: string, sources: ReadonlyMap<string, Source>): void {
    const own: Problem[] = [];
    const images: ReadImage[] = [];
    const wanted: ReadFile[] = [];
    let root: Node | undefined;
    for (const [path, source] of [...sources].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const kind = manifestKind(path);
      if (kind === undefined) {
        own.push(source.problem("error", 0, unknownFile(path)));
        continue;
      }
      const parsed = parseYaml(source.text);
      if (!parsed.ok) for (const { start, message } of parsed.faults) own.push(source.problem("error", start, message));
      else if (kind === "images") images.push(...readImages(parsed.root, source, own));
      else if (kind === "files") wanted.push(...readFiles(parsed.root, source, own));
      else root = parsed.root ?? { kind: "map", entries: [], start: 0, end: 0 };
    }
    const declaration = sources.get("project.yaml");
    if (declaration === undefined) {
      const [first] = sources.values();
      if (first !== undefined)
        own.push(
          first.problem(
            "error",
            0,
            `project ${quoted(name)} has no project.yaml: write one by npm run new -- ${printable(name)} --owners <group>`,
          ),
        );
    }
    const settings =
      declaration === undefined || root === undefined ? undefined : validate(projectFormat, root, declaration, own);
    if (!projectPattern.test(name)) {
      const at = declaration ?? sources.values().next().value;
      if (at !== undefined)
        own.push(
          at.problem(
            "error",
            0,
            `project name ${quoted(name)} (the folder's) must be at most 24 lower-case letters and digits in words joined by -, a letter first`,
          ),
        );
    }
    // Google refuses such bucket names (Cloud Storage, "Bucket names").
    if (settings?.staging.files && declaration !== undefined && /g[o0][o0]gle/.test(name))
      own.push(
        declaration.problem(
          "error",
          0,
          `project name ${quoted(name)} holds "google", which no bucket's name may: rename the folder or set staging.files to false`,
        ),
      );
    const imagePrefix = settings?.imagePrefix ?? name;
    const filePrefix = settings?.filePrefix ?? name;
    own.push(...imageNameProblems(images, imagePrefix), ...fileNameProblems(wanted, filePrefix));
    problems.push(...own);
    if (settings === undefined || declaration === undefined || root === undefined) return;
    const declared = root;
    const claim = (key: string, prefix: string) => ({
      prefix,
      start: valueAt(declared, key)?.start ?? 0,
    });
    claimants.push({
      name,
      prefixes: {
        source: declaration,
        image: claim("imagePrefix", imagePrefix),
        file: claim("filePrefix", filePrefix),
      },
      images,
      files: wanted,
    });
    if (own.some(({ severity }) => severity === "error")) return;
    const { description, contact, owners, staging, mutableTags, removalShare } = settings;
    const project: Project = {
      name,
      description,
      ...(contact === undefined ? {} : { contact }),
      owners: { group: owners.group, repositories: owners.repositories ?? [] },
      staging: {
        images: staging.images ?? false,
        files: staging.files ?? false,
        retentionDays: staging.retentionDays ?? 90,
      },
      imagePrefix,
      filePrefix,
      mutableTags: mutableTags ?? [],
      removalShare: removalShare ?? 0.5,
      images: images
        .map((image) => ({
          name: image.name.text,
          digests: image.digests.map(({ digest, tags }) => ({
            digest: digest.text,
            tags: tags.map(({ text }) => text),
          })),
        }))
        .sort(byName),
      files: wanted.map((file) => ({ name: file.name.text, sha256: file.sha256.text })).sort(byName),
    };
    recordOrigin(project, images, wanted);
    projects.push(project);
  }
}

/** A fault found in two ways is one fault. */
function withoutRepeats(problems: readonly Problem[]): Problem[] {
  return problems.filter(
    (problem, index) => index === 0 || problemLine(problem) !== problemLine(problems[index - 1] ?? problem),
  );
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function unknownFile(path: string): string {
  if (/(^|\/)(file)?promoter-manifest\.yaml$/.test(path))
    return `${quoted(path)} has no place here: where artifacts go is in project.yaml and the stack's config; npm run import turns k8s.io's manifests into these`;
  const yaml = path.replace(/\.(yml|YAML|YML)$/, ".yaml");
  const meant = manifestKind(yaml) === undefined ? nearest(yaml, ["project.yaml", "images.yaml", "files.yaml"]) : yaml;
  const known = "a project has project.yaml, images.yaml or images/*.yaml, files.yaml or files/*.yaml";
  return `unknown file ${quoted(path)}: ${meant === undefined ? known : `did you mean ${meant}?`}`;
}
