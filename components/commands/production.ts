import { readFile } from "node:fs/promises";
import { attachmentSettings } from "../manifests/attachment-settings.ts";
import { fileSettings } from "../manifests/file-settings.ts";
import { fileLines, imageLines, imageNames, imageSources } from "../manifests/lines.ts";
import { loadManifests } from "../manifests/load.ts";
import { problemLine } from "../manifests/problem.ts";
import { type Project, promotesFiles, promotesImages, stagingProject } from "../manifests/project.ts";
import { signingSettings } from "../manifests/signing-settings.ts";
import { trustSettings } from "../manifests/trust-settings.ts";
import { storageSettings } from "../mirrors/cdn-purges.ts";
import { mirrorAddresses } from "../mirrors/mirror-names.ts";
import { placementOf, splitMirrors } from "../mirrors/placement.ts";
import { type MirrorKind, readMirrorLines } from "../promotion/run/mirror-lines.ts";
import type {
  FileMirror,
  FilesRequest,
  ImageMirror,
  ImagesRequest,
  StorageSettings,
} from "../promotion/run/request.ts";
import type { Owner } from "../promotion/unmanaged/unmanaged.ts";
import type { StackConfig } from "../stack/config.ts";
import { stagedIn } from "../staging/staging-names.ts";
import { CommandError } from "./command.ts";
import { useLocalStack } from "./local-stack.ts";
import { printDetail } from "./output.ts";
import { stackConfig } from "./stack-config.ts";
import { stagingByName } from "./staging.ts";
import { parseState } from "./state-file.ts";

/** What production should be, and where it is: what the program would ask of the promotion. */
export interface Production {
  readonly images: readonly ImagesRequest[];
  readonly files: readonly FilesRequest[];
}

/** {@link Production} of the projects asked for, and what else a command may look at. */
export interface ProductionSources extends Production {
  readonly config: StackConfig;
  /** The file of the state that says where the mirrors are; undefined: their names do. */
  readonly state: string | undefined;
  /** The content of that file. */
  readonly exported: string | undefined;
  readonly locations: Locations;
  readonly storage: StorageSettings;
  /** All projects there are, whichever were asked for. */
  readonly owners: readonly Owner[];
}

/** Where a stack's artifacts are. */
export interface Locations {
  /** Canonical mirror first. */
  readonly images: readonly ImageMirror[];
  /** Canonical mirror first. */
  readonly files: readonly FileMirror[];
  /** Staging repository and bucket of a project; "" = it has none, as far as is known. */
  staging(project: Project): { readonly repository: string; readonly bucket: string };
}

/** Where the command finds what it compares; each may be said by its caller. */
export interface Sources {
  /** The stack: `Pulumi.<stack>.yaml`. */
  readonly stack: string;
  /** Another file with the stack's config. */
  readonly config?: string | undefined;
  /** An export of the stack's state (`pulumi stack export`), which says where the mirrors are; without it, their names do. */
  readonly state?: string | undefined;
  /** Another folder of manifests than the config's. */
  readonly manifests?: string | undefined;
}

/**
 * Reads config, manifests and, if given, state. Throws CommandError with every mistake in them. Of the stack `local`, config and state are the
 * running rehearsal's unless others are named, and this process gets its credentials ({@link useLocalStack}).
 * @param names the projects asked for; none = all.
 */
export async function readProduction(sources: Sources, names: readonly string[]): Promise<ProductionSources> {
  const local = await useLocalStack(sources.stack);
  const config = await stackConfig(sources.stack, sources.config ?? local?.config);
  const folder = sources.manifests ?? config.manifests;
  printDetail(`reads the manifests in ${folder}`);
  const { projects, problems } = await readable(folder, () => loadManifests(folder));
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new CommandError(`the manifests have errors:\n${errors.map(problemLine).join("\n")}`);
  const absent = names.filter((name) => !projects.some((project) => project.name === name));
  if (absent.length > 0) throw new CommandError(`there is no project ${absent.join(", ")} in ${folder}`);
  const state = sources.state ?? local?.state;
  printDetail(state === undefined ? "the mirrors are where their names say" : `the mirrors are where ${state} says`);
  const exported = state === undefined ? undefined : await readable(state, () => readFile(state, "utf8"));
  const locations = exported === undefined ? locationsByName(config) : locationsInState(exported, state ?? "");
  const storage = storageSettings(config);
  const chosen = projects.filter(({ name }) => names.length === 0 || names.includes(name));
  return {
    ...productionOf(chosen, locations, storage, config),
    config,
    state,
    exported,
    locations,
    storage,
    owners: projects.map(ownerOf),
  };
}

function ownerOf(project: Project): Owner {
  const { name, imagePrefix, imagePrefixes, filePrefix } = project;
  return {
    project: name,
    imagePrefix,
    imagePrefixes,
    images: imageNames(project),
    filePrefix,
    promotesFiles: promotesFiles(project),
  };
}

/**
 * What the program would ask for these projects. Pure.
 * @internal exported for its tests.
 */
export function productionOf(
  projects: readonly Project[],
  locations: Locations,
  storage: StorageSettings,
  config?: StackConfig,
): Production {
  const common = ({ name, removalShare }: Project) => ({ project: name, removalShare, storage });
  const splitOf = ({ regions }: Project) =>
    splitMirrors(locations, config === undefined ? () => true : placementOf(config, regions));
  const imagesOf = (project: Project) => {
    const { placed, unplaced } = splitOf(project);
    const isElsewhere = unplaced.images.length + unplaced.layers.length > 0;
    return {
      mirrors: placed.images,
      layerMirrors: placed.layers,
      ...(isElsewhere && { unplaced: unplaced.images, unplacedLayers: unplaced.layers }),
    };
  };
  const filesOf = (project: Project) => {
    const { placed, unplaced } = splitOf(project);
    return { mirrors: placed.files, ...(unplaced.files.length > 0 && { unplaced: unplaced.files }) };
  };
  return {
    images: projects.filter(promotesImages).map((project) => ({
      ...common(project),
      ...imagesOf(project),
      images: imageLines(project),
      prefix: project.imagePrefix,
      staging: locations.staging(project).repository,
      sources: imageSources(project),
      mutableTags: project.mutableTags,
      ...attachmentSettings(project),
      ...trustSettings(project, config?.trust),
      ...(config && signingSettings(project, config)),
    })),
    files: projects.filter(promotesFiles).map((project) => ({
      ...common(project),
      files: fileLines(project),
      ...fileSettings(project),
      prefix: project.filePrefix,
      staging: stagedIn(project, locations.staging(project).bucket),
      ...filesOf(project),
      ...trustSettings(project, config?.trust),
      ...(config && signingSettings(project, config)),
    })),
  };
}

/**
 * Where things are by the names that the program gives them.
 * @internal exported for its tests.
 */
export function locationsByName(config: StackConfig): Locations {
  const { images, files } = mirrorAddresses(config);
  return {
    images: images.map(({ name, repository }) => ({ name, repository })),
    files,
    staging: (project) => {
      const { registryUri, bucket } = stagingByName(config, stagingProject(project));
      return {
        repository: project.staging.images ? registryUri : "",
        bucket: project.staging.files ? bucket : "",
      };
    },
  };
}

/**
 * Where things are as the promotions in an exported state were told. Throws CommandError if there are none, or it is no state.
 * @param from the file's name, for the message.
 * @internal exported for its tests.
 */
export function locationsInState(text: string, from: string): Locations {
  const promotions = (parseState(text, from).resources ?? []).flatMap(({ type, inputs }) =>
    inputs !== undefined && type?.startsWith("promotion:index:") === true ? [{ type, inputs }] : [],
  );
  const of = <Request>(kind: "PromotedImages" | "PromotedFiles"): Request[] =>
    promotions
      .filter(({ type }) => type === `promotion:index:${kind}`)
      .map(({ inputs }) => withMirrors(kind === "PromotedImages" ? "images" : "files", inputs) as Request);
  const images = of<ImagesRequest>("PromotedImages");
  const files = of<FilesRequest>("PromotedFiles");
  if (images.length + files.length === 0) {
    throw new CommandError(
      `${from} has no promotions: it is the state of another stack, or of one that was never deployed`,
    );
  }
  const staging = <Request extends { project: string; staging: string }>(
    all: readonly Request[],
    name: string,
  ): string => all.find(({ project }) => project === name)?.staging ?? "";
  const s3 = [...(images[0]?.layerMirrors ?? []), ...(images[0]?.unplacedLayers ?? [])];
  const fileMirrorsOfStack = allMirrors(files);
  return {
    images: allMirrors(images),
    files:
      fileMirrorsOfStack.length > 0 ? fileMirrorsOfStack : s3.map((mirror): FileMirror => ({ ...mirror, kind: "s3" })),
    staging: ({ name }) => ({ repository: staging(images, name), bucket: staging(files, name).split("/")[0] ?? "" }),
  };
}

/** The mirrors of the stack, as one of its promotions has them: those in which its project is placed first, among them the canonical one. */
function allMirrors<Mirror>([one]: readonly {
  readonly mirrors: readonly Mirror[];
  readonly unplaced?: readonly Mirror[] | undefined;
}[]): Mirror[] {
  return [...(one?.mirrors ?? []), ...(one?.unplaced ?? [])];
}

/** The inputs of a promotion, with their mirrors as lists. */
function withMirrors(kind: MirrorKind, inputs: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { mirrors, unplaced, layerMirrors, unplacedLayers } = inputs;
  return {
    ...inputs,
    mirrors: readMirrorLines(kind, mirrors),
    unplaced: readMirrorLines(kind, unplaced),
    layerMirrors: readMirrorLines("layers", layerMirrors),
    unplacedLayers: readMirrorLines("layers", unplacedLayers),
  };
}

async function readable<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") throw new CommandError(`there is no ${path}`);
    throw error;
  }
}
