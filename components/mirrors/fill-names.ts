/** Name of the Cloud Run job, in each region. */
export const fillJobName = "artifacts-fill";

/** Where the tasks find the bucket with their program and their orders. */
export const fillFolder = "/fill";

/** How many tasks fill a mirror. They share what the region's quota of requests allows. */
export const fillTasks = 10;

/** Name of the role in AWS that the tasks take. */
export const fillRoleName = "artifacts-fill";

/** Name of the bucket with the program and the orders. */
export function fillBucket(googlePrefix: string): string {
  return `${googlePrefix}-fill`;
}
