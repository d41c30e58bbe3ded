import { fileLines, imageLines } from "./lines.ts";
import type { Project, Withdrawal } from "./project.ts";

/** What a change of the manifests does to one project. References are `image:tag`, `image@sha256:<hex>` or paths of files. */
export interface ProjectDifference {
  readonly project: string;
  /** Undefined: the project is new, or its folder is gone. */
  readonly before: Project | undefined;
  readonly after: Project | undefined;
  readonly images: ReferenceChanges;
  readonly files: ReferenceChanges;
  /** What else its project.yaml says now, by key, as JSON; a new project's is left out. */
  readonly settings: readonly { readonly key: string; readonly before: string; readonly after: string }[];
  /** What it withdraws that it did not before. */
  readonly withdrawn: readonly Withdrawal[];
}

/** References that are new, gone, or stand for another digest. */
export interface ReferenceChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly moved: readonly { readonly reference: string; readonly before: string; readonly after: string }[];
}

/** What differs between the manifests before and after a change, of projects that differ at all, by name. Pure. */
export function manifestDifferences(before: readonly Project[], after: readonly Project[]): ProjectDifference[] {
  const [old, now] = [before, after].map((projects) => new Map(projects.map((project) => [project.name, project]))) as [
    Map<string, Project>,
    Map<string, Project>,
  ];
  return [...new Set([...old.keys(), ...now.keys()])]
    .sort()
    .map((name) => differenceOf(name, old.get(name), now.get(name)))
    .filter(
      ({ before: was, after: is, images, files, settings, withdrawn }) =>
        was === undefined || is === undefined || !isEmpty(images, files) || settings.length + withdrawn.length > 0,
    );
}

/** Whether a difference changes nothing. */
export function isEmpty(...all: readonly ReferenceChanges[]): boolean {
  return all.every(({ added, removed, moved }) => added.length + removed.length + moved.length === 0);
}

/** A difference as lines of a diff, those that go first. */
export function diffLines({ images, files }: Pick<ProjectDifference, "images" | "files">): string[] {
  return [images, files].flatMap(({ added, removed, moved }) => [
    ...removed.map((line) => `- ${line}`),
    ...moved.flatMap(({ reference, before, after }) => [`- ${reference} ${before}`, `+ ${reference} ${after}`]),
    ...added.map((line) => `+ ${line}`),
  ]);
}

function differenceOf(name: string, before: Project | undefined, after: Project | undefined): ProjectDifference {
  const known = new Set((before?.withdrawn ?? []).map((one) => JSON.stringify(one)));
  return {
    project: name,
    before,
    after,
    images: compare(imagesBelow(before), imagesBelow(after)),
    files: compare(filesBelow(before), filesBelow(after)),
    settings: before === undefined || after === undefined ? [] : settingsOf(before, after),
    withdrawn: (after?.withdrawn ?? []).filter((one) => !known.has(JSON.stringify(one))),
  };
}

/** Digests by `image:tag` and `image@digest`. */
function imagesBelow(project: Project | undefined): Map<string, string> {
  const lines = project === undefined ? "" : imageLines(project);
  return byReference(lines.replaceAll(/^([^ ]+)@(sha256:.*)$/gm, "$1@$2 $2"));
}

function filesBelow(project: Project | undefined): Map<string, string> {
  return byReference(project === undefined ? "" : fileLines(project));
}

function byReference(lines: string): Map<string, string> {
  return new Map(
    lines
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const space = line.lastIndexOf(" ");
        return [line.slice(0, space), line.slice(space + 1)] as const;
      }),
  );
}

function compare(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): ReferenceChanges {
  return {
    added: [...after].flatMap(([reference, digest]) => (before.has(reference) ? [] : shown(reference, digest))),
    removed: [...before].flatMap(([reference, digest]) => (after.has(reference) ? [] : shown(reference, digest))),
    moved: [...after].flatMap(([reference, digest]) => {
      const old = before.get(reference);
      return old === undefined || old === digest ? [] : [{ reference, before: old, after: digest }];
    }),
  };
}

function shown(reference: string, digest: string): string {
  return reference.endsWith(`@${digest}`) ? reference : `${reference} ${digest}`;
}

/** What of a project is no setting. */
const content = new Set(["name", "images", "files", "withdrawn"]);

function settingsOf(before: Project, after: Project): ProjectDifference["settings"] {
  const [old, now] = [before, after].map((project) => project as unknown as Record<string, unknown>) as [
    Record<string, unknown>,
    Record<string, unknown>,
  ];
  return [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .filter((key) => !content.has(key))
    .map((key) => ({
      key,
      before: JSON.stringify(old[key]) ?? "nothing",
      after: JSON.stringify(now[key]) ?? "nothing",
    }))
    .filter((setting) => setting.before !== setting.after);
}
