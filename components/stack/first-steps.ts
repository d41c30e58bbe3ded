import type { StackConfig } from "./config.ts";
import { optInRegions } from "./geography.ts";
import { stateNames } from "./state-names.ts";

/** Something that a person does once, with the commands for it. */
export interface FirstStep {
  readonly title: string;
  /** For a shell; empty when there is no command. */
  readonly commands: readonly string[];
  /** What to know about it. */
  readonly note?: string;
}

/** What people do by hand to put a stack into operation. */
export interface FirstSteps {
  /** Before the first `pulumi up`, and this itself, in order. */
  readonly before: readonly FirstStep[];
  /** Afterwards, in order. */
  readonly after: readonly FirstStep[];
}

/** The steps for a stack. Only what its config needs is named: no AWS without AWS, no Cloudflare without Cloudflare. */
export function firstSteps(config: StackConfig, stack: string): FirstSteps {
  return {
    before: [...clouds(config), ...zone(config), ...storesAtR2(config), ...state(config, stack), ...deploy(stack)],
    after: after(config, stack),
  };
}

function clouds(config: StackConfig): FirstStep[] {
  const { project, awsAccount, awsRegions, seed } = config;
  const withBilling = (id: string): string[] => [
    `gcloud projects create ${id}`,
    `gcloud billing projects link ${id} --billing-account <id>`,
  ];
  const google: FirstStep[] = [
    { title: "A Google Cloud project of its own, with billing", commands: withBilling(project) },
    ...(seed === undefined
      ? []
      : [
          {
            title: "A second one, the seed project, for the state, its key and the identities' pool",
            commands: withBilling(seed.project),
            note: "Its owners are those of the first or fewer, and nobody else has a role there",
          },
        ]),
    {
      title: "An organization whose policies let this project be public and be run from GitHub",
      commands: policies.map(({ name }) => `gcloud org-policies describe ${name} --project ${project} --effective`),
      note: policies.map(({ name, must }) => `${name}: ${must}`).join(". "),
    },
    ...quota(config),
  ];
  if (awsAccount === undefined) return google;
  const identity = "It holds one identity provider for GitHub: if it has one already, the first run is npm run adopt";
  const optIn = awsRegions.filter(({ name }) => optInRegions.has(name)).map(({ name }) => name);
  const aws: FirstStep = {
    title: `Sign in to the AWS account ${awsAccount}`,
    commands: [
      "aws sts get-caller-identity",
      ...(awsRegions.length > 0
        ? [
            "aws organizations describe-effective-policy --policy-type S3_POLICY",
            `aws s3control delete-public-access-block --account-id ${awsAccount}`,
          ]
        : []),
    ],
    note:
      awsRegions.length > 0
        ? `The block of public access must be off for the account, and for its organization, whose S3 policy overrides the account. ${identity}`
        : identity,
  };
  return [...google, aws, ...(optIn.length > 0 ? [enableRegions(optIn)] : [])];
}

/** Policies of a Google Cloud organization that refuse what the program declares where they are enforced. */
const policies = [
  { name: "iam.allowedPolicyMemberDomains", must: "allUsers is allowed, by an exception for this project" },
  { name: "storage.publicAccessPrevention", must: "not enforced" },
  { name: "iam.workloadIdentityPoolProviders", must: "https://token.actions.githubusercontent.com is allowed" },
  { name: "run.managed.requireInvokerIam", must: "not enforced: only the load balancer reaches the redirector" },
  { name: "run.allowedIngress", must: "internal-and-cloud-load-balancing is allowed" },
  {
    name: "gcp.resourceLocations",
    must: "the regions of artifacts:gcpRegions, stagingLocation and global are allowed",
  },
] as const;

/** CPUs of Cloud Run that a new project may use in a region (Cloud Run docs, "Quotas"); an instance of the redirector has one. */
const cpuQuota = 20;

function quota({ project, instances }: StackConfig): FirstStep[] {
  const wanted = Math.max(instances.max, ...Object.values(instances.minIn));
  if (wanted <= cpuQuota) return [];
  return [
    {
      title: `A quota of ${wanted} CPUs of Cloud Run in each region`,
      commands: [`gcloud alpha services quota list --service run.googleapis.com --consumer projects/${project}`],
      note: `A new project has ${cpuQuota}; artifacts:maxInstances asks for more: https://console.cloud.google.com/iam-admin/quotas?project=${project}`,
    },
  ];
}

function enableRegions(names: readonly string[]): FirstStep {
  return {
    title: "Regions of AWS that an account has to enable, which takes minutes to hours",
    commands: names.flatMap((name) => [
      `aws account enable-region --region-name ${name}`,
      `aws account get-region-opt-status --region-name ${name}`,
    ]),
    note: "Until the status is ENABLED, no bucket can be made there",
  };
}

function zone({ dns, host, project, dnssec }: StackConfig): FirstStep[] {
  const domain = host.slice("artifacts.".length);
  switch (dns.dns) {
    case "cloudflare":
      return [
        {
          title: `A token of Cloudflare for the zone of ${domain}`,
          commands: ["export CLOUDFLARE_API_TOKEN=<token>"],
          note: `Rights: DNS edit${dnssec ? " and Zone Settings edit" : ""}, on this one zone`,
        },
      ];
    case "google":
      return [
        {
          title: `The managed zone of ${domain}, delegated from its registrar`,
          commands: [`gcloud dns managed-zones describe ${dns.zoneId} --project ${project}`],
          note: `If it is missing: gcloud dns managed-zones create ${dns.zoneId} --dns-name ${domain}. --description "${domain}" --project ${project}`,
        },
      ];
    case "route53":
      return [
        {
          title: `The hosted zone of ${domain}, delegated from its registrar`,
          commands: [`aws route53 get-hosted-zone --id ${dns.zoneId}`],
        },
      ];
    case "none":
      return [];
  }
}

function storesAtR2({ imageStores }: StackConfig): FirstStep[] {
  const accounts = new Set(imageStores.flatMap(({ r2 }) => (r2 === undefined ? [] : [r2.account])));
  return [...accounts].map((account) => ({
    title: "The right to make the bucket at R2, in the token of Cloudflare",
    commands: ["export CLOUDFLARE_API_TOKEN=<token>"],
    note: `Rights: also Workers R2 Storage edit, on the account ${account}`,
  }));
}

function state({ state: given, organization, project, seed }: StackConfig, stack: string): FirstStep[] {
  const { bucket, key } = given ?? stateNames({ organization, project, seed: seed?.project });
  return [
    {
      title: "The bucket of the state and its key",
      commands: [`npm run bootstrap -- --stack ${stack} --create`],
      ...(given === undefined && {
        note: `It prints artifacts:stateBucket and artifacts:stateKey, which belong into Pulumi.${stack}.yaml`,
      }),
    },
    {
      title: "The stack in that bucket",
      commands: [`pulumi login gs://${bucket}`, `pulumi stack init ${stack} --secrets-provider gcpkms://${key}`],
    },
  ];
}

function deploy(stack: string): FirstStep[] {
  return [
    {
      title: "The first deployment, as an owner of the project",
      commands: ["npm ci && npm run ranges && npm run build", `pulumi up --stack ${stack}`],
    },
  ];
}

function pins(): FirstStep {
  return {
    title:
      "The hashes of the engine and the providers' plugins, which the workflows check: once, and after a change of their versions",
    commands: ["npx artifacts engine-pin"],
    note: "Compare them with the checksums of Pulumi's releases on GitHub, and merge engine.sha256 to main",
  };
}

function after({ dns, dnssec, repository, project, budget, imageStores }: StackConfig, stack: string): FirstStep[] {
  const hasR2 = imageStores.some(({ r2 }) => r2 !== undefined);
  const cloudflare = dns.dns === "cloudflare" || hasR2;
  return [
    ...(dns.dns === "none"
      ? [{ title: "Enter the DNS records", commands: [`pulumi stack output dnsRecords --stack ${stack}`] }]
      : []),
    ...(dnssec
      ? [
          {
            title: "Enter the DS record at the registrar",
            commands: [`pulumi stack output dsRecord --stack ${stack}`, `npx artifacts dnssec --stack ${stack}`],
            note: "The second command says pending until Cloudflare has found the record, which takes an hour or more; nothing else waits for it",
          },
        ]
      : []),
    pins(),
    ...(budget === undefined
      ? []
      : [
          {
            title: "The right to read the budget, for deployments and the comparison each night",
            commands: ["deploy", "preview"].map(
              (identity) =>
                `gcloud billing accounts add-iam-policy-binding ${budget.billingAccount} --member serviceAccount:artifacts-${identity}@${project}.iam.gserviceaccount.com --role roles/billing.viewer`,
            ),
            note: "As a billing administrator. An owner who may manage budgets (roles/billing.costsManager on the account) makes and changes it: deploy only reads",
          },
        ]),
    {
      title:
        "The environments of GitHub: production deploys, with reviewers and main as its only branch; newcomers lets the preview of a first-time contributor run, with reviewers",
      commands: [
        ...["production", "newcomers"].map((name) => `gh api --method PUT repos/${repository}/environments/${name}`),
        ...(cloudflare
          ? [
              `gh secret set CLOUDFLARE_API_TOKEN --env production --repo ${repository}`,
              `gh secret set CLOUDFLARE_READ_TOKEN --repo ${repository}`,
            ]
          : []),
      ],
      note: `Reviewers, branch and a ruleset for main, which requires the checks check and previewed: https://github.com/${repository}/settings`,
    },
    ...(hasR2
      ? [
          {
            title: "The tokens of the bucket at R2, as secrets of GitHub, and the deployment that fills it",
            commands: [
              "export CLOUDFLARE_API_TOKEN=<token>",
              `npx artifacts r2-token --stack ${stack} --create`,
              `gh workflow run deploy --repo ${repository}`,
            ],
            note: "Rights of this token: Account API Tokens edit, on the bucket's account. Revoke it afterwards",
          },
        ]
      : []),
    {
      title: "The first comparison with the clouds; from then on one runs each night",
      commands: [`gh workflow run drift --repo ${repository}`],
    },
  ];
}
