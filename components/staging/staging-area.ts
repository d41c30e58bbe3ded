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
  /** Prefix of the bucket's name. */
  readonly googlePrefix: string;
  /** A multi-region (`us`, `europe`, `asia`) or a region. */
  readonly location: string;
  readonly description: string;
  /** The one group whose members may push, an e-mail address. */
  readonly group: string;
  /** IAM principals of CI runs that may push too, one per GitHub repository. */
  readonly ci: readonly pulumi.Input<string>[];
  /** IAM principals that read it to promote and to preview a promotion. */
  readonly readers: readonly pulumi.Input<string>[];
  readonly images: boolean;
  readonly files: boolean;
  /** Artifacts older than this are removed, whether they were promoted or not. */
  readonly retentionDays: number;
  /** The repository's cleanup policy only logs what it would remove (dry run). */
  readonly cleanupDryRun: boolean;
  readonly protection: boolean;
}

/**
 * Where one project pushes its artifacts: an image repository and a bucket of its own. Only its group can write and
 * only the promotion can read; it is never public. The bindings are authoritative, so the next update removes a grant
 * that was made by hand.
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
    // As it was given: the output is unknown if the repository cannot be made, and a grant without it is refused, which ends the run.
    const place = { project: args.project, location: args.location, repository: stagingRepositoryId(name) };
    for (const [role, members] of [
      ["writer", writers],
      ["reader", args.readers],
    ] as const) {
      new RepositoryIamBinding(
        `staging-${name}-${role}`,
        { ...place, role: `roles/artifactregistry.${role}`, members: [...members] },
        { parent: this, dependsOn: repository },
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
