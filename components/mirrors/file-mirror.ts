import { Bucket as S3Bucket } from "@pulumi/aws/s3/bucket.js";
import { BucketCorsConfiguration } from "@pulumi/aws/s3/bucketCorsConfiguration.js";
import { BucketLifecycleConfiguration } from "@pulumi/aws/s3/bucketLifecycleConfiguration.js";
import { BucketOwnershipControls } from "@pulumi/aws/s3/bucketOwnershipControls.js";
import { BucketPolicy } from "@pulumi/aws/s3/bucketPolicy.js";
import { BucketPublicAccessBlock } from "@pulumi/aws/s3/bucketPublicAccessBlock.js";
import { BucketServerSideEncryptionConfiguration } from "@pulumi/aws/s3/bucketServerSideEncryptionConfiguration.js";
import { BucketVersioning } from "@pulumi/aws/s3/bucketVersioning.js";
import { Bucket as GcsBucket } from "@pulumi/gcp/storage/bucket.js";
import { BucketIAMBinding } from "@pulumi/gcp/storage/bucketIAMBinding.js";
import * as pulumi from "@pulumi/pulumi";
import { registryFolder } from "../../redirector/object-paths.ts";
import { bucketLocation } from "../stack/bucket-location.ts";
import type { Region } from "../stack/geography.ts";
import { fileBucketName } from "./mirror-names.ts";
import { isObjectBelow } from "./objects-condition.ts";

export interface FileMirrorArgs {
  /** Google Cloud project of a mirror in Google Cloud. */
  readonly project: string;
  /** Prefix of the bucket's name in AWS. */
  readonly organization: string;
  /** Prefix of the bucket's name in Google Cloud. */
  readonly googlePrefix: string;
  /** Whole names of buckets, by region, in place of those with a prefix. */
  readonly bucketNames: Readonly<Record<string, string>>;
  /** Its cloud decides between Cloud Storage and S3. */
  readonly region: Region;
  /** The only IAM principals that write to Cloud Storage. In S3 only the account's own roles can write. */
  readonly writers: readonly pulumi.Input<string>[];
  /** IAM principals that list the objects, to compare them with the manifests. In S3 the account's own roles can list. */
  readonly auditors: readonly pulumi.Input<string>[];
  /** IAM principals that list and add objects in Cloud Storage. */
  readonly fillers: readonly pulumi.Input<string>[];
  /** Whether the bucket is an image mirror too. */
  readonly hasImages: boolean;
  /** Bucket in Cloud Storage that receives the access log of a mirror in Google Cloud; undefined: no log is kept. */
  readonly logBucket: pulumi.Input<string> | undefined;
  readonly protection: boolean;
}

/**
 * One region's production files: a bucket whose objects are public but not listable, and that only the promotion
 * writes. Buckets in AWS also hold image layers for clients inside AWS.
 */
export class FileMirrorResources extends pulumi.ComponentResource {
  public readonly bucket: pulumi.Output<string>;
  /** All that the mirror consists of. */
  public readonly parts: readonly pulumi.CustomResource[];

  constructor(name: string, args: FileMirrorArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:mirror:FileMirror", name, {}, opts);
    const { bucket, parts } =
      args.region.cloud === "gcp" ? this.addGcsBucket(name, args) : this.addS3Bucket(name, args);
    this.bucket = bucket;
    this.parts = parts;
    this.registerOutputs({ bucket: this.bucket });
  }

  private addGcsBucket(name: string, args: FileMirrorArgs): Made {
    const bucket = new GcsBucket(
      name,
      {
        project: args.project,
        name: fileBucketName(args, args.region),
        location: bucketLocation(args.region.name),
        labels: { purpose: "production" },
        uniformBucketLevelAccess: true,
        publicAccessPrevention: "inherited",
        versioning: { enabled: true },
        softDeletePolicy: { retentionDurationSeconds: recoverableDays * 86_400 },
        lifecycleRules: [
          {
            action: { type: "Delete" },
            condition: { daysSinceNoncurrentTime: recoverableDays, withState: "ARCHIVED" },
          },
        ],
        cors: [{ origins: ["*"], methods: ["GET", "HEAD"], responseHeaders: ["*"], maxAgeSeconds: 3600 }],
        ...(args.logBucket !== undefined && { logging: { logBucket: args.logBucket } }),
        forceDestroy: !args.protection,
        deletionPolicy: args.protection ? "PREVENT" : "DELETE",
      },
      { parent: this, protect: args.protection },
    );
    // The object viewer role would also allow listing the bucket.
    const reader = new BucketIAMBinding(
      `${name}-reader`,
      { bucket: bucket.name, role: "roles/storage.legacyObjectReader", members: ["allUsers"] },
      { parent: this },
    );
    const auditor = new BucketIAMBinding(
      `${name}-auditor`,
      { bucket: bucket.name, role: "roles/storage.objectViewer", members: [...args.auditors, ...args.fillers] },
      { parent: this },
    );
    const writer = new BucketIAMBinding(
      `${name}-writer`,
      { bucket: bucket.name, role: "roles/storage.objectUser", members: [...args.writers] },
      { parent: this },
    );
    const filler =
      args.fillers.length === 0
        ? []
        : [
            new BucketIAMBinding(
              `${name}-filler`,
              { bucket: bucket.name, role: "roles/storage.objectCreator", members: [...args.fillers] },
              { parent: this },
            ),
            ...(args.hasImages ? [this.addListsGrant(name, bucket, args)] : []),
          ];
    return { bucket: bucket.name, parts: [bucket, reader, auditor, writer, ...filler] };
  }

  /**
   * Each image that is added replaces its tags and lists, for which Cloud Storage asks the right to delete ("IAM permissions for JSON methods",
   * `objects.insert`). It is given for these objects alone: no manifest, layer or file.
   */
  private addListsGrant(name: string, bucket: GcsBucket, args: FileMirrorArgs): BucketIAMBinding {
    const lists = isObjectBelow(fileBucketName(args, args.region), registryFolder);
    const noManifest = '!resource.name.extract("/_manifests/{reference}").startsWith("sha256:")';
    return new BucketIAMBinding(
      `${name}-filler-lists`,
      {
        bucket: bucket.name,
        role: "roles/storage.objectUser",
        members: [...args.fillers],
        condition: { title: "tags and lists of images", expression: `${lists} && ${noManifest}` },
      },
      { parent: this },
    );
  }

  private addS3Bucket(name: string, args: FileMirrorArgs): Made {
    const region = args.region.name;
    const bucket = new S3Bucket(
      name,
      {
        region,
        bucket: fileBucketName(args, args.region),
        tags: { purpose: "production" },
        forceDestroy: !args.protection,
      },
      { parent: this, protect: args.protection },
    );
    const ownership = new BucketOwnershipControls(
      `${name}-ownership`,
      { region, bucket: bucket.bucket, rule: { objectOwnership: "BucketOwnerEnforced" } },
      { parent: this },
    );
    const encryption = new BucketServerSideEncryptionConfiguration(
      `${name}-encryption`,
      { region, bucket: bucket.bucket, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }] },
      { parent: this },
    );
    const versioning = new BucketVersioning(
      `${name}-versioning`,
      { region, bucket: bucket.bucket, versioningConfiguration: { status: "Enabled" } },
      { parent: this },
    );
    const lifecycle = new BucketLifecycleConfiguration(
      `${name}-lifecycle`,
      {
        region,
        bucket: bucket.bucket,
        rules: [
          {
            id: "recoverable",
            status: "Enabled",
            filter: { prefix: "" },
            noncurrentVersionExpiration: { noncurrentDays: recoverableDays },
            // A delete marker is removed once no versions are left under it. Otherwise listing gets slower with every
            // file that was ever removed.
            expiration: { expiredObjectDeleteMarker: true },
            abortIncompleteMultipartUpload: { daysAfterInitiation: 7 },
          },
        ],
      },
      { parent: this, dependsOn: versioning },
    );
    // The catalogue's page has another origin than its data.
    const cors = new BucketCorsConfiguration(
      `${name}-cors`,
      {
        region,
        bucket: bucket.bucket,
        corsRules: [
          { allowedOrigins: ["*"], allowedMethods: ["GET", "HEAD"], allowedHeaders: ["*"], maxAgeSeconds: 3600 },
        ],
      },
      { parent: this },
    );
    const access = new BucketPublicAccessBlock(
      `${name}-access`,
      {
        region,
        bucket: bucket.bucket,
        blockPublicAcls: true,
        ignorePublicAcls: true,
        blockPublicPolicy: false,
        restrictPublicBuckets: false,
      },
      { parent: this },
    );
    // AWS refuses a public policy while the default block of a new bucket is in place.
    const reader = new BucketPolicy(
      `${name}-policy`,
      {
        region,
        bucket: bucket.bucket,
        policy: bucket.arn.apply(policy),
      },
      { parent: this, dependsOn: access },
    );
    return {
      bucket: bucket.bucket,
      parts: [bucket, ownership, encryption, versioning, lifecycle, cors, access, reader],
    };
  }
}

interface Made {
  readonly bucket: pulumi.Output<string>;
  readonly parts: readonly pulumi.CustomResource[];
}

/**
 * Single objects are public; all requests must use TLS, which S3 enforces only with a policy. That includes
 * downloads: the redirector sends clients to https, the host answers plain http only with a redirect, and a checksum
 * file fetched without TLS proves nothing. k8s.io's buckets do the same, and AWS's rule `s3-bucket-ssl-requests-only`
 * requires it of every bucket (S3 User Guide, "Security best practices").
 */
function policy(arn: string): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Sid: "PublicRead", Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `${arn}/*` },
      {
        Sid: "OnlyTls",
        Effect: "Deny",
        Principal: "*",
        Action: "s3:*",
        Resource: [arn, `${arn}/*`],
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      },
    ],
  });
}

/** How long a removed or replaced file can be restored. */
const recoverableDays = 30;
