/**
 * Whether the two identities have the rights that the engine needs for each type of Google Cloud: to make and change it (deploy), to read it
 * (preview: a refresh). Which permission a call needs is in each service's documentation, which Google role has it in "IAM basic and
 * predefined roles reference".
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, it } from "mocha";
import type { Declared } from "../../local/graph/record-program.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";
import { organisation } from "../support/organisations/organisation.ts";

let resources: readonly Declared[];

const is =
  (identity: string) =>
  (member: unknown): boolean =>
    String(member).startsWith(`serviceAccount:artifacts-${identity}@`);

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
    "cloudrunv2/service:Service": { deploy: ["roles/run.admin"], preview: ["run.services.get"] },
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
      const calls = permissions.types[`gcp:${type}`];
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

  it("in AWS preview may make every call that reads what the program declares, and no other kind of call", () => {
    const policy = resources.find(
      ({ type, name }) => type === "aws:iam/rolePolicy:RolePolicy" && /preview/.test(name),
    )!;
    const { Statement } = JSON.parse(String(policy.inputs["policy"])) as { Statement: { Action: string[] }[] };
    const held = Statement.flatMap(({ Action }) => Action);
    assert.deepEqual(
      held.filter((action) => !/^(s3|iam|route53):(Get|List)[A-Z]\w+\*?$/.test(action)),
      [],
    );
    for (const type of new Set(resources.map((resource) => resource.type).filter((one) => one.startsWith("aws:")))) {
      for (const call of permissions.types[type]?.["read"] ?? assert.fail(`no calls of ${type}`)) {
        const isHeld = held.some((action) =>
          action.endsWith("*") ? call.startsWith(action.slice(0, -1)) : call === action,
        );
        assert.ok(isHeld, `${type}: ${call}`);
      }
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
      assert.ok(members("roles/storage.objectUser").some(is("deploy")), name);
      assert.ok(members("roles/storage.objectViewer").some(is("preview")), name);
    }
  });

  it("records in Cloud DNS are changed and read by grants on their zone", async () => {
    const { config, manifests: texts } = await organisation("cloud-dns");
    const declared = await declare(config, texts);
    const records = declared.filter(({ type }) => type === "gcp:dns/recordSet:RecordSet");
    assert.ok(records.length > 0);
    const rights = (identity: string): unknown[] =>
      declared
        .filter(
          ({ type, inputs }) =>
            type.endsWith(":DnsManagedZoneIamBinding") && [inputs["members"]].flat().some(is(identity)),
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
      "gcp:serviceaccount/account:Account redirector",
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
  "actAs \\(on the service account\\)$": "granted on the redirector's account alone",
  "storage/bucketObject: |storage/bucketObject:BucketObject: ": "granted on its bucket",
  "storage\\.objects\\.get \\(on the source archive": "granted on the bucket of the builds",
  "^(deploy|preview), read billing/budget:": "granted on the billing account, by hand: npm run steps",
};

interface CallPermissions {
  readonly roles: Readonly<Record<string, readonly string[]>>;
  readonly types: Readonly<
    Record<string, Readonly<Partial<Record<"create" | "read" | "update" | "delete", readonly string[]>>>>
  >;
}

/** What each call of the providers needs, and which of it the predefined roles have. */
const permissions = JSON.parse(
  readFileSync(new URL("../../local/providers/facts/permissions.json", import.meta.url), "utf8"),
) as CallPermissions;

function allows(identity: "deploy" | "preview", permission: string): boolean {
  const held = granted(identity);
  const plain = permission.replace(/ \((?!on ).*\)$/, ""); // "(invokerIamDisabled)" says when, "(on ...)" where
  return held.has(plain) || [...held].some((role) => permissions.roles[role]?.includes(plain));
}

/** Roles, and permissions of roles of our own, that an identity is granted in the project. */
function granted(identity: "deploy" | "preview"): Set<string> {
  const permissions = new Map(
    resources
      .filter(({ type }) => type.endsWith(":IAMCustomRole"))
      .map(({ inputs }) => [`projects/${inputs["project"]}/roles/${inputs["roleId"]}`, inputs["permissions"]]),
  );
  const roles = resources
    .filter(({ type }) => /^gcp:projects\/iAM(Binding|Member)/.test(type))
    .filter(({ inputs }) => [inputs["members"] ?? inputs["member"]].flat().some(is(identity)))
    .map(({ inputs }) => String(inputs["role"]));
  return new Set(roles.flatMap((role) => (permissions.get(role) as string[] | undefined) ?? [role]));
}
