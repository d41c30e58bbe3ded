import type { ProjectDocument } from "./documents.ts";

/** The release, and the file in it, that a path below a project's files names; undefined if there is none. */
export function findRelease(
  project: ProjectDocument,
  path: string,
): { readonly release: string; readonly file: string | undefined } | undefined {
  const has = (name: string): boolean => project.releases.some(({ release }) => release === name);
  const [first = "", ...rest] = path.split("/");
  if (first !== "" && has(first))
    return { release: first, file: rest.length === 0 || rest.join("") === "" ? undefined : path };
  return has("") ? { release: "", file: path === "" ? undefined : path } : undefined;
}
