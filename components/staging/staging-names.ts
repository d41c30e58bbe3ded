/**
 * Name of the bucket that a project stages its files in; bucket names are globally unique and at most 63 characters
 * long.
 */
export function stagingBucketName(googlePrefix: string, project: string): string {
  return `${googlePrefix}-staging-${project}`;
}

/** Id of the Artifact Registry repository that a project stages its images in. */
export function stagingRepositoryId(project: string): string {
  return `staging-${project}`;
}
