import { mkdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EditError } from "../manifests/edit.ts";
import { fileLines, imageLines } from "../manifests/lines.ts";
import { manifestTexts, shownPath } from "../manifests/load.ts";
import { positionOf, type Thing } from "../manifests/positions.ts";
import { problemLine, quoted } from "../manifests/problem.ts";
import type { Project } from "../manifests/project.ts";
import { readManifests } from "../manifests/read.ts";
import { compareTexts } from "../manifests/versions.ts";
import { nearest } from "../promotion/text/nearest.ts";
import { CommandError } from "./command.ts";

/** A project whose manifests a command edits: in memory, until `save`. */
export class OpenProject {
  readonly project: Project;
  readonly #folder: string;
  readonly #texts: Map<string, string>;
  readonly #changed = new Set<string>();

  private constructor(project: Project, folder: string, texts: Map<string, string>) {
    this.project = project;
    this.#folder = folder;
    this.#texts = texts;
  }

  /** Opens a project of a folder of manifests. Throws CommandError if it is not there or has errors. */
  static async open(folder: string, name: string): Promise<OpenProject> {
    const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
      throw error;
    });
    if (found?.isDirectory() !== true)
      throw new CommandError(`there is no folder ${folder}: give the folder of the manifests with --manifests`);
    const { texts } = await manifestTexts(folder);
    const { projects, problems } = readManifests(texts, shownPath(folder));
    const project = projects.find((one) => one.name === name);
    if (project !== undefined) return new OpenProject(project, folder, texts);
    const own = problems.filter(
      ({ severity, file }) => severity === "error" && file.startsWith(`${shownPath(join(folder, name))}/`),
    );
    if (own.length > 0)
      throw new CommandError(`project ${quoted(name)} has errors; fix them first:\n${own.map(problemLine).join("\n")}`);
    const meant = nearest(
      name,
      projects.map((one) => one.name),
    );
    throw new CommandError(
      `there is no project ${quoted(name)} in ${folder}${meant === undefined ? ": create one with npm run new" : `: did you mean ${meant}?`}`,
    );
  }

  /** `file:line` of something of the project as it was opened, for messages. */
  place(thing: Thing): string {
    const place = positionOf(this.project, thing);
    return place === undefined ? this.#folder : `${place.file}:${place.line}`;
  }

  /** Path (below the folder) of the manifest that holds a thing; undefined if none does. */
  holderOf(thing: Thing): string | undefined {
    const place = positionOf(this.project, thing);
    if (place === undefined) return undefined;
    const prefix = shownPath(this.#folder);
    return prefix === "" ? place.file : place.file.slice(prefix.length + 1);
  }

  /**
   * Path of the manifest that takes a new image, or a new file of a release: the one there is, or a new one beside its
   * like.
   */
  targetFor(kind: "images" | "files", release: string): string {
    const own = `${this.project.name}/`;
    const single = `${own}${kind}.yaml`;
    const several = [...this.#texts.keys()].filter((path) => path.startsWith(`${own}${kind}/`));
    if (this.#texts.has(single) || several.length === 0) return single;
    const [only] = several;
    return kind === "images" && several.length === 1 && only !== undefined ? only : `${own}${kind}/${release}.yaml`;
  }

  /**
   * Edits a manifest (by its path below the folder; "" if it is new). Throws CommandError, naming the file, for what
   * cannot be edited.
   */
  edit(path: string, edit: (text: string) => string): void {
    const before = this.#texts.get(path) ?? "";
    try {
      const after = edit(before);
      if (after === before) return;
      this.#texts.set(path, after);
      this.#changed.add(path);
    } catch (error) {
      if (error instanceof EditError) throw new CommandError(`${join(this.#folder, path)}: ${error.message}`);
      throw error;
    }
  }

  /**
   * Writes what was edited, unless it would have mistakes (CommandError, nothing written) or `dry`. Returns how what is
   * wanted in production changes, a line for each tag, digest or file, as the preview will show it.
   */
  async save(dry: boolean): Promise<readonly string[]> {
    const { projects, problems } = readManifests(this.#texts, shownPath(this.#folder));
    const after = projects.find(({ name }) => name === this.project.name);
    if (after === undefined) {
      const errors = problems.filter(({ severity }) => severity === "error").map(problemLine);
      throw new CommandError(`nothing written: the manifests would have errors:\n${errors.join("\n")}`);
    }
    if (!dry)
      for (const path of this.#changed) {
        await mkdir(dirname(join(this.#folder, path)), { recursive: true });
        await writeFile(join(this.#folder, path), this.#texts.get(path) ?? "");
      }
    return [
      ...difference(imageLines(this.project), imageLines(after)),
      ...difference(fileLines(this.project), fileLines(after)),
    ];
  }

  /** Paths of the manifests that were edited, as the user can open them. */
  changedFiles(): string[] {
    return [...this.#changed].map((path) => join(this.#folder, path));
  }
}

/** Lines that went (`- `) and came (`+ `), in the order of what they are about, of one thing what went first. */
function difference(before: string, after: string): string[] {
  const [old, now] = [new Set(before.split("\n")), new Set(after.split("\n"))];
  const gone = [...old].filter((line) => !now.has(line)).map((line) => `- ${line}`);
  const come = [...now].filter((line) => !old.has(line)).map((line) => `+ ${line}`);
  return [...gone, ...come].sort((one, other) => compareTexts(subjectOf(one), subjectOf(other)));
}

function subjectOf(change: string): string {
  return change.split(" ")[1] ?? "";
}
