import { WorkloadIdentityPool } from "@pulumi/gcp/iam/workloadIdentityPool.js";
import { WorkloadIdentityPoolProvider } from "@pulumi/gcp/iam/workloadIdentityPoolProvider.js";
import { Account } from "@pulumi/gcp/serviceaccount/account.js";
import { IAMBinding } from "@pulumi/gcp/serviceaccount/iambinding.js";
import * as pulumi from "@pulumi/pulumi";

export interface IdentitiesArgs {
  readonly project: string;
  /** GitHub repository of this program, `owner/name`. */
  readonly repository: string;
}

/**
 * Who may do what from GitHub, without a key anywhere: a workflow's OIDC token is exchanged for a short-lived one. `preview` reads, for any
 * pull request from the repository itself; `deploy` writes, from the main branch only. Projects' own workflows may push to staging.
 */
export class Identities extends pulumi.ComponentResource {
  /** IAM principal that deploys and promotes. */
  public readonly deploy: pulumi.Output<string>;
  /** IAM principal that previews: it reads. */
  public readonly preview: pulumi.Output<string>;
  readonly #pool: WorkloadIdentityPool;

  constructor(name: string, args: IdentitiesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:identity:Identities", name, {}, opts);
    const { project } = args;
    this.#pool = new WorkloadIdentityPool(
      `${name}-github`,
      { project, workloadIdentityPoolId: "github", displayName: "GitHub Actions" },
      { parent: this },
    );
    new WorkloadIdentityPoolProvider(
      `${name}-github`,
      {
        project,
        workloadIdentityPoolId: this.#pool.workloadIdentityPoolId,
        workloadIdentityPoolProviderId: "actions",
        attributeMapping: {
          "google.subject": "assertion.sub",
          "attribute.repository": "assertion.repository",
        },
        // Pull requests of forks carry no token; those of the repository itself may only preview.
        attributeCondition: `assertion.event_name != "pull_request" || assertion.repository == "${args.repository}"`,
        oidc: { issuerUri: "https://token.actions.githubusercontent.com" },
      },
      { parent: this },
    );
    this.deploy = this.addAccount(name, project, "deploy", [
      this.subject(`repo:${args.repository}:environment:production`),
    ]);
    this.preview = this.addAccount(name, project, "preview", [this.ofRepository(args.repository)]);
    this.registerOutputs({});
  }

  /** The IAM principals that stand for every workflow of a GitHub repository (`owner/name`). */
  ofRepository(repository: string): pulumi.Output<string> {
    return pulumi.interpolate`principalSet://iam.googleapis.com/${this.#pool.name}/attribute.repository/${repository}`;
  }

  private subject(subject: string): pulumi.Output<string> {
    return pulumi.interpolate`principal://iam.googleapis.com/${this.#pool.name}/subject/${subject}`;
  }

  private addAccount(
    name: string,
    project: string,
    role: "deploy" | "preview",
    members: readonly pulumi.Output<string>[],
  ): pulumi.Output<string> {
    const account = new Account(
      `${name}-${role}`,
      { project, accountId: `artifacts-${role}`, displayName: `artifacts: ${role}` },
      { parent: this },
    );
    new IAMBinding(
      `${name}-${role}-github`,
      { serviceAccountId: account.name, role: "roles/iam.workloadIdentityUser", members: [...members] },
      { parent: this },
    );
    return account.member;
  }
}
