import { Repository } from "@pulumi/gcp/artifactregistry/repository.js";
import { RepositoryIamBinding } from "@pulumi/gcp/artifactregistry/repositoryIamBinding.js";
import { Bucket } from "@pulumi/gcp/storage/bucket.js";
import { BucketIAMBinding } from "@pulumi/gcp/storage/bucketIAMBinding.js";
import * as pulumi from "@pulumi/pulumi";
import { bucketLocation } from "../stack/bucket-location.ts";
import { stagingBucketName, stagingRepositoryId } from "./staging-names.ts";

export interface StagingAreaArgs {
  /** Google Cloud project it belongs to. */
  readonly project: string;
  /** Begins the bucket's name. */
  readonly googlePrefix: string;
  /** A multi-region (`us`, `europe`, `asia`) or a region. */
  readonly location: string;
  readonly description: string;
  /** The one group whose members may push, an e-mail address. */
  readonly group: string;
  /** CI runs that may push too: IAM principals, one per GitHub repository. */
  readonly ci: readonly pulumi.Input<string>[];
  /** Who reads it to promote and to preview a promotion: IAM principals. */
  readonly readers: readonly pulumi.Input<string>[];
  readonly images: boolean;
  readonly files: boolean;
  /** Artifacts older than this are removed: they are promoted by then or not wanted. */
  readonly retentionDays: number;
  /** The cleanup of the repository only says what it would remove. */
  readonly cleanupDryRun: boolean;
  readonly protection: boolean;
}

/**
 * Where one project pushes its artifacts: an image repository and a bucket of its own. Its group writes, the promotion reads, nobody
 * else: never the public. Each binding owns its role, so that a grant made by hand is taken back by the next update.
 */
export class StagingArea extends pulumi.ComponentResource {
  /** `<location>-docker.pkg.dev/<project>/<repository>`; "" if the project stages no images. */
  public readonly repository: pulumi.Output<string>;
  /** The bucket's name; "" if the project stages no files. */
  public readonly bucket: pulumi.Output<string>;

  constructor(name: string, args: StagingAreaArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:staging:StagingArea", name, {}, opts);
    const writers = [`group:${args.group}`, ...args.ci];
    this.repository = args.images ? this.addRepository(name, args, writers) : pulumi.output("");
    this.bucket = args.files ? this.addBucket(name, args, writers) : pulumi.output("");
    this.registerOutputs({ repository: this.repository, bucket: this.bucket });
  }

  private addRepository(
    name: string,
    args: StagingAreaArgs,
    writers: readonly pulumi.Input<string>[],
  ): pulumi.Output<string> {
    const repository = new Repository(
      `staging-${name}`,
      {
        project: args.project,
        location: args.location,
        repositoryId: stagingRepositoryId(name),
        description: args.description,
        format: "DOCKER",
        mode: "STANDARD_REPOSITORY",
        labels: { budget: name, purpose: "staging" },
        cleanupPolicyDryRun: args.cleanupDryRun,
        cleanupPolicies: [
          {
            id: "expire",
            action: "DELETE",
            condition: { tagState: "ANY", olderThan: `${args.retentionDays * secondsPerDay}s` },
          },
        ],
        vulnerabilityScanningConfig: { enablementConfig: "DISABLED" },
      },
      { parent: this },
    );
    const place = { project: args.project, location: args.location, repository: repository.name };
    for (const [role, members] of [
      ["writer", writers],
      ["reader", args.readers],
    ] as const) {
      new RepositoryIamBinding(
        `staging-${name}-${role}`,
        { ...place, role: `roles/artifactregistry.${role}`, members: [...members] },
        { parent: this },
      );
    }
    return repository.registryUri;
  }

  private addBucket(
    name: string,
    args: StagingAreaArgs,
    writers: readonly pulumi.Input<string>[],
  ): pulumi.Output<string> {
    const bucket = new Bucket(
      `staging-${name}`,
      {
        project: args.project,
        name: stagingBucketName(args.googlePrefix, name),
        location: bucketLocation(args.location),
        labels: { budget: name, purpose: "staging" },
        uniformBucketLevelAccess: true,
        publicAccessPrevention: "enforced",
        lifecycleRules: [{ action: { type: "Delete" }, condition: { age: args.retentionDays } }],
        forceDestroy: !args.protection,
      },
      { parent: this },
    );
    for (const [role, members] of [
      ["objectUser", writers],
      ["objectViewer", args.readers],
    ] as const) {
      new BucketIAMBinding(
        `staging-${name}-${role}`,
        { bucket: bucket.name, role: `roles/storage.${role}`, members: [...members] },
        { parent: this },
      );
    }
    return bucket.name;
  }
}

const secondsPerDay = 86_400;
