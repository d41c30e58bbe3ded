/**
 * Whether the two identities have the rights that the engine needs for each type of Google Cloud: to make and change it (deploy), to read it
 * (preview: a refresh). Which permission a call needs is in each service's documentation, which Google role has it in "IAM basic and
 * predefined roles reference".
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, it } from "mocha";
import type { Declared } from "../../local/graph/record-program.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";
import { organisation } from "../support/organisations/organisation.ts";
import {
  actionReasons,
  actionsBeyond,
  allowsAction,
  beyond,
  callPermissions,
  dataActionsInS3,
  type HeldRole,
  heldActions,
  heldRoles,
  isIdentity,
  neededPermissions,
  operationsOf,
  ownersTypes,
  reasons,
  type WorkflowIdentity,
} from "./held-rights.ts";

let resources: readonly Declared[];

describe("permissions of the two identities", () => {
  before(async () => {
    resources = await declare(everything, manifests);
  });

  const all = (service: string, things: string, ...verbs: string[]): string[] =>
    verbs.map((verb) => `${service}.${things}.${verb}`);
  const loadBalancer = (things: string): Needed => ({
    deploy: ["roles/compute.loadBalancerAdmin"],
    preview: all("compute", things, "get"),
  });
  const certificates = (things: string): Needed => ({
    deploy: ["roles/certificatemanager.editor"],
    preview: all("certificatemanager", things, "get"),
  });
  const monitoring = (things: string): Needed => ({
    deploy: all("monitoring", things, "create", "get", "update", "delete"),
    preview: all("monitoring", things, "get"),
  });
  const pool = (things: string): Needed => ({ deploy: "owner", preview: all("iam", things, "get") });
  const projectPolicy: Needed = { deploy: "owner", preview: ["resourcemanager.projects.getIamPolicy"] };

  const needed: Readonly<Record<string, Needed>> = {
    "artifactregistry/repository:Repository": {
      deploy: all("artifactregistry", "repositories", "create", "get", "update"),
      preview: ["artifactregistry.repositories.get"],
    },
    "artifactregistry/repositoryIamBinding:RepositoryIamBinding": {
      deploy: all("artifactregistry", "repositories", "getIamPolicy", "setIamPolicy"),
      preview: ["artifactregistry.repositories.getIamPolicy"],
    },
    "billing/budget:Budget": { deploy: "owner", preview: [] }, // preview reads it by a grant on the billing account, by hand
    "certificatemanager/certificate:Certificate": certificates("certs"),
    "certificatemanager/certificateMap:CertificateMap": certificates("certmaps"),
    "certificatemanager/certificateMapEntry:CertificateMapEntry": certificates("certmapentries"),
    "certificatemanager/dnsAuthorization:DnsAuthorization": certificates("dnsauthorizations"),
    "cloudrunv2/job:Job": { deploy: ["roles/run.admin"], preview: ["run.jobs.get", "run.executions.list"] },
    "cloudrunv2/service:Service": { deploy: ["roles/run.admin"], preview: ["run.services.get"] },
    "compute/backendBucket:BackendBucket": loadBalancer("backendBuckets"),
    "compute/backendService:BackendService": loadBalancer("backendServices"),
    "compute/globalAddress:GlobalAddress": loadBalancer("globalAddresses"),
    "compute/globalForwardingRule:GlobalForwardingRule": loadBalancer("globalForwardingRules"),
    "compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup": loadBalancer("regionNetworkEndpointGroups"),
    "compute/sSLPolicy:SSLPolicy": loadBalancer("sslPolicies"),
    "compute/securityPolicy:SecurityPolicy": {
      // The provider labels each policy after its creation.
      deploy: all("compute", "securityPolicies", "create", "get", "update", "delete", "setLabels"),
      preview: ["compute.securityPolicies.get"],
    },
    "compute/targetHttpProxy:TargetHttpProxy": loadBalancer("targetHttpProxies"),
    "compute/targetHttpsProxy:TargetHttpsProxy": loadBalancer("targetHttpsProxies"),
    "compute/uRLMap:URLMap": loadBalancer("urlMaps"),
    "iam/workloadIdentityPool:WorkloadIdentityPool": {
      deploy: "owner",
      preview: all("iam", "workloadIdentityPools", "get", "getAttestationRules"), // the provider asks for both, each time
    },
    "iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": pool("workloadIdentityPoolProviders"),
    "kms/cryptoKeyIAMBinding:CryptoKeyIAMBinding": { deploy: "owner", preview: ["cloudkms.cryptoKeys.getIamPolicy"] },
    "logging/metric:Metric": {
      deploy: all("logging", "logMetrics", "create", "get", "update", "delete"),
      preview: ["logging.logMetrics.get"],
    },
    "logging/projectExclusion:ProjectExclusion": { deploy: "owner", preview: ["logging.exclusions.get"] },
    "monitoring/alertPolicy:AlertPolicy": {
      deploy: [
        ...monitoring("alertPolicies").deploy,
        ...all("logging", "notificationRules", "create", "get", "update", "delete"),
      ],
      preview: ["monitoring.alertPolicies.get", "logging.notificationRules.get"],
    },
    "monitoring/customService:CustomService": monitoring("services"),
    "monitoring/dashboard:Dashboard": monitoring("dashboards"),
    "monitoring/notificationChannel:NotificationChannel": monitoring("notificationChannels"),
    "monitoring/slo:Slo": monitoring("slos"),
    "monitoring/uptimeCheckConfig:UptimeCheckConfig": monitoring("uptimeCheckConfigs"),
    "projects/iAMAuditConfig:IAMAuditConfig": projectPolicy,
    "projects/iAMBinding:IAMBinding": projectPolicy,
    "projects/iAMCustomRole:IAMCustomRole": { deploy: "owner", preview: ["iam.roles.get"] },
    "projects/iAMMember:IAMMember": projectPolicy,
    "projects/serviceIdentity:ServiceIdentity": { deploy: "owner", preview: [] }, // the provider reads nothing
    "serviceaccount/account:Account": { deploy: "owner", preview: ["iam.serviceAccounts.get"] },
    "serviceaccount/iAMBinding:IAMBinding": { deploy: "owner", preview: ["iam.serviceAccounts.getIamPolicy"] },
    "storage/bucket:Bucket": {
      deploy: all("storage", "buckets", "create", "get", "update"),
      preview: ["storage.buckets.get"],
    },
    "storage/bucketIAMBinding:BucketIAMBinding": {
      deploy: all("storage", "buckets", "getIamPolicy", "setIamPolicy"),
      preview: ["storage.buckets.getIamPolicy"],
    },
    "storage/bucketObject:BucketObject": { deploy: [], preview: [] }, // granted on its bucket: the test after the next
  };

  it("every type has its permissions listed, and no other type", () => {
    const types = resources.filter(({ type }) => type.startsWith("gcp:")).map(({ type }) => type.slice("gcp:".length));
    assert.deepEqual(Object.keys(needed).sort(), [...new Set(types)].sort());
    const owners = Object.keys(needed).filter((type) => needed[type]?.deploy === "owner");
    assert.deepEqual(
      owners.map((type) => `gcp:${type}`).sort(),
      [...ownersTypes].filter((type) => type.startsWith("gcp:")).sort(),
    );
  });

  it("the identities have what they need, and no more in the project", () => {
    for (const identity of ["deploy", "preview"] as const) {
      const wanted = new Set(
        // Of what is an owner's, deploy reads what preview reads: it refreshes too.
        Object.values(needed).flatMap(({ [identity]: rights, preview }) => (rights === "owner" ? preview : rights)),
      );
      wanted.add("roles/logging.logWriter"); // the lines that raise alerts, or keep one from being raised
      wanted.add("resourcemanager.projects.get"); // who asks for a policy first asks for the project
      assert.deepEqual([...granted(identity)].sort(), [...wanted].sort(), identity);
    }
  });

  it("every call that the providers make for what the program declares is allowed, or an owner's", () => {
    const lacking: string[] = [];
    for (const type of Object.keys(needed)) {
      const calls = callPermissions[`gcp:${type}`];
      assert.ok(calls, `the permissions of gcp:${type} are not in local/providers/facts/permissions.json`);
      for (const operation of ["create", "read", "update", "delete"] as const) {
        for (const permission of calls[operation] ?? []) {
          const owned = needed[type]!.deploy === "owner" && operation !== "read";
          if (!owned && !allows("deploy", permission)) lacking.push(`deploy, ${operation} ${type}: ${permission}`);
          if (operation === "read" && !allows("preview", permission))
            lacking.push(`preview, read ${type}: ${permission}`);
        }
      }
    }
    const said = new Set(
      Object.keys(notGranted).flatMap((pattern) => lacking.filter((one) => new RegExp(pattern).test(one))),
    );
    assert.deepEqual(
      lacking.filter((one) => !said.has(one)),
      [],
    );
    for (const [pattern, why] of Object.entries(notGranted)) {
      assert.ok(
        lacking.some((one) => new RegExp(pattern).test(one)),
        `nothing lacks ${pattern} (${why}) any more`,
      );
    }
  });

  it("in AWS both may make every call that they make, and preview no other kind of call", () => {
    for (const identity of ["deploy", "preview"] as const) {
      const held = heldActions(resources, identity);
      const lacking = [...new Set(resources.map(({ type }) => type))]
        .filter((type) => type.startsWith("aws:"))
        .flatMap((type) =>
          operationsOf(identity)(type).flatMap((operation) =>
            (callPermissions[type] ?? assert.fail(`no calls of ${type}`))[operation]
              ?.filter((call) => !allowsAction(held, call))
              .map((call) => `${operation} ${type}: ${call}`),
          ),
        );
      const bucket = "an owner removes a bucket, and what is set on it";
      assert.deepEqual(
        lacking,
        identity === "preview"
          ? []
          : [
              "delete aws:s3/bucket:Bucket: s3:DeleteBucket",
              "delete aws:s3/bucketPolicy:BucketPolicy: s3:DeleteBucketPolicy",
            ],
        bucket,
      );
    }
    const held = heldActions(resources, "deploy");
    assert.deepEqual(
      dataActionsInS3.filter((action) => !allowsAction(held, action)),
      [],
    );
    assert.deepEqual(
      heldActions(resources, "preview").filter((action) => !/^(s3|iam|route53):(Get|List)[A-Z]\w+\*?$/.test(action)),
      [],
    );
  });

  it("whatever an identity holds beyond what is called has a reason (docs/rights.md), and no other thing has", () => {
    const [withReason, actionsWithReason] = [new Set<string>(), new Set<string>()];
    for (const identity of ["deploy", "preview"] as const) {
      const needed = neededPermissions(new Set(resources.map(({ type }) => type)), operationsOf(identity));
      for (const held of heldRoles(resources, identity)) {
        if (beyond(held, needed).length === 0) continue;
        assert.ok(reasons[held.role], `${identity}: ${held.role}: ${JSON.stringify(beyond(held, needed))}`);
        withReason.add(held.role);
      }
      for (const action of actionsBeyond(resources, identity)) {
        assert.ok(actionReasons[action], `${identity}: ${action}`);
        actionsWithReason.add(action);
      }
    }
    assert.deepEqual(Object.keys(reasons).sort(), [...withReason].sort());
    assert.deepEqual(Object.keys(actionReasons).sort(), [...actionsWithReason].sort());
  });

  it("what docs/security.md says that deploy can and cannot do is so", async () => {
    const text = (await readFile(new URL("../../docs/security.md", import.meta.url), "utf8")).replaceAll(/\s+/g, " ");
    const google = new Set(heldRoles(resources, "deploy").flatMap(({ permissions }) => permissions));
    const aws = heldActions(resources, "deploy");
    const holds = (right: string) => (right.startsWith("s3:") ? allowsAction(aws, right) : google.has(right));
    const project =
      /^(resourcemanager\.\w+\.(setIamPolicy|update)|iam\.\w+\.(create|update|delete|undelete|setIamPolicy|patch)\w*|iam\.serviceAccountKeys\..*)$/;
    const claims: Readonly<Record<string, boolean>> = {
      "holds no right to remove a repository, a bucket, or an earlier version of an object in S3": ![
        "artifactregistry.repositories.delete",
        "storage.buckets.delete",
        "s3:DeleteBucket",
        "s3:DeleteObjectVersion",
      ].some(holds),
      "sets the policies of repositories and buckets": [
        "artifactregistry.repositories.setIamPolicy",
        "storage.buckets.setIamPolicy",
        "s3:PutBucketPolicy",
      ].every(holds),
      "changes the settings of buckets (soft delete, versioning, lifecycle)": [
        "storage.buckets.update",
        "s3:PutBucketVersioning",
        "s3:PutLifecycleConfiguration",
      ].every(holds),
      "removes earlier versions in Cloud Storage": holds("storage.objects.delete"), // of any generation
      "deletes images for good": holds("artifactregistry.repositories.deleteArtifacts"),
      "cannot change who may do what in the project, its own roles, or who may sign in as it":
        ![...google].some((permission) => project.test(permission)) &&
        !aws.some((action) => /^iam:(?!Get|List)/.test(action)),
    };
    for (const [claim, isSo] of Object.entries(claims)) {
      assert.ok(text.includes(claim), `docs/security.md no longer says: ${claim}`);
      assert.ok(isSo, claim);
    }
  });

  it("an object is written and read by grants on its bucket", () => {
    const objects = resources.filter(({ type }) => type.endsWith(":BucketObject"));
    assert.ok(objects.length > 0);
    for (const { inputs, name } of objects) {
      const members = (role: string) =>
        resources
          .filter(
            ({ type, inputs: grant }) => type.endsWith(":BucketIAMBinding") && grant["bucket"] === inputs["bucket"],
          )
          .filter(({ inputs: grant }) => grant["role"] === role)
          .flatMap(({ inputs: grant }) => grant["members"] as string[]);
      assert.ok(members("roles/storage.objectUser").some(isIdentity("deploy")), name);
      assert.ok(members("roles/storage.objectViewer").some(isIdentity("preview")), name);
    }
  });

  it("records in Cloud DNS are changed and read by grants on their zone", async () => {
    const { config, manifests: texts } = await organisation("cloud-dns");
    const declared = await declare(config, texts);
    const records = declared.filter(({ type }) => type === "gcp:dns/recordSet:RecordSet");
    assert.ok(records.length > 0);
    const rights = (identity: WorkflowIdentity): unknown[] =>
      declared
        .filter(
          ({ type, inputs }) =>
            type.endsWith(":DnsManagedZoneIamBinding") && [inputs["members"]].flat().some(isIdentity(identity)),
        )
        .flatMap(({ inputs: grant }) => {
          for (const { inputs } of records) assert.equal(inputs["managedZone"], grant["managedZone"]);
          const role = declared.find(
            ({ inputs }) => `projects/example-artifacts/roles/${inputs["roleId"]}` === grant["role"],
          );
          return role?.inputs["permissions"];
        });
    const ofRecords = (...verbs: string[]) => all("dns", "resourceRecordSets", ...verbs);
    assert.deepEqual(rights("deploy"), [
      ...all("dns", "changes", "create", "get"),
      ...ofRecords("create", "delete", "list", "update"),
    ]);
    assert.deepEqual(rights("preview"), ["dns.managedZones.getIamPolicy", ...ofRecords("list")]);
  });

  it("what only an owner may create is in the identities' component or listed here", () => {
    const owned = resources.filter(({ type }) => needed[type.slice("gcp:".length)]?.deploy === "owner");
    const elsewhere = owned
      .filter(({ path }) => path.at(-1) !== "identities")
      .map(({ type, name }) => `${type} ${name}`);
    assert.deepEqual(elsewhere, [
      "gcp:billing/budget:Budget monitoring",
      "gcp:logging/projectExclusion:ProjectExclusion redirector-requests",
      "gcp:projects/serviceIdentity:ServiceIdentity redirector-agent",
      "gcp:serviceaccount/account:Account fill",
      "gcp:serviceaccount/account:Account fill-audit",
      "gcp:serviceaccount/account:Account redirector",
      "gcp:serviceaccount/iAMBinding:IAMBinding fill-audit-deployer",
      "gcp:serviceaccount/iAMBinding:IAMBinding fill-deployer",
      "gcp:serviceaccount/iAMBinding:IAMBinding redirector-deployer",
    ]);
  });
});

interface Needed {
  /** "owner": only an owner of the project makes and changes it. */
  readonly deploy: readonly string[] | "owner";
  readonly preview: readonly string[];
}

/** What the identities lack on purpose: patterns of what the test prints, and why. */
const notGranted: Readonly<Record<string, string>> = {
  "^deploy, delete artifactregistry/repository:": "an owner removes a mirror or a staging area",
  "^deploy, delete storage/bucket:": "an owner removes a bucket",
  "^deploy, delete certificatemanager/": "an owner removes a certificate: the editor's role deletes nothing",
  "actAs \\(on the service account\\)$": "granted on the accounts of the redirector and the jobs alone",
  "storage/bucketObject: |storage/bucketObject:BucketObject: ": "granted on its bucket",
  "storage\\.objects\\.get \\(on the source archive": "granted on the bucket of the builds",
  "^(deploy|preview), read billing/budget:": "granted on the billing account, by hand: npm run steps",
};

function allows(identity: WorkflowIdentity, permission: string): boolean {
  const plain = permission.replace(/ \((?!on ).*\)$/, ""); // "(invokerIamDisabled)" says when, "(on ...)" where
  return inProject(identity).some(({ permissions }) => permissions.includes(plain));
}

function inProject(identity: WorkflowIdentity): HeldRole[] {
  return heldRoles(resources, identity).filter(({ where }) => where === "the project");
}

/** Roles, and permissions of roles of our own, that an identity is granted in the project. */
function granted(identity: WorkflowIdentity): Set<string> {
  return new Set(
    inProject(identity).flatMap(({ role, permissions }) => (role.startsWith("roles/") ? [role] : permissions)),
  );
}
