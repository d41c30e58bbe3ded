import { Role } from "@pulumi/aws/iam/role.js";
import { RolePolicy } from "@pulumi/aws/iam/rolePolicy.js";
import { Job } from "@pulumi/gcp/cloudrunv2/job.js";
import { Account } from "@pulumi/gcp/serviceaccount/account.js";
import { IAMBinding as AccountIAMBinding } from "@pulumi/gcp/serviceaccount/iambinding.js";
import { Bucket } from "@pulumi/gcp/storage/bucket.js";
import { BucketIAMBinding } from "@pulumi/gcp/storage/bucketIAMBinding.js";
import * as pulumi from "@pulumi/pulumi";
import { ordersFolder, unwantedFolder } from "../promotion/run/fill-folders.ts";
import { bucketLocation } from "../stack/bucket-location.ts";
import type { Region } from "../stack/geography.ts";
import {
  auditJobName,
  fillBucket,
  fillFolder,
  fillJobName,
  fillTasks,
  findingsFolder,
  type MirrorJob,
  reportsFolder,
} from "./fill-names.ts";
import { isObjectBelow } from "./objects-condition.ts";

export interface FillJobArgs {
  readonly project: string;
  /** Prefix of the bucket's name. */
  readonly googlePrefix: string;
  /** Where it can run: each region's mirrors are filled there. */
  readonly regions: readonly [Region, ...Region[]];
  /** The AWS account that has mirrors, or the zone; undefined if there is none. */
  readonly awsAccount: string | undefined;
  /** Names of the buckets in AWS, as patterns; none: there are no mirrors. */
  readonly awsBuckets: readonly string[];
  /** IAM principal that starts it. */
  readonly deployer: pulumi.Input<string>;
  /** IAM principal that compares the deployment with the program. */
  readonly auditor: pulumi.Input<string>;
}

/**
 * The Cloud Run jobs that fill mirrors outside of a deployment, and those that read mirrors back, one of each in each region, so that the bytes go from the
 * nearest mirror to the region at once, or do not leave it. `artifacts fill --start` and `artifacts audit --start` run one with its order, which they put
 * into the bucket together with the program that the tasks run. Those that read run as another account, which can add nothing to a mirror.
 */
export class FillJob extends pulumi.ComponentResource {
  /** IAM principal of the tasks that fill: it adds artifacts, and changes and removes none. */
  public readonly filler: pulumi.Output<string>;
  /** IAM principal of the tasks that read mirrors back: it lists and reads. */
  public readonly reader: pulumi.Output<string>;

  constructor(name: string, args: FillJobArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:mirror:FillJob", name, {}, opts);
    const fill = this.addAccount(name, args, {
      job: fillJobName,
      displayName: "artifacts: fill",
      description: "Adds to mirrors what they lack; changes and removes nothing",
    });
    const audit = this.addAccount(`${name}-audit`, args, {
      job: auditJobName,
      displayName: "artifacts: audit",
      description: "Reads mirrors, and writes what it finds beside its orders",
    });
    this.filler = fill.member;
    this.reader = audit.member;
    const bucket = this.addBucket(name, args);
    for (const [prefix, job, account, actions] of [
      [name, fillJobName, fill, fillActions],
      [`${name}-audit`, auditJobName, audit, auditActions],
    ] as const) {
      const { awsAccount, awsBuckets } = args;
      const role = awsAccount !== undefined && awsBuckets.length > 0 ? roleOf(awsAccount, job) : undefined;
      if (role !== undefined) this.addAwsRole(prefix, job, awsBuckets, account, actions);
      for (const region of args.regions) this.addJob(prefix, job, args.project, region, { account, bucket, role });
    }
    this.registerOutputs({ filler: this.filler, reader: this.reader });
  }

  private addAccount(
    name: string,
    { project, deployer }: FillJobArgs,
    { job, ...texts }: { readonly job: MirrorJob; readonly displayName: string; readonly description: string },
  ): Account {
    const account = new Account(name, { project, accountId: job, ...texts }, { parent: this });
    new AccountIAMBinding(
      `${name}-deployer`,
      { serviceAccountId: account.name, role: "roles/iam.serviceAccountUser", members: [deployer] },
      { parent: this },
    );
    return account;
  }

  private addJob(
    name: string,
    job: MirrorJob,
    project: string,
    region: Region,
    {
      account,
      bucket,
      role,
    }: { readonly account: Account; readonly bucket: Bucket; readonly role: string | undefined },
  ): void {
    new Job(
      `${name}-${region.name}`,
      {
        project,
        location: region.name,
        name: job,
        labels: { purpose: job === fillJobName ? "fill" : "audit" },
        launchStage: "GA",
        deletionProtection: false, // it holds nothing
        template: {
          taskCount: fillTasks,
          template: {
            serviceAccount: account.email,
            executionEnvironment: "EXECUTION_ENVIRONMENT_GEN2", // mounts buckets
            // A task that is tried again goes on where it stopped: Cloud Run's largest number ("Set maximum retries for jobs").
            maxRetries: 10,
            timeout: `${24 * 3600}s`,
            containers: [
              {
                // Google's image with Node, patched by Google: there is no image of ours to build and to publish.
                image: `${region.name}-docker.pkg.dev/serverless-runtimes/google-24/runtimes/nodejs24`,
                // Without the arguments of `artifacts fill --start` or `audit --start` there is no order, and the task fails.
                commands: ["/bin/sh", "-c", script, "fill"],
                envs: role === undefined ? [] : [{ name: "AWS_ROLE_ARN", value: role }],
                resources: { limits: { cpu: "1", memory: "2Gi" } },
                volumeMounts: [{ name: "program", mountPath: fillFolder }],
              },
            ],
            volumes: [{ name: "program", gcs: { bucket: bucket.name, readOnly: true } }],
          },
        },
      },
      { parent: this },
    );
  }

  /** The program and the orders, which are written again by each start, what audits find and what tasks of fills report. */
  private addBucket(name: string, { project, googlePrefix, regions, deployer, auditor }: FillJobArgs): Bucket {
    const bucket = new Bucket(
      name,
      {
        project,
        name: fillBucket(googlePrefix),
        location: bucketLocation(regions[0].name),
        labels: { purpose: "fill" },
        uniformBucketLevelAccess: true,
        publicAccessPrevention: "enforced",
        lifecycleRules: [
          // What was found and what was given up is told for a year, unless somebody mends it.
          { action: { type: "Delete" }, condition: { age: 365 } },
          {
            action: { type: "Delete" },
            condition: { age: 30, matchesPrefixes: [ordersFolder, "programs/", unwantedFolder] },
          },
        ],
        forceDestroy: true,
      },
      { parent: this },
    );
    // What they write alone: the tasks run the programs that are here.
    const below = (title: string, folder: string) => ({
      title,
      expression: isObjectBelow(fillBucket(googlePrefix), folder),
    });
    for (const [grant, role, members, condition] of [
      ["objectViewer", "objectViewer", [this.filler, this.reader, auditor], undefined],
      ["objectUser", "objectUser", [deployer], undefined],
      ["objectCreator", "objectCreator", [this.reader], below("findings", findingsFolder)],
      ["reports", "objectCreator", [this.filler], below("reports", reportsFolder)],
    ] as const) {
      new BucketIAMBinding(
        `${name}-${grant}`,
        { bucket: bucket.name, role: `roles/storage.${role}`, members: [...members], ...(condition && { condition }) },
        { parent: this },
      );
    }
    return bucket;
  }

  /** What the tasks may do in AWS, by the identity that Google gives them: there is no key. */
  private addAwsRole(
    name: string,
    job: MirrorJob,
    awsBuckets: readonly string[],
    account: Account,
    actions: readonly string[],
  ): void {
    const role = new Role(
      name,
      {
        name: job,
        description: job === fillJobName ? "artifacts: fill" : "artifacts: audit",
        maxSessionDuration: 3600,
        // Google's tokens carry the account's number as `sub` and as `azp`, which AWS calls `aud`; their audience it calls `oaud` (IAM User Guide,
        // "IAM and AWS STS condition context keys").
        assumeRolePolicy: account.uniqueId.apply((id) =>
          JSON.stringify({
            Version: "2012-10-17",
            Statement: [
              {
                Effect: "Allow",
                Principal: { Federated: "accounts.google.com" },
                Action: "sts:AssumeRoleWithWebIdentity",
                Condition: {
                  StringEquals: {
                    "accounts.google.com:aud": id,
                    "accounts.google.com:oaud": fillAudience,
                    "accounts.google.com:sub": id,
                  },
                },
              },
            ],
          }),
        ),
      },
      { parent: this },
    );
    const resources = awsBuckets.flatMap((bucket) => [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]);
    new RolePolicy(
      name,
      {
        name: "artifacts",
        role: role.name,
        policy: JSON.stringify({
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: actions, Resource: resources }],
        }),
      },
      { parent: this },
    );
  }
}

/** The first argument is the archive, the second the order, both in the mounted bucket. The memory of a task is its file system. */
const script = `set -e; cd "$(mktemp -d)"; tar -xzf "${fillFolder}/$1"; exec node fill.mjs "${fillFolder}/$2"`;

function roleOf(awsAccount: string, job: MirrorJob): string {
  return `arn:aws:iam::${awsAccount}:role/${job}`;
}

/** Whom the token is for that Google gives a task for AWS: promotion/storage/google-web-identity.ts asks for it. */
const fillAudience = "sts.amazonaws.com";

/** What a fill calls: it lists, reads and adds (docs/security.md). A bucket's versions keep what an addition would hide. */
const fillActions = [
  "s3:GetBucketObjectLockConfiguration",
  "s3:GetBucketVersioning",
  "s3:ListBucket",
  "s3:ListBucketMultipartUploads",
  "s3:ListBucketVersions",
  "s3:GetObject",
  "s3:GetObjectTagging", // an object that is copied inside S3 takes its tags along
  "s3:GetObjectVersion",
  "s3:PutObject",
  "s3:PutObjectTagging",
  "s3:AbortMultipartUpload",
  "s3:ListMultipartUploadParts",
] as const;

/** What an audit calls: without the right to list, S3 answers 403 of an object that is not there. */
const auditActions = ["s3:GetBucketObjectLockConfiguration", "s3:GetObject", "s3:ListBucket"] as const;
