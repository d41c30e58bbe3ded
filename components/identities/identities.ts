import { OpenIdConnectProvider } from "@pulumi/aws/iam/openIdConnectProvider.js";
import { Role } from "@pulumi/aws/iam/role.js";
import { RolePolicy } from "@pulumi/aws/iam/rolePolicy.js";
import { DnsManagedZoneIamBinding } from "@pulumi/gcp/dns/dnsManagedZoneIamBinding.js";
import { WorkloadIdentityPool } from "@pulumi/gcp/iam/workloadIdentityPool.js";
import { WorkloadIdentityPoolProvider } from "@pulumi/gcp/iam/workloadIdentityPoolProvider.js";
import { CryptoKeyIAMBinding } from "@pulumi/gcp/kms/cryptoKeyIAMBinding.js";
import { IAMAuditConfig } from "@pulumi/gcp/projects/iamauditConfig.js";
import { IAMBinding as ProjectIAMBinding } from "@pulumi/gcp/projects/iambinding.js";
import { IAMCustomRole } from "@pulumi/gcp/projects/iamcustomRole.js";
import { IAMMember as ProjectIAMMember } from "@pulumi/gcp/projects/iammember.js";
import { Account } from "@pulumi/gcp/serviceaccount/account.js";
import { IAMBinding as AccountIAMBinding } from "@pulumi/gcp/serviceaccount/iambinding.js";
import { BucketIAMBinding } from "@pulumi/gcp/storage/bucketIAMBinding.js";
import * as pulumi from "@pulumi/pulumi";
import type { ReleaseBuilds } from "../manifests/release-builds.ts";
import {
  bucketActions,
  bucketReadActions,
  type CustomRole,
  deployRole,
  deployRoles,
  deployZoneRole,
  identityReadActions,
  previewRole,
  previewZoneRole,
  reportingRoles,
  seedRole,
  zoneActions,
  zoneChangeActions,
  zoneReadActions,
} from "./permissions.ts";

export interface IdentitiesArgs {
  readonly project: string;
  /** GitHub repository of this program, `owner/name`. */
  readonly repository: string;
  /** Its numeric id at GitHub. Ids are never reused; a name that was given up can be registered by somebody else. */
  readonly repositoryId: string;
  /** The GitHub owners, name to id, whose repositories may get a token. Includes the owner of `repository`. */
  readonly githubOwners: Readonly<Record<string, string>>;
  /** The AWS account that has the mirrors in AWS, or the zone; undefined if there is none. */
  readonly awsAccount: string | undefined;
  /** Names of the buckets in AWS, as patterns; none: there are no mirrors. */
  readonly awsBuckets: readonly string[];
  /** Where the names are: in Cloud DNS and Route 53 the identities are granted the zone. */
  readonly dns: { readonly dns: string; readonly zoneId: string };
  /** The Google Cloud project of the pool, and of the state, if it is another one. */
  readonly seedProject: string | undefined;
  /** Where the stack's state is; undefined if the identities get access to it elsewhere. */
  readonly state: { readonly bucket: string; readonly key: string } | undefined;
}

/**
 * The identities of GitHub workflows. There are no long-lived keys: a workflow exchanges its OIDC token for a cloud
 * token that is valid for an hour.
 *
 * - `deploy` changes what is published, from the main branch in the environment `production` only.
 * - `preview` only reads, and writes its findings to a log. Only the main branch's own preview.yml (for pull requests, of forks too),
 *   drift.yml (nightly) and promote.yml (by hand) can take it: a branch that edits a workflow gets nothing.
 * - A project's own release workflow pushes to its staging area, from its release branches and tags only. The staging area grants this.
 *
 * Repositories and owners are checked by their numeric ids, because a name that was given up can be registered by somebody else.
 *
 * Neither identity can change permissions of the project: no role here sets the project's IAM policy or creates
 * service accounts. An owner of the project runs the first `pulumi up` and applies changes to this component. The
 * permissions are in permissions.ts.
 */
export class Identities extends pulumi.ComponentResource {
  /** IAM principal that deploys and promotes. */
  public readonly deploy: pulumi.Output<string>;
  /** IAM principal that previews. It can only read. */
  public readonly preview: pulumi.Output<string>;
  readonly #pool: WorkloadIdentityPool;

  constructor(name: string, args: IdentitiesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:identity:Identities", name, {}, opts);
    this.#pool = this.addPool(name, args);
    this.deploy = this.addAccount(name, args.project, "deploy");
    this.preview = this.addAccount(name, args.project, "preview");
    this.grantOnProject(name, args.project);
    this.logWrites(name, args.project, ["artifactregistry", "storage"]);
    if (args.seedProject !== undefined) this.grantOnSeed(name, args.seedProject);
    if (args.state !== undefined) this.grantOnState(name, args.state);
    if (args.dns.dns === "google") this.grantOnZone(name, args.project, args.dns.zoneId);
    if (args.awsAccount !== undefined) this.addAwsRoles(name, args, args.awsAccount);
    this.registerOutputs({ deploy: this.deploy, preview: this.preview });
  }

  /**
   * The IAM principals of the release builds of one workflow of a GitHub repository, known by its number, for each kind of refs: see
   * {@link release}.
   */
  releasesOf({ id, workflow, refs }: ReleaseBuilds): pulumi.Output<string>[] {
    return refs.map((kind) => this.principals("release", `${id}/${workflow}/${kind}`));
  }

  private principals(attribute: string, value: string): pulumi.Output<string> {
    return pulumi.interpolate`principalSet://iam.googleapis.com/${this.#pool.name}/attribute.${attribute}/${value}`;
  }

  private addPool(
    name: string,
    { project: production, seedProject, repository, repositoryId, githubOwners }: IdentitiesArgs,
  ): WorkloadIdentityPool {
    const project = seedProject ?? production;
    const pool = new WorkloadIdentityPool(
      `${name}-github`,
      { project, workloadIdentityPoolId: poolId, displayName: "GitHub Actions" },
      // Google keeps a deleted pool for 30 days and refuses to make it again: after a `destroy` it stays, and `adopt` takes it over.
      { parent: this, retainOnDelete: true },
    );
    const own = `assertion.repository_id == "${repositoryId}"`;
    const main = [own, 'assertion.ref == "refs/heads/main"'];
    const workflow = (name: string, events: readonly string[]) =>
      [
        `assertion.workflow_ref == "${workflowRef(repository, name)}"`,
        `assertion.event_name in [${events.map((event) => `"${event}"`).join(", ")}]`,
      ].join(" && ");
    const deploy = [
      ...main,
      workflow("deploy", ["push", "workflow_dispatch"]),
      // A subject begins with the names (in newer repositories with the ids too). No part that users choose can contain a colon.
      'assertion.sub.endsWith(":environment:production")',
    ].join(" && ");
    const reading = [
      workflow("preview", ["pull_request_target"]),
      workflow("drift", ["schedule", "workflow_dispatch"]),
      workflow("promote", ["workflow_dispatch"]),
    ];
    const preview = [...main, `((${reading.join(") || (")}))`].join(" && ");
    const owners = Object.values(githubOwners).map((id) => `"${id}"`);
    new WorkloadIdentityPoolProvider(
      `${name}-github`,
      {
        project,
        workloadIdentityPoolId: poolId,
        workloadIdentityPoolProviderId: "actions",
        attributeMapping: {
          // What the audit log shows. Not the token's own subject, which exceeds Google's limit of 127 bytes for a long branch name.
          "google.subject": 'assertion.repository_id + "/" + assertion.run_id + "/" + assertion.run_attempt',
          "attribute.deploy": `${deploy} ? "yes" : "no"`,
          "attribute.preview": `${preview} ? "yes" : "no"`,
          "attribute.release": `${release} ? ${releaseBuild} : "none"`,
        },
        // All others get no token, not even one without permissions.
        attributeCondition: `assertion.repository_owner_id in [${owners.join(", ")}] && (${own} || ${release})`,
        oidc: { issuerUri: `https://${github}` },
      },
      { parent: this, dependsOn: pool, retainOnDelete: true },
    );
    return pool;
  }

  private addAccount(name: string, project: string, role: "deploy" | "preview"): pulumi.Output<string> {
    const account = new Account(
      `${name}-${role}`,
      { project, accountId: `artifacts-${role}`, displayName: `artifacts: ${role}` },
      { parent: this },
    );
    new AccountIAMBinding(
      `${name}-${role}-github`,
      {
        serviceAccountId: account.name,
        role: "roles/iam.workloadIdentityUser",
        members: [this.principals(role, "yes")],
      },
      { parent: this },
    );
    return account.member;
  }

  private addRole(
    logicalName: string,
    project: string,
    roleId: string,
    { title, description, permissions }: CustomRole,
  ): IAMCustomRole {
    return new IAMCustomRole(
      logicalName,
      { project, roleId, title, description, permissions: [...permissions] },
      { parent: this },
    );
  }

  private grantOnProject(name: string, project: string): void {
    for (const [identity, member, roleId, custom] of [
      ["deploy", this.deploy, "artifactsDeploy", deployRole],
      ["preview", this.preview, "artifactsPreview", previewRole],
    ] as const) {
      const role = this.addRole(`${name}-${identity}`, project, roleId, custom);
      new ProjectIAMBinding(
        `${name}-${identity}-role`,
        { project, role: role.name, members: [member] },
        { parent: this },
      );
    }
    for (const role of deployRoles) {
      new ProjectIAMBinding(
        `${name}-${role.slice("roles/".length)}`,
        { project, role, members: [this.deploy] },
        { parent: this },
      );
    }
    // A member is added, and other members are kept: others may write to the log too.
    for (const [identity, member] of [
      ["preview", this.preview],
      ["deploy", this.deploy],
    ] as const) {
      for (const role of reportingRoles) {
        new ProjectIAMMember(
          `${name}-${identity}-${role.slice("roles/".length)}`,
          { project, role, member },
          { parent: this },
        );
      }
    }
  }

  /**
   * Logs writes to mirrors, staging areas and the state; Google keeps them for 30 days. Reads are not logged, since
   * mirrors are public.
   */
  private logWrites(name: string, project: string, services: readonly string[]): void {
    for (const service of services) {
      new IAMAuditConfig(
        `${name}-audit-${service}`,
        { project, service: `${service}.googleapis.com`, auditLogConfigs: [{ logType: "DATA_WRITE" }] },
        { parent: this },
      );
    }
  }

  /**
   * Reads what a refresh compares there: the pool, and who may use the state and its key. Only an owner of the seed project changes any of it, so
   * that whoever deploys to production cannot.
   */
  private grantOnSeed(name: string, project: string): void {
    const role = this.addRole(`${name}-seed`, project, "artifactsSeed", seedRole);
    new ProjectIAMBinding(
      `${name}-seed-role`,
      { project, role: role.name, members: [this.deploy, this.preview] },
      { parent: this },
    );
    this.logWrites(`${name}-seed`, project, ["storage"]);
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
    // Every run decrypts the stack's own key with it. Only a deploy encrypts secrets, and this program has none.
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

  /** The records of one zone of Cloud DNS. The zone itself is its owner's. */
  private grantOnZone(name: string, project: string, managedZone: string): void {
    for (const [identity, member, roleId, custom] of [
      ["deploy", this.deploy, "artifactsDeployZone", deployZoneRole],
      ["preview", this.preview, "artifactsPreviewZone", previewZoneRole],
    ] as const) {
      const role = this.addRole(`${name}-${identity}-zone`, project, roleId, custom);
      new DnsManagedZoneIamBinding(
        `${name}-${identity}-zone`,
        { project, managedZone, role: role.name, members: [member] },
        { parent: this },
      );
    }
  }

  private addAwsRoles(
    name: string,
    { repository, repositoryId, githubOwners, awsBuckets, dns }: IdentitiesArgs,
    account: string,
  ): void {
    const provider = new OpenIdConnectProvider(
      `${name}-github`,
      { url: `https://${github}`, clientIdLists: ["sts.amazonaws.com"] },
      { parent: this },
    );
    const buckets = awsBuckets.flatMap((bucket) => [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`]);
    const own = [`arn:aws:iam::${account}:role/artifacts-*`, `arn:aws:iam::${account}:oidc-provider/${github}`];
    const [owner = "", project = ""] = repository.split("/");
    for (const [role, contexts, more, workflows, actions] of [
      ["deploy", ["environment:production"], { environment: "production" }, ["deploy"], deployActions],
      ["preview", ["pull_request", "ref:refs/heads/main"], {}, ["preview", "drift", "promote"], previewActions],
    ] as const) {
      // Repositories created or renamed since July 2026 have their ids in the subject; older ones only after they opt
      // in (GitHub docs, "OpenID Connect reference", "Immutable subject claims"). A repository that takes over a name
      // is new, and has another id in any case. The subject of a job with an environment does not contain its branch.
      const claims = {
        sub: contexts.flatMap((context) => [
          `repo:${repository}:${context}`,
          `repo:${owner}@${githubOwners[owner]}/${project}@${repositoryId}:${context}`,
        ]),
        repository_id: repositoryId,
        // Set for these triggers: pull_request_target, push, schedule and workflow_dispatch run the main branch's file on the main branch.
        ref: "refs/heads/main",
        job_workflow_ref: workflows.map((workflow) => workflowRef(repository, workflow)),
        ...more,
      };
      const assumed = new Role(
        `${name}-${role}`,
        {
          name: `artifacts-${role}`,
          description: `artifacts: ${role}`,
          // The least that AWS allows: a job takes the role again each hour (`artifacts aws-credentials`).
          maxSessionDuration: 3600,
          assumeRolePolicy: provider.arn.apply((arn) => trust(arn, claims)),
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
              ...(buckets.length > 0 ? [{ Effect: "Allow", Action: actions.buckets, Resource: buckets }] : []),
              ...(dns.dns === "route53" ? onZone(dns.zoneId, actions) : []),
              { Effect: "Allow", Action: identityReadActions, Resource: own }, // a refresh compares them
            ],
          }),
        },
        { parent: this },
      );
    }
  }
}

/** The actions in AWS of the two identities. */
const deployActions = { buckets: bucketActions, zone: zoneActions, change: zoneChangeActions } as const;
const previewActions = { buckets: bucketReadActions, zone: zoneReadActions, change: [] } as const;

/** The statements of a policy that let an identity act on the records of one hosted zone. */
function onZone(
  zoneId: string,
  { zone, change }: { readonly zone: readonly string[]; readonly change: readonly string[] },
): object[] {
  const changes = { Effect: "Allow", Action: change, Resource: ["arn:aws:route53:::change/*"] };
  return [
    { Effect: "Allow", Action: zone, Resource: [`arn:aws:route53:::hostedzone/${zoneId}`] },
    ...(change.length > 0 ? [changes] : []),
  ];
}

/** How a token names a workflow of the main branch (GitHub docs, "OpenID Connect reference"). */
function workflowRef(repository: string, name: string): string {
  return `${repository}/.github/workflows/${name}.yml@refs/heads/main`;
}

const poolId = "github";
const github = "token.actions.githubusercontent.com";

/**
 * A build of code that the repository's maintainers have accepted: of a tag, the main branch or a release branch, and
 * not triggered by a pull request, whose code may be unreviewed (`pull_request_target` and `workflow_run` also have
 * the main branch's name).
 */
const release =
  '(assertion.event_name in ["push", "release", "workflow_dispatch", "schedule"] && ' +
  '(assertion.ref.startsWith("refs/tags/") || assertion.ref in ["refs/heads/main", "refs/heads/master"] || ' +
  'assertion.ref.startsWith("refs/heads/release-")))';

/** A release build as grants name it: the repository's number, the workflow's file, and what it builds. */
const releaseBuild =
  'assertion.repository_id + "/" + assertion.workflow_ref.extract("/.github/workflows/{file}@") + "/" + ' +
  '(assertion.ref.startsWith("refs/tags/") ? "tags" : "branches")';

/**
 * Which workflows may assume a role, by the claims of their token (GitHub docs, "OpenID Connect in Amazon Web
 * Services"). AWS evaluates the subject and, since January 2026, these other claims of GitHub's tokens (IAM User
 * Guide, "IAM and AWS STS condition context keys", "Available keys for AWS OIDC federation").
 */
function trust(provider: string, claims: Readonly<Record<string, string | readonly string[]>>): string {
  const wanted = Object.entries({ aud: "sts.amazonaws.com", ...claims });
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Federated: provider },
        Action: "sts:AssumeRoleWithWebIdentity",
        Condition: { StringEquals: Object.fromEntries(wanted.map(([claim, value]) => [`${github}:${claim}`, value])) },
      },
    ],
  });
}
