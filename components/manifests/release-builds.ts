/** A GitHub repository whose release builds may push to a project's staging area. */
export interface ReleaseBuilds {
  /** `owner/name`, for people and for the stack's list of owners. */
  readonly name: string;
  /** The repository's number at GitHub, by which it is known: a name that was given up can be registered by somebody else. */
  readonly id: string;
  /** The file in `.github/workflows/` that pushes. */
  readonly workflow: string;
  /** For which refs it pushes: for tags, or also for `main`, `master` and `release-*`. */
  readonly refs: readonly ReleaseRefs[];
}

/** Kinds of refs that a release build may be of. */
export type ReleaseRefs = (typeof releaseRefs)[number];
export const releaseRefs = ["tags", "branches"] as const;

/** The workflow that `artifacts new --ci github` writes. */
export const releaseWorkflowFile = "artifacts.yml";

/** A repository's release builds, on one line for a reviewer. */
export function releaseBuildsLine({ name, id, workflow, refs }: ReleaseBuilds): string {
  return `${name} (${id}): ${workflow} for ${refs.join(" and ")}`;
}
