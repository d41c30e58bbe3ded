import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import type { Declared } from "../../local/graph/record-program.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";
import { type Change, eachIsLost, inputs, type Mutation, replaceIn, set, without } from "./changes.ts";
import { properties } from "./properties.ts";

let resources: readonly Declared[];

describe("properties of resources", () => {
  before(async () => {
    resources = await declare(everything, manifests);
  });

  describe("what must hold", () => {
    for (const [what, violations] of Object.entries(properties)) {
      it(what, () => assert.deepEqual(violations(resources), []));
    }
  });

  const mutations: readonly Mutation[] = [
    [
      "nothing is public but mirrors",
      "staging opened to the public",
      set(/Binding staging-full-objectViewer$/, { members: ["allUsers"] }),
    ],
    [
      "nothing is public but mirrors",
      "staging opened to every Google account",
      set(/Binding staging-new-reader$/, { members: ["allAuthenticatedUsers"] }),
    ],
    [
      "the public only reads single objects",
      "the public lists a bucket",
      set(/BucketIAMBinding files-gcp-.*-reader$/, { role: "roles/storage.objectViewer" }),
    ],
    [
      "the public only reads single objects",
      "the public writes images",
      set(/Binding images-us-central1-writer$/, { members: ["allUsers"] }),
    ],
    [
      "the public only reads single objects",
      "the public does everything in S3",
      replaceIn(/:BucketPolicy /, "policy", "s3:GetObject", "s3:*"),
    ],
    [
      "every mirror is read by the public, written by the deploying identity alone, and added to by the fill alone",
      "one more writer",
      set(/Binding images-europe-west1-writer$/, {
        members: ["serviceAccount:artifacts-deploy@demo-project.iam.gserviceaccount.com", "group:full@example.org"],
      }),
    ],
    [
      "every mirror is read by the public, written by the deploying identity alone, and added to by the fill alone",
      "a mirror nobody can read",
      without(/Binding images-europe-west1-reader$/),
    ],
    [
      "every mirror is read by the public, written by the deploying identity alone, and added to by the fill alone",
      "a mirror nobody can write",
      without(/Binding files-gcp-us-central1-writer$/),
    ],
    [
      "a staging area is written by one group and its own CI, read by the two identities",
      "every branch's CI pushes",
      inputs(/Binding staging-full-writer$/, (old) => ({
        ...old,
        members: [
          (old["members"] as string[])[0],
          "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/github/attribute.repository/example/full",
        ],
      })),
    ],
    [
      "a staging area is written by one group and its own CI, read by the two identities",
      "a person pushes",
      set(/Binding staging-new-objectUser$/, { members: ["user:somebody@example.org"] }),
    ],
    [
      "a staging area is written by one group and its own CI, read by the two identities",
      "everybody in the organisation reads",
      inputs(/Binding staging-full-reader$/, (old) => ({
        ...old,
        members: [...(old["members"] as string[]), "domain:example.org"],
      })),
    ],
    [
      "no group and no CI writes to two staging areas by mistake",
      "CI of one project in another's area",
      set(/Binding staging-new-writer$/, {
        members: [
          "group:new@example.org",
          "principalSet://iam.googleapis.com/projects/1234/locations/global/workloadIdentityPools/github/attribute.release/1296269/artifacts.yml/tags",
        ],
      }),
    ],
    [
      "grants own their role, none twice on one thing",
      "a member is added beside a binding",
      (resource) =>
        resource.name === "staging-full-writer"
          ? { ...resource, type: "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember" }
          : resource,
    ],
    [
      "grants own their role, none twice on one thing",
      "two bindings of one role",
      set(/Binding staging-full-reader$/, { role: "roles/artifactregistry.writer" }),
    ],
    [
      "no primitive role, and none that can change who may do what in the project",
      "deploy as editor",
      set(/IAMBinding identities-run\.admin$/, { role: "roles/editor" }),
    ],
    [
      "no primitive role, and none that can change who may do what in the project",
      "deploy sets the project's policy",
      set(/IAMBinding identities-run\.admin$/, { role: "roles/resourcemanager.projectIamAdmin" }),
    ],
    [
      "no primitive role, and none that can change who may do what in the project",
      "deploy makes accounts' tokens",
      set(/IAMBinding identities-run\.admin$/, { role: "roles/iam.serviceAccountTokenCreator" }),
    ],
    [
      "no primitive role, and none that can change who may do what in the project",
      "a role of our own sets the project's policy",
      inputs(/IAMCustomRole identities-deploy$/, (old) => ({
        ...old,
        permissions: [...(old["permissions"] as string[]), "resourcemanager.projects.setIamPolicy"],
      })),
    ],
    [
      "no primitive role, and none that can change who may do what in the project",
      "a role of our own acts as any account",
      inputs(/IAMCustomRole identities-deploy$/, (old) => ({
        ...old,
        permissions: [...(old["permissions"] as string[]), "iam.serviceAccounts.actAs"],
      })),
    ],
    [
      "grants own their role, none twice on one thing",
      "a role that writes is added, so others may have it unseen",
      (resource) =>
        resource.name === "identities-preview-logging.logWriter"
          ? { ...resource, inputs: { ...resource.inputs, role: "roles/run.admin" } }
          : resource,
    ],
    [
      "the previewing identity has no right to write, but into a log",
      "preview's own role writes",
      inputs(/IAMCustomRole identities-preview$/, (old) => ({
        ...old,
        permissions: [...(old["permissions"] as string[]), "storage.buckets.update"],
      })),
    ],
    [
      "the previewing identity has no right to write, but into a log",
      "preview pushes to staging",
      inputs(/Binding staging-full-writer$/, (old) => ({
        ...old,
        members: [
          ...(old["members"] as string[]),
          "serviceAccount:artifacts-preview@demo-project.iam.gserviceaccount.com",
        ],
      })),
    ],
    [
      "the previewing identity has no right to write, but into a log",
      "preview encrypts the state",
      set(/CryptoKeyIAMBinding identities-state-key-read$/, { role: "roles/cloudkms.cryptoKeyEncrypterDecrypter" }),
    ],
    [
      "redirectors run as an account of their own, which has no right",
      "the redirector reads buckets",
      inputs(/Binding staging-full-objectViewer$/, (old) => ({
        ...old,
        members: [...(old["members"] as string[]), "serviceAccount:redirector@demo-project.iam.gserviceaccount.com"],
      })),
    ],
    [
      "every mirror is read by the public, written by the deploying identity alone, and added to by the fill alone",
      "the redirector adds images",
      set(/Binding images-europe-west1-filler$/, {
        members: ["serviceAccount:redirector@demo-project.iam.gserviceaccount.com"],
      }),
    ],
    [
      "the fill runs as an account of its own, which adds to mirrors, reads its orders and writes its reports",
      "the fill removes files",
      set(/Binding files-gcp-europe-west1-filler$/, { role: "roles/storage.objectUser" }),
    ],
    [
      "the fill runs as an account of its own, which adds to mirrors, reads its orders and writes its reports",
      "the fill writes its own orders",
      inputs(/Binding fill-objectUser$/, (old) => ({
        ...old,
        members: [
          ...(old["members"] as string[]),
          "serviceAccount:artifacts-fill@demo-project.iam.gserviceaccount.com",
        ],
      })),
    ],
    [
      "the fill runs as an account of its own, which adds to mirrors, reads its orders and writes its reports",
      "the fill reads staging",
      inputs(/Binding staging-full-objectViewer$/, (old) => ({
        ...old,
        members: [
          ...(old["members"] as string[]),
          "serviceAccount:artifacts-fill@demo-project.iam.gserviceaccount.com",
        ],
      })),
    ],
    [
      "the fill runs as an account of its own, which adds to mirrors, reads its orders and writes its reports",
      "the job runs as the deploying account",
      inputs(/:Job fill-us-/, (old) => JSON.parse(JSON.stringify(old).replace(/artifacts-fill@/, "artifacts-deploy@"))),
    ],
    [
      "the fill runs as an account of its own, which adds to mirrors, reads its orders and writes its reports",
      "the fill deletes objects in S3",
      replaceIn(/RolePolicy fill$/, "policy", '"s3:PutObject"', '"s3:PutObject","s3:DeleteObject"'),
    ],
    [
      "the audit runs as an account of its own, which reads mirrors and its orders, and adds its findings",
      "the audit adds files",
      inputs(/Binding files-gcp-europe-west1-filler$/, (old) => ({
        ...old,
        members: [
          ...(old["members"] as string[]),
          "serviceAccount:artifacts-audit@demo-project.iam.gserviceaccount.com",
        ],
      })),
    ],
    [
      "the audit runs as an account of its own, which reads mirrors and its orders, and adds its findings",
      "the audit writes the programs that fills run",
      inputs(/Binding fill-objectCreator$/, ({ condition: _, ...old }) => old),
    ],
    [
      "the audit runs as an account of its own, which reads mirrors and its orders, and adds its findings",
      "the audit writes to S3",
      replaceIn(/RolePolicy fill-audit$/, "policy", '"s3:GetObject"', '"s3:GetObject","s3:PutObject"'),
    ],
    [
      "the fill runs as an account of its own, which adds to mirrors, reads its orders and writes its reports",
      "the job that audits runs as the account that fills",
      inputs(/:Job fill-audit-/, (old) =>
        JSON.parse(JSON.stringify(old).replace(/artifacts-audit@/, "artifacts-fill@")),
      ),
    ],
    [
      "the jobs' roles in AWS are taken by the jobs' accounts alone",
      "whoever has a token of Google for AWS takes the fill's role",
      replaceIn(
        /Role fill$/,
        "assumeRolePolicy",
        /"accounts.google.com:aud":"\d+",(.*),"accounts.google.com:sub":"\d+"/,
        "$1",
      ),
    ],
    [
      "the jobs' roles in AWS are taken by the jobs' accounts alone",
      "a token of the account that is meant for another service takes the fill's role",
      replaceIn(/Role fill$/, "assumeRolePolicy", '"accounts.google.com:oaud":"sts.amazonaws.com",', ""),
    ],
    [
      "no key, no secret, no password",
      "a key of the deploying account",
      (resource) =>
        resource.name === "identities-deploy" && resource.type.endsWith(":Account")
          ? { ...resource, type: "gcp:serviceaccount/key:Key" }
          : resource,
    ],
    [
      "no key, no secret, no password",
      "an access key in AWS",
      (resource) =>
        resource.type === "aws:iam/role:Role" ? { ...resource, type: "aws:iam/accessKey:AccessKey" } : resource,
    ],
    [
      "only the environment production on the main branch deploys",
      "any branch deploys",
      inputs(/:WorkloadIdentityPoolProvider /, (old) => ({
        ...old,
        attributeMapping: {
          ...(old["attributeMapping"] as object),
          "attribute.deploy": 'assertion.repository_id == "123456789" ? "yes" : "no"',
        },
      })),
    ],
    [
      "only the environment production on the main branch deploys",
      "the whole repository deploys",
      inputs(/IAMBinding identities-deploy-github$/, (old) => ({
        ...old,
        members: [String((old["members"] as string[])[0]).replace("attribute.deploy/yes", "attribute.preview/yes")],
      })),
    ],
    [
      "only the environment production on the main branch deploys",
      "any branch deploys to AWS",
      replaceIn(
        /Role identities-deploy$/,
        "assumeRolePolicy",
        "repo:example/artifacts:environment:production",
        "repo:example/artifacts:*",
      ),
    ],
    [
      "only the environment production on the main branch deploys",
      "a branch whose job names the environment deploys to AWS",
      replaceIn(
        /Role identities-deploy$/,
        "assumeRolePolicy",
        '"token.actions.githubusercontent.com:ref":"refs/heads/main"',
        '"token.actions.githubusercontent.com:ref":"refs/heads/*"',
      ),
    ],
    [
      "GitHub is believed by numbers, and only the listed owners' repositories get a token",
      "AWS believes whoever has the repository's name",
      replaceIn(/Role identities-preview$/, "assumeRolePolicy", ":repository_id", ":repository"),
    ],
    [
      "only the environment production on the main branch deploys",
      "any workflow deploys",
      inputs(/:WorkloadIdentityPoolProvider /, (old) =>
        JSON.parse(JSON.stringify(old).replace("/deploy.yml@", "/another.yml@")),
      ),
    ],
    [
      "GitHub is believed by numbers, and only the listed owners' repositories get a token",
      "owners by their names",
      replaceIn(
        /:WorkloadIdentityPoolProvider /,
        "attributeCondition",
        'repository_owner_id in ["1234567"]',
        'repository_owner in ["example"]',
      ),
    ],
    [
      "GitHub is believed by numbers, and only the listed owners' repositories get a token",
      "the condition on the owner is only one of two",
      replaceIn(/:WorkloadIdentityPoolProvider /, "attributeCondition", " && ", " || "),
    ],
    [
      "GitHub is believed by numbers, and only the listed owners' repositories get a token",
      "the repository by its name",
      inputs(/:WorkloadIdentityPoolProvider /, (old) => ({
        ...old,
        attributeMapping: {
          ...(old["attributeMapping"] as object),
          "attribute.preview": 'assertion.repository == "example/artifacts" ? "yes" : "no"',
        },
      })),
    ],
    [
      "GitHub is believed by numbers, and only the listed owners' repositories get a token",
      "every token of the pool previews",
      set(/IAMBinding identities-preview-github$/, {
        members: ["principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/github/*"],
      }),
    ],
    [
      "GitHub is believed by numbers, and only the listed owners' repositories get a token",
      "another issuer",
      set(/:WorkloadIdentityPoolProvider /, { oidc: { issuerUri: "https://token.example.com" } }),
    ],
    [
      "the deploying identity removes no repository, no bucket and no version of an object",
      "deploy administers storage",
      set(/IAMBinding identities-run\.admin$/, { role: "roles/storage.admin" }),
    ],
    [
      "the deploying identity removes no repository, no bucket and no version of an object",
      "deploy removes buckets",
      inputs(/IAMCustomRole identities-deploy$/, (old) => ({
        ...old,
        permissions: [...(old["permissions"] as string[]), "storage.buckets.delete"],
      })),
    ],
    [
      "the deploying identity removes no repository, no bucket and no version of an object",
      "deploy removes versions in S3",
      replaceIn(
        /RolePolicy identities-deploy$/,
        "policy",
        '"s3:DeleteObject"',
        '"s3:DeleteObject","s3:DeleteObjectVersion"',
      ),
    ],
    [
      "in AWS the identities act on the buckets of this program alone, and read their own roles",
      "deploy acts on every bucket of the account",
      replaceIn(/RolePolicy identities-deploy$/, "policy", '"arn:aws:s3:::demo-artifacts-*"', '"*"'),
    ],
    [
      "in AWS the identities act on the buckets of this program alone, and read their own roles",
      "preview writes objects",
      replaceIn(/RolePolicy identities-preview$/, "policy", '"s3:GetObject"', '"s3:Get*","s3:PutObject"'),
    ],
    [
      "in AWS the identities act on the buckets of this program alone, and read their own roles",
      "deploy changes its own role",
      replaceIn(/RolePolicy identities-deploy$/, "policy", '"iam:GetRole"', '"iam:*"'),
    ],
    [
      "pull requests and forks push nowhere",
      "pull requests get a release's rights",
      inputs(/:WorkloadIdentityPoolProvider /, (old) => ({
        ...old,
        attributeMapping: { ...(old["attributeMapping"] as object), "attribute.release": "assertion.repository" },
      })),
    ],
    [
      "pull requests and forks push nowhere",
      "every repository of the world gets a token",
      set(/:WorkloadIdentityPoolProvider /, { attributeCondition: "true" }),
    ],
    [
      "what holds artifacts, and what is promoted, is protected",
      "a mirror without protection",
      (resource) => (resource.name === "files-aws-us-east-1" ? { ...resource, protect: false } : resource),
    ],
    [
      "what holds artifacts, and what is promoted, is protected",
      "a bucket that goes with its content",
      set(/storage.*:Bucket files-gcp-us-central1$/, { forceDestroy: true }),
    ],
    [
      "what holds artifacts, and what is promoted, is protected",
      "an address that can be lost",
      set(/:GlobalAddress artifacts-ipv4$/, { deletionPolicy: "DELETE" }),
    ],
    [
      "buckets have one kind of access, and only mirrors may be public at all",
      "objects with rights of their own",
      set(/storage.*:Bucket files-gcp-us-central1$/, { uniformBucketLevelAccess: false }),
    ],
    [
      "buckets have one kind of access, and only mirrors may be public at all",
      "staging may be opened",
      set(/storage.*:Bucket staging-full$/, { publicAccessPrevention: "inherited" }),
    ],
    [
      "removed files can be brought back for 30 days",
      "no versions in Google Cloud",
      set(/storage.*:Bucket files-gcp-us-central1$/, { versioning: { enabled: false } }),
    ],
    [
      "removed files can be brought back for 30 days",
      "no versions in AWS",
      set(/:BucketVersioning /, { versioningConfiguration: { status: "Suspended" } }),
    ],
    [
      "a bucket in AWS has every setting, as it should be",
      "no encryption",
      without(/:BucketServerSideEncryptionConfiguration /),
    ],
    [
      "nothing is read or written in clear",
      "S3 answers plain http",
      replaceIn(/:BucketPolicy /, "policy", '"Deny"', '"Allow"'),
    ],
    [
      "nothing is read or written in clear",
      "only downloads from S3 need TLS",
      replaceIn(/:BucketPolicy /, "policy", '"Action":"s3:*"', '"Action":"s3:GetObject"'),
    ],
    [
      "nothing is read or written in clear",
      "clients are sent to S3 over plain http",
      inputs(
        /:Service redirector-us-central1$/,
        (old) => JSON.parse(JSON.stringify(old).replaceAll("https://", "http://")) as Record<string, unknown>,
      ),
    ],
    [
      "every region of Google Cloud is complete",
      "a region without redirector",
      without(/:Service redirector-europe-west1$/),
    ],
    [
      "every region of Google Cloud is complete",
      "a region that the load balancer does not know",
      inputs(/:BackendService /, (old) => ({ ...old, backends: (old["backends"] as unknown[]).slice(1) })),
    ],
    [
      "every redirector knows every mirror, every promotion goes to every mirror, the canonical one first",
      "a promotion that forgets a region",
      inputs(/:PromotedImages full$/, (old) => ({ ...old, mirrors: lines(old["mirrors"]).slice(0, 1).join("") })),
    ],
    [
      "every redirector knows every mirror, every promotion goes to every mirror, the canonical one first",
      "another order",
      inputs(/:PromotedImages full$/, (old) => ({ ...old, mirrors: lines(old["mirrors"]).reverse().join("") })),
    ],
    [
      "every redirector knows every mirror, every promotion goes to every mirror, the canonical one first",
      "a redirector that knows no bucket in AWS",
      inputs(
        /:Service redirector-us-central1$/,
        (old) =>
          JSON.parse(JSON.stringify(old).replaceAll("files-aws-us-east-1", "files-gcp-us-central1")) as Record<
            string,
            unknown
          >,
      ),
    ],
    [
      "only the load balancer reaches the redirector, through the edge's rules",
      "the redirector is open to the internet",
      set(/:Service redirector-us-central1$/, { ingress: "INGRESS_TRAFFIC_ALL" }),
    ],
    [
      "only the load balancer reaches the redirector, through the edge's rules",
      "no rate limit",
      set(/:SecurityPolicy /, { rules: [] }),
    ],
    [
      "removed files can be brought back for 30 days",
      "soft delete for an hour",
      set(/storage.*:Bucket files-gcp-us-central1$/, { softDeletePolicy: { retentionDurationSeconds: 3600 } }),
    ],
    [
      "nothing that is promoted expires, only what was removed or begun",
      "old images are cleaned up",
      set(/:Repository images-us-central1$/, { cleanupPolicies: [{ id: "old", action: "DELETE" }] }),
    ],
    [
      "nothing that is promoted expires, only what was removed or begun",
      "old files are removed in Google Cloud",
      set(/storage.*:Bucket files-gcp-us-central1$/, {
        lifecycleRules: [{ action: { type: "Delete" }, condition: { age: 365 } }],
      }),
    ],
    [
      "nothing that is promoted expires, only what was removed or begun",
      "old files are removed in AWS",
      set(/:BucketLifecycleConfiguration /, {
        rules: [{ expiration: { days: 365 }, noncurrentVersionExpiration: { noncurrentDays: 30 } }],
      }),
    ],
    [
      "what is staged expires, and is counted to its project",
      "staged images stay for ever",
      inputs(/:Repository staging-full$/, ({ cleanupPolicies: _, ...old }) => old),
    ],
    [
      "what is staged expires, and is counted to its project",
      "no budget label",
      set(/storage.*:Bucket staging-new$/, { labels: {} }),
    ],
    [
      "a bucket in AWS has every setting, as it should be",
      "objects belong to who wrote them",
      set(/:BucketOwnershipControls /, { rule: { objectOwnership: "ObjectWriter" } }),
    ],
    [
      "a bucket in AWS has every setting, as it should be",
      "a setting goes to another region's bucket",
      set(/:BucketPolicy /, { region: "eu-west-1" }),
    ],
    [
      "pages of other origins read mirrors, and do nothing else",
      "the catalogue's page can't read a mirror",
      inputs(/storage.*:Bucket files-gcp-us-central1$/, ({ cors: _, ...old }) => old),
    ],
    [
      "pages of other origins read mirrors, and do nothing else",
      "pages write",
      set(/:BucketCorsConfiguration /, { corsRules: [{ allowedMethods: ["GET", "PUT"] }] }),
    ],
    [
      "redirectors run as an account of their own, which has no right",
      "a redirector runs as the default account, which may edit the project",
      inputs(/:Service redirector-us-central1$/, (old) => {
        const { serviceAccount: _, ...template } = old["template"] as Record<string, unknown>;
        return { ...old, template };
      }),
    ],
    [
      "deploy acts as the accounts of the redirector and the jobs alone, and nobody but GitHub acts as the identities",
      "deploy acts as every account",
      set(/IAMBinding identities-run\.admin$/, { role: "roles/iam.serviceAccountUser" }),
    ],
    [
      "deploy acts as the accounts of the redirector and the jobs alone, and nobody but GitHub acts as the identities",
      "a person acts as the deploying identity",
      set(/IAMBinding identities-deploy-github$/, { members: ["user:somebody@example.org"] }),
    ],
    [
      "the state is written by deploy, read by preview, and by nobody else",
      "preview writes the state",
      inputs(/BucketIAMBinding identities-state-objectUser$/, (old) => ({
        ...old,
        members: [
          ...(old["members"] as string[]),
          "serviceAccount:artifacts-preview@demo-project.iam.gserviceaccount.com",
        ],
      })),
    ],
    [
      "the state is written by deploy, read by preview, and by nobody else",
      "a group reads the state",
      set(/BucketIAMBinding identities-state-objectViewer$/, { members: ["group:everybody@example.org"] }),
    ],
    [
      "only the load balancer reaches the redirector, through the edge's rules",
      "headers of any size",
      inputs(/:SecurityPolicy /, (old) => ({
        ...old,
        rules: (old["rules"] as { priority: number }[]).filter(({ priority }) => priority !== 900),
      })),
    ],
    [
      "only the load balancer reaches the redirector, through the edge's rules",
      "everybody is let in before the rate limit",
      inputs(/:SecurityPolicy /, (old) => ({
        ...old,
        rules: [...(old["rules"] as object[]), { action: "allow", priority: 950 }],
      })),
    ],
    [
      "clients come by IPv4 and IPv6, encrypted, and straight to the load balancer",
      "no IPv6",
      without(/:GlobalForwardingRule redirector-https-ipv6$/),
    ],
    [
      "clients come by IPv4 and IPv6, encrypted, and straight to the load balancer",
      "no IPv6 for CDNs",
      without(/:GlobalForwardingRule cdn-https-ipv6$/),
    ],
    [
      "a CDN keeps what its bucket says, as long as it says, and no errors",
      "stale tags",
      set(/:BackendBucket cdn-us-central1$/, { cdnPolicy: { cacheMode: "FORCE_CACHE_ALL" } }),
    ],
    [
      "clients come by IPv4 and IPv6, encrypted, and straight to the load balancer",
      "TLS 1.0",
      set(/:SSLPolicy /, { minTlsVersion: "TLS_1_0" }),
    ],
    [
      "clients come by IPv4 and IPv6, encrypted, and straight to the load balancer",
      "plain http is answered",
      set(/:TargetHttpProxy /, { urlMap: "URLMap/redirector" }),
    ],
    [
      "clients come by IPv4 and IPv6, encrypted, and straight to the load balancer",
      "Cloudflare in between",
      set(/:DnsRecord artifacts\.example\.org-a$/, { proxied: true }),
    ],
    [
      "clients come by IPv4 and IPv6, encrypted, and straight to the load balancer",
      "any authority may issue the vanity host's certificate",
      without(/:DnsRecord registry\.example\.org-caa-/),
    ],
    [
      "a budget counts this project alone, and its alerts have a channel",
      "a budget of the whole account",
      set(/:Budget /, { budgetFilter: { calendarPeriod: "MONTH" } }),
    ],
    [
      "a budget counts this project alone, and its alerts have a channel",
      "a budget that nobody hears of",
      set(/:Budget /, { allUpdatesRule: undefined }),
    ],
    [
      "somebody is told: every alert has a channel, checks come from several continents",
      "an alert that nobody gets",
      set(/:AlertPolicy monitoring-report$/, { notificationChannels: [] }),
    ],
    [
      "somebody is told: every alert has a channel, checks come from several continents",
      "no alert of a failing deploy",
      without(/:AlertPolicy monitoring-report$/),
    ],
    [
      "somebody is told: every alert has a channel, checks come from several continents",
      "checked from one place",
      set(/:UptimeCheckConfig /, { selectedRegions: ["USA"] }),
    ],
    [
      "somebody is told: every alert has a channel, checks come from several continents",
      "nobody sees latency's budget burn",
      without(/:AlertPolicy monitoring-latency-fast$/),
    ],
    [
      "what is counted of the log is for somebody, and each alert on it can be made and can fire",
      "nothing is counted",
      without(/:Metric monitoring-artifacts_drift_compared$/),
    ],
    [
      "what is counted of the log is for somebody, and each alert on it can be made and can fire",
      "another name is counted than is looked at",
      set(/:Metric monitoring-redirector_unserved$/, { name: "other" }),
    ],
    [
      "what is counted of the log is for somebody, and each alert on it can be made and can fire",
      "a count that nobody looks at",
      without(/:AlertPolicy monitoring-redirector_unserved$/),
    ],
    [
      "what is counted of the log is for somebody, and each alert on it can be made and can fire",
      "a first up is refused",
      promql(/_drift_compared$/, { disableMetricValidation: false }),
    ],
    [
      "what is counted of the log is for somebody, and each alert on it can be made and can fire",
      "it waits for longer than is possible",
      promql(/_drift_compared$/, { duration: "172800s" }),
    ],
    [
      "somebody is told when nobody looks for drift, and what redirectors find",
      "nobody is told that nobody looks",
      without(/:AlertPolicy monitoring-artifacts_drift_compared$/),
    ],
    [
      "somebody is told when nobody looks for drift, and what redirectors find",
      "a run that is late is told",
      promql(/_drift_compared$/, { duration: "0s" }),
    ],
    [
      "somebody is told when nobody looks for drift, and what redirectors find",
      "nobody is called when redirectors find no mirror",
      set(/:AlertPolicy monitoring-redirector_unserved$/, { severity: "WARNING" }),
    ],
    [
      "somebody is told when nobody looks for drift, and what redirectors find",
      "nobody is told of a sick mirror",
      without(/:AlertPolicy monitoring-redirector_mirror_trouble$/),
    ],
    [
      "somebody is told when nobody looks for drift, and what redirectors find",
      "nobody is told of a missing table",
      without(/:AlertPolicy monitoring-redirector_without_ranges$/),
    ],
    [
      "clients come by IPv4 and IPv6, encrypted, and straight to the load balancer",
      "another authority may issue, too",
      inputs(/:DnsRecord artifacts\.example\.org-caa-pki\.goog$/, (old) => ({
        ...old,
        data: { flags: 0, tag: "issue", value: "authority.example.com" },
      })),
    ],
    [
      "clients come by IPv4 and IPv6, encrypted, and straight to the load balancer",
      "the zone is not signed",
      set(/:ZoneDnssec /, { status: "disabled" }),
    ],
    [
      "clients come by IPv4 and IPv6, encrypted, and straight to the load balancer",
      "browsers may ask in clear",
      set(/:BackendService /, { customResponseHeaders: [] }),
    ],
    [
      "somebody is told: every alert has a channel, checks come from several continents",
      "nobody looks at the other name",
      without(/:UptimeCheckConfig monitoring-vanity$/),
    ],
    [
      "somebody is told: every alert has a channel, checks come from several continents",
      "nobody tries to pull",
      without(/:UptimeCheckConfig monitoring-image$/),
    ],
    [
      "somebody is told: every alert has a channel, checks come from several continents",
      "the second host's certificate ends, and nobody is told",
      without(/:AlertPolicy monitoring-vanity-certificate$/),
    ],
    [
      "somebody is told: every alert has a channel, checks come from several continents",
      "a certificate ends, and nobody is told",
      without(/:AlertPolicy monitoring-certificate$/),
    ],
    [
      "clients come by IPv4 and IPv6, encrypted, and straight to the load balancer",
      "no HTTP/3",
      set(/:TargetHttpsProxy /, { quicOverride: "NONE" }),
    ],
    [
      "a redirector starts only when it answers, and a region that fails is left out for a while",
      "clients are sent to a redirector that does not answer yet",
      inputs(/:Service redirector-us-central1$/, (old) => {
        const template = old["template"] as { containers: Record<string, unknown>[] };
        const [{ startupProbe: _, ...container } = {}] = template.containers;
        return { ...old, template: { ...template, containers: [container] } };
      }),
    ],
    [
      "a redirector starts only when it answers, and a region that fails is left out for a while",
      "an idle region's readiness is probed, so it never idles",
      set(/:Service redirector-us-central1$/, { scaling: { minInstanceCount: 0 } }),
    ],
    [
      "a redirector starts only when it answers, and a region that fails is left out for a while",
      "no outlier detection",
      inputs(/:BackendService /, ({ outlierDetection: _, ...old }) => old),
    ],
    [
      "a redirector starts only when it answers, and a region that fails is left out for a while",
      "no log",
      set(/:BackendService /, { logConfig: { enable: false } }),
    ],
    [
      "requests are logged once, a share of them, and all that fail",
      "a redirector logs every request",
      inputs(
        /:Service redirector-us-central1$/,
        (old) =>
          JSON.parse(JSON.stringify(old).replace('\\"sample\\":0.01', '\\"sample\\":1')) as Record<string, unknown>,
      ),
    ],
    [
      "requests are logged once, a share of them, and all that fail",
      "Cloud Run's log is paid for, too",
      without(/:ProjectExclusion /),
    ],
    [
      "requests are logged once, a share of them, and all that fail",
      "failures are not logged",
      replaceIn(/:ProjectExclusion /, "filter", " httpRequest.status<500", ""),
    ],
    [
      "each client gets an answer of its own, by where it is",
      "answers are cached at the edge",
      set(/:BackendService /, { enableCdn: true }),
    ],
    [
      "each client gets an answer of its own, by where it is",
      "where clients are is not passed on",
      set(/:BackendService /, { customRequestHeaders: [] }),
    ],
    [
      "redirectors run as they were measured, and the newest that answers takes all requests",
      "a redirector runs under gVisor",
      template({ executionEnvironment: "EXECUTION_ENVIRONMENT_GEN1" }),
    ],
    [
      "redirectors run as they were measured, and the newest that answers takes all requests",
      "80 requests at once, as is the default",
      template({ maxInstanceRequestConcurrency: undefined }),
    ],
    [
      "redirectors run as they were measured, and the newest that answers takes all requests",
      "a redirector's CPU is taken away between requests",
      template({ containers: [{ resources: { limits: { cpu: "1", memory: "512Mi" } } }] }),
    ],
    [
      "redirectors run as they were measured, and the newest that answers takes all requests",
      "an old revision stays",
      set(/:Service redirector-us-central1$/, {
        traffics: [{ type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", percent: 100 }],
      }),
    ],
    [
      "images are scanned in the canonical mirror, when that is wanted",
      "every mirror is scanned",
      set(/:Repository images-europe-west1$/, { vulnerabilityScanningConfig: { enablementConfig: "INHERITED" } }),
    ],
    [
      "images are scanned in the canonical mirror, when that is wanted",
      "staging is scanned, as the project says",
      inputs(/:Repository staging-full$/, ({ vulnerabilityScanningConfig: _, ...old }) => old),
    ],
    [
      "availability of 99.9 % and latency are promised, over four weeks, and measured at the load balancer",
      "99 % will do",
      set(/:Slo monitoring-availability$/, { goal: 0.99 }),
    ],
    [
      "availability of 99.9 % and latency are promised, over four weeks, and measured at the load balancer",
      "a client's own mistakes count as ours",
      set(/:Slo monitoring-availability$/, {
        requestBasedSli: { goodTotalRatio: { totalServiceFilter: "all", goodServiceFilter: "200" } },
      }),
    ],
    [
      "availability of 99.9 % and latency are promised, over four weeks, and measured at the load balancer",
      "nobody promises to be quick",
      without(/:Slo monitoring-latency$/),
    ],
    [
      "an alert says what to do; of two windows both must burn; lines of a log don't flood",
      "an alert that says nothing",
      set(/:AlertPolicy monitoring-report$/, { documentation: { content: "" } }),
    ],
    [
      "an alert says what to do; of two windows both must burn; lines of a log don't flood",
      "one window of two is enough",
      set(/:AlertPolicy monitoring-latency-fast$/, { combiner: "OR" }),
    ],
    [
      "an alert says what to do; of two windows both must burn; lines of a log don't flood",
      "an alert on lines that Cloud Monitoring refuses",
      set(/:AlertPolicy monitoring-report$/, { alertStrategy: undefined }),
    ],
    [
      "removed files can be brought back for 30 days",
      "versions stay for ever",
      inputs(/storage.*:Bucket files-gcp-us-central1$/, ({ lifecycleRules: _, ...old }) => old),
    ],
    [
      "somebody is told: every alert has a channel, checks come from several continents",
      "a redirect to an error page passes",
      inputs(/:UptimeCheckConfig monitoring-file$/, (old) => ({
        ...old,
        httpCheck: {
          ...(old["httpCheck"] as object),
          acceptedResponseStatusCodes: [{ statusClass: "STATUS_CLASS_ANY" }],
        },
      })),
    ],
    [
      "every write to what is staged and published is in the audit log",
      "nobody knows who pushed",
      without(/:IAMAuditConfig identities-audit-artifactregistry$/),
    ],
    [
      "every write to what is staged and published is in the audit log",
      "somebody's writes are not logged",
      set(/:IAMAuditConfig identities-audit-storage$/, {
        auditLogConfigs: [{ logType: "DATA_WRITE", exemptedMembers: ["user:somebody@example.org"] }],
      }),
    ],
    [
      "the builds of earlier revisions stay, for a rollback",
      "builds are replaced",
      set(/storage.*:Bucket redirector-source$/, { versioning: { enabled: false } }),
    ],
    [
      "certificates are proved by the DNS, and the names point here when everything answers",
      "a certificate that is issued after the switch",
      set(/:Certificate artifacts\.example\.org-certificate$/, { managed: { domains: ["artifacts.example.org"] } }),
    ],
    [
      "certificates are proved by the DNS, and the names point here when everything answers",
      "the switch does not wait for the certificate",
      (resource) =>
        resource.name === "artifacts.example.org-a"
          ? { ...resource, after: resource.after.filter((name) => name.startsWith("redirector-")) }
          : resource,
    ],
    [
      "certificates are proved by the DNS, and the names point here when everything answers",
      "the switch does not wait for the load balancer",
      (resource) =>
        resource.name === "artifacts.example.org-aaaa"
          ? { ...resource, after: resource.after.filter((name) => name.endsWith("-issued")) }
          : resource,
    ],
  ];

  describe("each property is lost by such a change", () => eachIsLost(properties, mutations, () => resources));

  describe("without protection", () => {
    it("everything can be removed", async () => {
      const unprotected = await declare({ ...everything, "artifacts:protection": false }, manifests);
      for (const { name, protect, inputs: given } of unprotected) {
        assert.equal(protect, false, name);
        assert.notEqual(given["deletionPolicy"], "PREVENT", name);
        assert.notEqual(given["deletionProtection"], true, name);
      }
    });
  });

  describe("a host that is not live yet", () => {
    it("has everything but the records that send clients to it", async () => {
      const names = (list: readonly Declared[]) => list.map(({ type, name }) => `${type} ${name}`);
      const prepared = names(await declare({ ...everything, "artifacts:live": false }, manifests));
      const missing = names(resources).filter((name) => !prepared.includes(name));
      assert.deepEqual(missing, [
        "artifacts:domain:DomainRecords cdn-records",
        "artifacts:domain:DomainRecords records",
        "cloudflare:index/dnsRecord:DnsRecord artifacts.example.org-a",
        "cloudflare:index/dnsRecord:DnsRecord artifacts.example.org-aaaa",
        "cloudflare:index/dnsRecord:DnsRecord cdn-eu.example.org-a",
        "cloudflare:index/dnsRecord:DnsRecord cdn-eu.example.org-aaaa",
        "cloudflare:index/dnsRecord:DnsRecord cdn.example.org-a",
        "cloudflare:index/dnsRecord:DnsRecord cdn.example.org-aaaa",
        "cloudflare:index/dnsRecord:DnsRecord registry.example.org-a",
        "cloudflare:index/dnsRecord:DnsRecord registry.example.org-aaaa",
        "gcp:monitoring/alertPolicy:AlertPolicy monitoring-cdn-eu.example.org-certificate",
        "gcp:monitoring/alertPolicy:AlertPolicy monitoring-cdn-eu.example.org-down",
        "gcp:monitoring/alertPolicy:AlertPolicy monitoring-cdn.example.org-certificate",
        "gcp:monitoring/alertPolicy:AlertPolicy monitoring-cdn.example.org-down",
        "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig monitoring-cdn-eu.example.org",
        "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig monitoring-cdn.example.org",
        "promotion:index:IssuedCertificate artifacts.example.org-issued",
        "promotion:index:IssuedCertificate cdn-eu.example.org-issued",
        "promotion:index:IssuedCertificate cdn.example.org-issued",
        "promotion:index:IssuedCertificate registry.example.org-issued",
      ]);
    });
  });

  describe("a host that is live", () => {
    for (const [dns, settings] of Object.entries({
      cloudflare: {},
      google: { "artifacts:dns": "google", "artifacts:zoneId": "example", "artifacts:dnssec": false },
      route53: { "artifacts:dns": "route53", "artifacts:zoneId": "Z3M3LMPEXAMPLE", "artifacts:dnssec": false },
    })) {
      it(`gets its addresses once its own certificate is issued and the load balancer is there (${dns})`, async () => {
        const all = await declare({ ...everything, ...settings }, manifests);
        for (const host of ["artifacts.example.org", "registry.example.org"]) {
          const issued = all.find(({ name }) => name === `${host}-issued`);
          assert.equal(issued?.inputs["certificate"], `Certificate/${host}-certificate`);
          for (const suffix of ["a", "aaaa"]) {
            const record = all.find(({ name }) => name === `${host}-${suffix}`);
            const waitsFor = record?.after ?? [];
            assert.ok(waitsFor.includes(`${host}-issued`), waitsFor.join());
            assert.equal(waitsFor.filter((name) => /^redirector-https?-ipv[46]$/.test(name)).length, 4);
          }
        }
      });
    }

    it("waits for nothing where people enter the records", async () => {
      const all = await declare(
        {
          ...everything,
          "artifacts:cloudCdn": {},
          "artifacts:dns": "none",
          "artifacts:zoneId": "",
          "artifacts:dnssec": false,
        },
        manifests,
      );
      assert.ok(!all.some(({ type }) => type.endsWith(":IssuedCertificate")));
    });
  });

  describe("a drained region", () => {
    it("loses its clients by the redirectors' config, and nothing else changes", async () => {
      const drained = await declare({ ...everything, "artifacts:drainedRegions": ["europe-west1"] }, manifests);
      const key = ({ type, name }: Declared) => `${type} ${name}`;
      const before = new Map(resources.map((one) => [key(one), JSON.stringify(one)]));
      assert.deepEqual(
        drained.filter((one) => before.get(key(one)) !== JSON.stringify(one)).map(key),
        resources.filter(({ type }) => type === "gcp:cloudrunv2/service:Service").map(key),
      );
    });
  });

  describe("a retiring region", () => {
    it("loses its protection and its clients, the others keep theirs", async () => {
      const retiring = await declare(
        { ...everything, "artifacts:retiringRegions": ["europe-west1", "us-east-1"] },
        manifests,
      );
      const held = retiring.filter(
        ({ name, type }) => /^(images|files)-/.test(name) && /:(Repository|Bucket)$/.test(type),
      );
      assert.deepEqual(
        held.filter(({ protect }) => protect).map(({ name }) => name),
        ["images-us-central1", "files-gcp-us-central1"],
      );
      const service = retiring.find(({ name, type }) => type.endsWith(":Service") && name === "redirector-us-central1");
      const [container] = (service!.inputs["template"] as { containers: { envs: { value: string }[] }[] }).containers;
      const config = JSON.parse(container?.envs[0]?.value ?? "") as Record<
        string,
        { region: string; weight?: number }[]
      >;
      for (const { region, weight } of [...config["imageMirrors"]!, ...config["fileMirrors"]!]) {
        assert.equal(weight, region === "us-central1" ? undefined : 0, region);
      }
    });
  });
});

/** The lines of a text, each with its end. */
function lines(text: unknown): string[] {
  return String(text).split(/(?<=\n)/);
}

/** Changes the template of a redirector's instances. */
function template(more: Record<string, unknown>): Change {
  return inputs(/:Service redirector-us-central1$/, (old) => ({
    ...old,
    template: { ...(old["template"] as object), ...more },
  }));
}

/** Changes the condition of an alert in PromQL. */
function promql(which: RegExp, change: Record<string, unknown>): Change {
  return inputs(which, (old) => {
    const [condition] = (old["conditions"] ?? []) as { conditionPrometheusQueryLanguage?: object }[];
    if (condition?.conditionPrometheusQueryLanguage === undefined) return old;
    const changed = { ...condition.conditionPrometheusQueryLanguage, ...change };
    return { ...old, conditions: [{ ...condition, conditionPrometheusQueryLanguage: changed }] };
  });
}
