import { OpenIdConnectProvider } from "@pulumi/aws/iam/openIdConnectProvider.js";
import { Role } from "@pulumi/aws/iam/role.js";
import { RolePolicy } from "@pulumi/aws/iam/rolePolicy.js";
import { WorkloadIdentityPool } from "@pulumi/gcp/iam/workloadIdentityPool.js";
import { WorkloadIdentityPoolProvider } from "@pulumi/gcp/iam/workloadIdentityPoolProvider.js";
import { CryptoKeyIAMBinding } from "@pulumi/gcp/kms/cryptoKeyIAMBinding.js";
import { IAMBinding as ProjectIAMBinding } from "@pulumi/gcp/projects/iambinding.js";
import { Account } from "@pulumi/gcp/serviceaccount/account.js";
import { IAMBinding as AccountIAMBinding } from "@pulumi/gcp/serviceaccount/iambinding.js";
import { BucketIAMBinding } from "@pulumi/gcp/storage/bucketIAMBinding.js";
import * as pulumi from "@pulumi/pulumi";

export interface IdentitiesArgs {
  readonly project: string;
  /** Begins the names of the buckets in AWS. */
  readonly organization: string;
  /** GitHub repository of this program, `owner/name`. */
  readonly repository: string;
  /** The AWS account with mirrors; undefined: there are none. */
  readonly awsAccount: string | undefined;
  /** Where the stack's state is; undefined: what the identities need there is granted elsewhere. */
  readonly state: { readonly bucket: string; readonly key: string } | undefined;
}

/**
 * Who may do what from GitHub, without a key anywhere: a workflow's OIDC token is exchanged for one that lives for an hour.
 *
 * - `deploy` changes what is published, from the main branch in the environment `production` only.
 * - `preview` reads (and says in a log what it found), from any branch or pull request of the repository itself; pull requests of forks get no token at all.
 * - A project's own workflows push to its staging area, from its release branches and tags only; granted there.
 *
 * Neither can change who may do what in the project (no role here sets the project's policy or makes accounts): a change of this
 * component, and the first `pulumi up`, is made by an owner of the project.
 */
export class Identities extends pulumi.ComponentResource {
  /** IAM principal that deploys and promotes. */
  public readonly deploy: pulumi.Output<string>;
  /** IAM principal that previews: it reads. */
  public readonly preview: pulumi.Output<string>;
  readonly #pool: WorkloadIdentityPool;

  constructor(name: string, args: IdentitiesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:identity:Identities", name, {}, opts);
    this.#pool = this.addPool(name, args);
    this.deploy = this.addAccount(name, args.project, "deploy", this.principals("deploy", "yes"));
    this.preview = this.addAccount(name, args.project, "preview", this.principals("repository", args.repository));
    this.grantOnProject(name, args.project);
    if (args.state !== undefined) this.grantOnState(name, args.state);
    if (args.awsAccount !== undefined) this.addAwsRoles(name, args, args.awsAccount);
    this.registerOutputs({});
  }

  /** The IAM principals that stand for release builds of a GitHub repository (`owner/name`): see {@link release}. */
  releasesOf(repository: string): pulumi.Output<string> {
    return this.principals("release", repository);
  }

  private principals(attribute: string, value: string): pulumi.Output<string> {
    return pulumi.interpolate`principalSet://iam.googleapis.com/${this.#pool.name}/attribute.${attribute}/${value}`;
  }

  private addPool(name: string, { project, repository }: IdentitiesArgs): WorkloadIdentityPool {
    const pool = new WorkloadIdentityPool(
      `${name}-github`,
      { project, workloadIdentityPoolId: poolId, displayName: "GitHub Actions" },
      { parent: this },
    );
    const own = `assertion.repository == "${repository}"`;
    const deploy = `${own} && assertion.sub == "repo:${repository}:environment:production" && assertion.ref == "refs/heads/main"`;
    new WorkloadIdentityPoolProvider(
      `${name}-github`,
      {
        project,
        workloadIdentityPoolId: poolId,
        workloadIdentityPoolProviderId: "actions",
        attributeMapping: {
          "google.subject": "assertion.sub",
          "attribute.repository": "assertion.repository",
          "attribute.release": `${release} ? assertion.repository : "none"`,
          "attribute.deploy": `${deploy} ? "yes" : "no"`,
        },
        attributeCondition: `${own} || ${release}`,
        oidc: { issuerUri: `https://${github}` },
      },
      { parent: this, dependsOn: pool },
    );
    return pool;
  }

  private addAccount(
    name: string,
    project: string,
    role: "deploy" | "preview",
    users: pulumi.Output<string>,
  ): pulumi.Output<string> {
    const account = new Account(
      `${name}-${role}`,
      { project, accountId: `artifacts-${role}`, displayName: `artifacts: ${role}` },
      { parent: this },
    );
    new AccountIAMBinding(
      `${name}-${role}-github`,
      { serviceAccountId: account.name, role: "roles/iam.workloadIdentityUser", members: [users] },
      { parent: this },
    );
    return account.member;
  }

  private grantOnProject(name: string, project: string): void {
    for (const [members, roles] of [
      [[this.deploy], deployRoles],
      [[this.preview], previewRoles],
      [[this.deploy, this.preview], reportingRoles],
    ] as const) {
      for (const role of roles) {
        new ProjectIAMBinding(
          `${name}-${role.slice("roles/".length)}`,
          { project, role, members: [...members] },
          { parent: this },
        );
      }
    }
  }

  private grantOnState(name: string, state: { readonly bucket: string; readonly key: string }): void {
    for (const [role, members] of [
      ["roles/storage.objectUser", [this.deploy]],
      ["roles/storage.objectViewer", [this.preview]],
    ] as const) {
      new BucketIAMBinding(
        `${name}-state-${role.slice("roles/storage.".length)}`,
        { bucket: state.bucket, role, members: [...members] },
        { parent: this },
      );
    }
    // Every run reads the stack's own key with it; only a deploy writes secrets, which this program has none of.
    new CryptoKeyIAMBinding(
      `${name}-state-key`,
      {
        cryptoKeyId: state.key,
        role: "roles/cloudkms.cryptoKeyEncrypterDecrypter",
        members: [this.deploy],
      },
      { parent: this },
    );
    new CryptoKeyIAMBinding(
      `${name}-state-key-read`,
      { cryptoKeyId: state.key, role: "roles/cloudkms.cryptoKeyDecrypter", members: [this.preview] },
      { parent: this },
    );
  }

  private addAwsRoles(name: string, { organization, repository }: IdentitiesArgs, account: string): void {
    const provider = new OpenIdConnectProvider(
      `${name}-github`,
      { url: `https://${github}`, clientIdLists: ["sts.amazonaws.com"] },
      { parent: this },
    );
    const buckets = [`arn:aws:s3:::${organization}-artifacts-*`, `arn:aws:s3:::${organization}-artifacts-*/*`];
    const own = [`arn:aws:iam::${account}:role/artifacts-*`, `arn:aws:iam::${account}:oidc-provider/${github}`];
    for (const [role, subjects, actions] of [
      ["deploy", [`repo:${repository}:environment:production`], bucketActions],
      [
        "preview",
        [`repo:${repository}:pull_request`, `repo:${repository}:ref:refs/heads/main`],
        ["s3:Get*", "s3:List*"],
      ],
    ] as const) {
      const assumed = new Role(
        `${name}-${role}`,
        {
          name: `artifacts-${role}`,
          description: `artifacts: ${role}`,
          assumeRolePolicy: provider.arn.apply((arn) => trust(arn, subjects)),
        },
        { parent: this },
      );
      new RolePolicy(
        `${name}-${role}`,
        {
          name: "artifacts",
          role: assumed.name,
          policy: JSON.stringify({
            Version: "2012-10-17",
            Statement: [
              { Effect: "Allow", Action: actions, Resource: buckets },
              { Effect: "Allow", Action: ["iam:Get*", "iam:List*"], Resource: own }, // a refresh compares them
            ],
          }),
        },
        { parent: this },
      );
    }
  }
}

const poolId = "github";
const github = "token.actions.githubusercontent.com";

/**
 * A build that the repository's maintainers let through: of a tag, of the main branch or of a release branch, and not started by a pull
 * request, whose code they may not have seen (`pull_request_target` and `workflow_run` carry the main branch's name too).
 */
const release =
  '(assertion.event_name in ["push", "release", "workflow_dispatch", "schedule"] && ' +
  '(assertion.ref.startsWith("refs/tags/") || assertion.ref in ["refs/heads/main", "refs/heads/master"] || ' +
  'assertion.ref.startsWith("refs/heads/release-")))';

/** These roles belong to the identities alone: whoever else is given one in this project loses it at the next update. */
const deployRoles = [
  "roles/artifactregistry.admin", // makes the repositories, sets who reads and writes them, promotes into them
  "roles/certificatemanager.editor", // certificate, its map and the proof
  "roles/compute.loadBalancerAdmin", // addresses, rules, proxies, URL maps, backends
  "roles/compute.securityAdmin", // the edge's rate limit, the TLS policy
  "roles/monitoring.editor", // checks, objectives, alerts, dashboard
  "roles/run.admin", // the redirector's services
  "roles/storage.admin", // makes the buckets, sets who reads and writes them, promotes into them
] as const;

/** To compare what is there with what should be. No role reads objects or images: staging is granted area by area, production is public. */
const previewRoles = [
  "roles/artifactregistry.reader", // what repositories are there
  "roles/certificatemanager.viewer",
  "roles/compute.viewer",
  "roles/iam.serviceAccountViewer",
  "roles/iam.securityReviewer", // who may do what, of every kind of resource
  "roles/iam.workloadIdentityPoolViewer",
  "roles/monitoring.viewer",
  "roles/run.viewer",
  "roles/storage.bucketViewer", // what buckets are there, not what is in them
] as const;

/** A failed deploy, and a drift that is found, raise an alert by a line in a log. */
const reportingRoles = ["roles/logging.logWriter"] as const;

/** All that a promotion and an update of a bucket need. Not: remove a bucket, remove a version of an object, so what is removed can be brought back. */
const bucketActions = [
  "s3:CreateBucket",
  "s3:GetBucket*",
  "s3:GetAccelerateConfiguration",
  "s3:GetEncryptionConfiguration",
  "s3:GetLifecycleConfiguration",
  "s3:GetReplicationConfiguration",
  "s3:ListBucket*",
  "s3:PutBucketCORS",
  "s3:PutBucketOwnershipControls",
  "s3:PutBucketPolicy",
  "s3:PutBucketPublicAccessBlock",
  "s3:PutBucketTagging",
  "s3:PutBucketVersioning",
  "s3:PutEncryptionConfiguration",
  "s3:PutLifecycleConfiguration",
  "s3:GetObject*",
  "s3:PutObject",
  "s3:PutObjectTagging",
  "s3:DeleteObject",
  "s3:AbortMultipartUpload",
  "s3:ListMultipartUploadParts",
] as const;

/** Who may assume a role: workflows with one of these subjects (GitHub docs, "OpenID Connect in Amazon Web Services"). */
function trust(provider: string, subjects: readonly string[]): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Federated: provider },
        Action: "sts:AssumeRoleWithWebIdentity",
        Condition: { StringEquals: { [`${github}:aud`]: "sts.amazonaws.com", [`${github}:sub`]: subjects } },
      },
    ],
  });
}
