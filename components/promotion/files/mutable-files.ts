/** Files that may get other content at the same path: `stable.txt`, `latest.txt`. */
import type { FilesRequest, Previous } from "../run/request.ts";
import { globMatcher } from "../text/glob-matcher.ts";

/** What a project declares of a path, and what it declared before. */
export interface Mutability {
  /** Declared mutable: it is served so that caches soon ask again. */
  isMutable(path: string): boolean;
  /** Whether this run may replace what is there. */
  mayMove(path: string): boolean;
  /** Why it may not, and what to do. */
  refusal(path: string): string;
}

/**
 * A path is mutable if a pattern of `mutableFiles` matches it. A run moves it if the run before it was told so too: declaring a file mutable and
 * changing it takes two changes. Without a run before there is nothing that this program has promised.
 */
export function mutabilityOf(request: FilesRequest, previous: Previous<FilesRequest> | undefined): Mutability {
  const isMutable = globMatcher(request.mutableFiles ?? []);
  const before = previous === undefined ? isMutable : globMatcher(previous.request.mutableFiles ?? []);
  return {
    isMutable,
    mayMove: (path) => isMutable(path) && before(path),
    refusal: (path) =>
      isMutable(path)
        ? "mutableFiles of project.yaml counts from the run after the one that changes it: change the file in a change of its own"
        : "a released file never changes: choose another path, add this one to mutableFiles in project.yaml in a change before this one, " +
          "or remove the file first and add it in a later change",
  };
}
