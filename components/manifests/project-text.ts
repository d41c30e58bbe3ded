import { otherReading } from "./scalars.ts";

/** The content of a new project.yaml; settings that are left out keep their defaults. */
export interface Declaration {
  readonly description: string;
  /** "" leaves the value empty, so that the reader reports it as missing. */
  readonly group: string;
  readonly repositories?: readonly { readonly name: string; readonly id: string }[];
  readonly approvers?: readonly string[];
  readonly contact?: string | undefined;
  readonly images: boolean;
  readonly files: boolean;
  readonly retentionDays?: string | undefined;
  readonly filesFolder?: string | undefined;
  /** The project whose staging area it uses. */
  readonly stagingProject?: string | undefined;
  readonly sharedWith?: readonly string[];
  readonly imagePrefix?: string | undefined;
  /** Instead of it: several, the main one first. */
  readonly imagePrefixes?: readonly string[];
  readonly filePrefix?: string | undefined;
  readonly shares?: readonly { readonly project: string; readonly images: readonly string[] }[];
  readonly mutableTags?: readonly string[];
  readonly mutableFiles?: readonly string[];
  readonly removalShare?: string | undefined;
}

/** The line by which editors find the schema of a project.yaml without further settings. */
const schemaLine = "# yaml-language-server: $schema=../../components/manifests/schema/project.schema.json\n";

/** The text of a project.yaml. `comments` are whole lines with their `#`. */
export function projectText(declaration: Declaration, comments: readonly string[] = []): string {
  const {
    description,
    group,
    repositories = [],
    approvers = [],
    contact,
    images,
    files,
    retentionDays,
    filesFolder,
    stagingProject,
    sharedWith = [],
    imagePrefix,
    imagePrefixes = [],
    filePrefix,
    shares = [],
    mutableTags = [],
    mutableFiles = [],
    removalShare,
  } = declaration;
  const optional = (key: string, value: string | undefined) =>
    value === undefined ? "" : `${key}: ${scalar(value)}\n`;
  return [
    schemaLine,
    ...comments.map((comment) => `${comment}\n`),
    `description: ${scalar(description)}\n`,
    optional("contact", contact),
    `owners:\n  group:${group === "" ? "" : ` ${scalar(group)}`}\n`,
    repositories.length === 0
      ? ""
      : `  repositories:\n${repositories.map(({ name, id }) => `    - name: ${scalar(name)}\n      id: ${JSON.stringify(id)}\n`).join("")}`,
    list("approvers", approvers.map(scalar)),
    `staging:\n  images: ${images}\n  files: ${files}\n`,
    filesFolder === undefined ? "" : `  filesFolder: ${scalar(filesFolder)}\n`,
    stagingProject === undefined ? "" : `  project: ${scalar(stagingProject)}\n`,
    list("sharedWith", sharedWith.map(scalar), "  "),
    retentionDays === undefined ? "" : `  retentionDays: ${retentionDays}\n`,
    optional("imagePrefix", imagePrefix),
    list("imagePrefixes", imagePrefixes.map(scalar)),
    optional("filePrefix", filePrefix),
    shares.length === 0
      ? ""
      : `shares:\n${shares.map(({ project, images }) => `  - project: ${scalar(project)}\n    images:\n${images.map((image) => `      - ${scalar(image)}\n`).join("")}`).join("")}`,
    list(
      "mutableTags",
      mutableTags.map((pattern) => JSON.stringify(pattern)),
    ),
    list(
      "mutableFiles",
      mutableFiles.map((pattern) => JSON.stringify(pattern)),
    ),
    removalShare === undefined ? "" : `removalShare: ${removalShare}\n`,
  ].join("");
}

/** A list of YAML values below a key; nothing if there are none. */
function list(key: string, values: readonly string[], indent = ""): string {
  return values.length === 0 ? "" : `${indent}${key}:\n${values.map((value) => `${indent}  - ${value}\n`).join("")}`;
}

/**
 * A value as YAML, in quotes if any reader could read it as another type. JSON's quotes are valid YAML
 * (1.2.2, section 1.3).
 */
function scalar(text: string): string {
  const plain = /^[A-Za-z0-9](?:[A-Za-z0-9 ._@/+()-]*[A-Za-z0-9._@/+)-])?$/.test(text);
  const isText = otherReading({ text, plain: true }) === undefined && !/^null$/i.test(text);
  return plain && isText ? text : JSON.stringify(text);
}
