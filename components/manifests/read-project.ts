import { escapeUnprintable } from "../promotion/text/printable.ts";
import { projectFormat } from "./formats.ts";
import { manifestKind, unknownFile } from "./manifest-kind.ts";
import { fileNameProblems, imageNameProblems } from "./name-collisions.ts";
import { projectPattern } from "./names.ts";
import type { OwnedPrefix, PathOwner } from "./path-ownership.ts";
import { recordOrigin } from "./positions.ts";
import { type Problem, quoted } from "./problem.ts";
import type { Project } from "./project.ts";
import { type ReadFile, readFiles } from "./read-files.ts";
import { type ReadImage, readImages } from "./read-images.ts";
import { type ReadWithdrawal, readWithdrawn, withdrawnProblems } from "./read-withdrawn.ts";
import { type ReleaseBuilds, releaseWorkflowFile } from "./release-builds.ts";
import { type StagingUse, stagingUse } from "./shared-staging.ts";
import type { Share } from "./shares.ts";
import type { Source } from "./source.ts";
import { type StackRules, stackProblems } from "./stack-rules.ts";
import { validate } from "./validate.ts";
import { compareTexts } from "./versions.ts";
import { parseYaml } from "./yaml/parse.ts";
import { entryAt, type Node, valueAt } from "./yaml/tree.ts";

/** The content of one project's folder. */
export interface ReadProject {
  /** Undefined if there are errors. */
  readonly project: Project | undefined;
  /** Its paths in production, which no other project may use; undefined if its project.yaml cannot be read. */
  readonly owner: PathOwner | undefined;
  /** Its staging area; undefined as well. */
  readonly staging: StagingUse | undefined;
  readonly problems: readonly Problem[];
}

/** Reads the files of a project by their paths below its folder. @param rules of the stack, if it is known. */
export function readProject(name: string, sources: ReadonlyMap<string, Source>, rules?: StackRules): ReadProject {
  const inFiles: Problem[] = [];
  const imageLists: ReadImage[][] = [];
  const fileLists: ReadFile[][] = [];
  const withdrawn: ReadWithdrawal[] = [];
  let declaration: Declaration | undefined;
  for (const [path, source] of [...sources].sort(([a], [b]) => compareTexts(a, b))) {
    const kind = manifestKind(path);
    const parsed = kind === undefined ? undefined : parseYaml(source.text);
    if (parsed === undefined) inFiles.push(source.problem("error", 0, unknownFile(path)));
    else if (!parsed.ok)
      inFiles.push(...parsed.errors.map(({ start, message }) => source.problem("error", start, message)));
    else if (kind === "images") imageLists.push(readImages(parsed.root, source, inFiles));
    else if (kind === "withdrawn") withdrawn.push(...readWithdrawn(parsed.root, source, inFiles));
    else if (kind === "files") fileLists.push(readFiles(parsed.root, source, inFiles));
    else {
      declaration = readDeclaration(parsed.root ?? nothing, source, inFiles);
      if (rules !== undefined && parsed.root !== undefined)
        for (const problem of stackProblems(parsed.root, source, rules)) inFiles.push(problem);
    }
  }
  const [images, files] = [imageLists.flat(), fileLists.flat()];
  const imagePrefixes = prefixesOf(name, declaration);
  const { filePrefix = name } = declaration?.settings ?? {};
  const problems = [
    inFiles,
    nameProblems(name, sources, declaration),
    imageNameProblems(
      images,
      imagePrefixes.map(({ prefix }) => prefix),
    ),
    fileNameProblems(files, filePrefix),
    withdrawnProblems(withdrawn, images, files),
  ].flat();
  if (declaration === undefined) return { project: undefined, owner: undefined, staging: undefined, problems };
  const owner = { name, ...ownedBy(declaration, imagePrefixes, filePrefix), images, files };
  const broken = problems.some(({ severity }) => severity === "error");
  return {
    project: broken ? undefined : projectOf(name, declaration.settings, imagePrefixes, images, files, withdrawn),
    owner,
    staging: stagingUse(name, declaration.root, declaration.source),
    problems,
  };
}

/** A valid project.yaml. */
interface Declaration {
  readonly settings: NonNullable<ReturnType<typeof validate<typeof projectFormat>>>;
  readonly root: Node;
  readonly source: Source;
}

const nothing: Node = { kind: "map", entries: [], start: 0, end: 0 };

function readDeclaration(root: Node, source: Source, problems: Problem[]): Declaration | undefined {
  const settings = validate(projectFormat, root, source, problems);
  if (settings === undefined) return undefined;
  const [one, several] = [entryAt(root, "imagePrefix"), entryAt(root, "imagePrefixes")];
  if (one !== undefined && several !== undefined)
    problems.push(
      source.problem("error", several.key.start, "imagePrefix and imagePrefixes say the same: keep one of the two"),
    );
  const seen = new Set<string>();
  for (const node of several?.value.kind === "list" ? several.value.items : []) {
    if (node.kind !== "scalar") continue;
    if (seen.has(node.text))
      problems.push(source.problem("error", node.start, `prefix ${quoted(node.text)} is listed twice: keep one`));
    seen.add(node.text);
  }
  return { settings, root, source };
}

/** The prefixes of a project's images, the main one first, each with its offset in project.yaml. */
function prefixesOf(name: string, declaration: Declaration | undefined): OwnedPrefix[] {
  const several = declaration && valueAt(declaration.root, "imagePrefixes");
  const listed = several?.kind === "list" ? several.items.filter((item) => item.kind === "scalar") : [];
  if (listed.length > 0) return listed.map(({ text, start }) => ({ prefix: text, start }));
  const one = declaration && valueAt(declaration.root, "imagePrefix");
  return [{ prefix: declaration?.settings.imagePrefix ?? name, start: one?.start ?? 0 }];
}

/** Problems of the folder itself: its name, a missing project.yaml. */
function nameProblems(
  name: string,
  sources: ReadonlyMap<string, Source>,
  declaration: Declaration | undefined,
): Problem[] {
  const problems: Problem[] = [];
  const at = sources.get("project.yaml") ?? sources.values().next().value;
  const add = (message: string) => at !== undefined && problems.push(at.problem("error", 0, message));
  if (!sources.has("project.yaml"))
    add(
      `project ${quoted(name)} has no project.yaml: create one with npm run new -- ${escapeUnprintable(name)} --owners <group>`,
    );
  const paths = new Map<string, string>();
  for (const path of [...sources.keys()].sort(compareTexts)) {
    const other = paths.get(path.toLowerCase());
    if (other !== undefined)
      problems.push(
        sources
          .get(path)!
          .problem("error", 0, `${quoted(path)} differs from ${quoted(other)} only in case: rename one`),
      );
    paths.set(path.toLowerCase(), path);
  }
  if (!projectPattern.test(name))
    add(
      `project name ${quoted(name)} (the folder's) must be at most 63 lower-case letters and digits in words joined by -, a letter first`,
    );
  // Google refuses such bucket names (Cloud Storage, "Bucket names").
  const { files: ownFiles, project: lender } = declaration?.settings.staging ?? {};
  if (ownFiles && lender === undefined && /g[o0][o0]gle/.test(name))
    add(
      `project name ${quoted(name)} contains "google", which bucket names must not: rename the folder or set staging.files to false`,
    );
  return problems;
}

function ownedBy(
  { root, source, settings }: Declaration,
  image: readonly OwnedPrefix[],
  filePrefix: string,
): Pick<PathOwner, "prefixes" | "shares"> {
  const start = (key: string) => valueAt(root, key)?.start ?? 0;
  const list = valueAt(root, "shares");
  const starts = list?.kind === "list" ? list.items.map((item) => item.start) : [];
  return {
    prefixes: {
      source,
      image,
      file: [{ prefix: filePrefix, start: start("filePrefix") }],
    },
    shares: sharesOf(settings).map((share, index) => ({ ...share, start: starts[index] ?? 0 })),
  };
}

function releaseBuilds({
  name,
  id,
  workflow = releaseWorkflowFile,
  refs = ["tags"],
}: NonNullable<Declaration["settings"]["owners"]["repositories"]>[number]): ReleaseBuilds {
  return { name, id, workflow, refs };
}

function sharesOf({ shares = [] }: Declaration["settings"]): Share[] {
  return shares.map(({ project, images = [], files = [] }) => ({ project, images, files }));
}

function projectOf(
  name: string,
  settings: Declaration["settings"],
  imagePrefixes: readonly OwnedPrefix[],
  images: readonly ReadImage[],
  files: readonly ReadFile[],
  withdrawn: readonly ReadWithdrawal[],
): Project {
  const { description, contact, owners, staging, filePrefix = name } = settings;
  const project: Project = {
    name,
    description,
    ...(contact === undefined ? {} : { contact }),
    owners: { group: owners.group, repositories: (owners.repositories ?? []).map(releaseBuilds) },
    approvers: settings.approvers ?? [],
    staging: {
      images: staging.images ?? false,
      files: staging.files ?? false,
      ...(staging.filesFolder === undefined ? {} : { filesFolder: staging.filesFolder }),
      retentionDays: staging.retentionDays ?? 90,
      ...(staging.project === undefined ? {} : { project: staging.project }),
      ...(staging.sharedWith === undefined ? {} : { sharedWith: staging.sharedWith }),
    },
    imagePrefix: imagePrefixes[0]?.prefix ?? name,
    imagePrefixes: imagePrefixes.map(({ prefix }) => prefix),
    filePrefix,
    shares: sharesOf(settings),
    mutableTags: settings.mutableTags ?? [],
    ...(settings.mutableFiles && { mutableFiles: settings.mutableFiles }),
    ...(settings.regions && { regions: settings.regions }),
    ...(settings.trust && { trust: settings.trust }),
    ...(settings.attachments && {
      attachments: {
        artifactTypes: settings.attachments.artifactTypes ?? [],
        megabytes: settings.attachments.megabytes ?? 64,
      },
    }),
    removalShare: settings.removalShare ?? 0.5,
    withdrawn: withdrawn.map(({ withdrawal }) => withdrawal),
    images: images
      .map((image) => ({
        name: image.name.text,
        ...(image.from === undefined ? {} : { from: image.from.text }),
        digests: image.digests.map(({ digest, tags }) => ({ digest: digest.text, tags: tags.map(({ text }) => text) })),
      }))
      .sort(byName),
    files: files.map((file) => ({ name: file.name.text, sha256: file.sha256.text })).sort(byName),
  };
  recordOrigin(project, images, files);
  return project;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return compareTexts(a.name, b.name);
}
