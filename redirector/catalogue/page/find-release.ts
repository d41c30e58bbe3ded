import type { ProjectDocument } from "./documents.ts";

/** Which release an address below a project's files names, and which file in it; undefined if there is neither. */
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
