/** Name of the Cloud Run job that fills mirrors, in each region; of the account of its tasks, and of the role in AWS that they take. */
export const fillJobName = "artifacts-fill";

/** The same of the job that reads mirrors back. */
export const auditJobName = "artifacts-audit";

/** A job on the mirrors, by its name. */
export type MirrorJob = typeof fillJobName | typeof auditJobName;

/** Folder of what audits have found, in the bucket of the orders. */
export const findingsFolder = "findings/";

/** Folder of what tasks of fills gave up, there too. */
export const reportsFolder = "reports/";

/** Where the tasks find the bucket with their program and their orders. */
export const fillFolder = "/fill";

/** How many tasks fill a mirror. They share what the region's quota of requests allows. */
export const fillTasks = 10;

/** Name of the bucket with the program and the orders. */
export function fillBucket(googlePrefix: string): string {
  return `${googlePrefix}-fill`;
}
