/** Name of the Cloud Run job, in each region. */
export const fillJobName = "artifacts-fill";

/** Where the tasks find the bucket with their program and their orders. */
export const fillFolder = "/fill";

/** Name of the role in AWS. */
export const fillRoleName = "artifacts-fill";

/** Whom the token is for that Google gives a task for AWS. */
export const fillAudience = "sts.amazonaws.com";

/** Name of the bucket with the program and the orders. */
export function fillBucket(googlePrefix: string): string {
  return `${googlePrefix}-fill`;
}
