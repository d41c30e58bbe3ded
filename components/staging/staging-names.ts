import { createHash } from "node:crypto";
import type { Project } from "../manifests/project.ts";

/** Artifact Registry, "Repository names", and Cloud Storage, "Bucket names". */
const longest = 63;

/** Name of the bucket that a project stages its files in; bucket names are globally unique. */
export function stagingBucketName(googlePrefix: string, project: string): string {
  return shortened(`${googlePrefix}-staging-${project}`);
}

/** Id of the Artifact Registry repository that a project stages its images in. */
export function stagingRepositoryId(project: string): string {
  return shortened(`staging-${project}`);
}

/** Where a project stages its files, as the promotion takes it: its bucket, or a folder in it. */
export function stagedIn({ staging: { filesFolder } }: Pick<Project, "staging">, bucket: string): string {
  return bucket === "" || filesFolder === undefined ? bucket : `${bucket}/${filesFolder}`;
}

/** A name of at most 63 characters: of a longer one the beginning, and eight digits of its SHA-256 in place of the rest. */
function shortened(name: string): string {
  if (name.length <= longest) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${name.slice(0, longest - hash.length - 1).replace(/-+$/, "")}-${hash}`;
}
