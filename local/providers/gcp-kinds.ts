import type { Values } from "../cloud/inventory.ts";
import type { ResourceKind, Subject } from "./kind.ts";

/** The project number of every emulated project but a seed project. Real projects have a number each, which programs read from outputs. */
export const projectNumber = "415926535897";

/** The number of a project: a pool's name has it, so pools of production and of a seed project differ. @internal exported for tests. */
export function projectNumberOf(project: unknown): string {
  return String(project).endsWith("-seed") ? "271828182845" : projectNumber;
}

const compute = (scope: string): ResourceKind => ({
  id: `projects/{project}/${scope}/{name}`,
  outputs: ({ id, seed }) => ({
    selfLink: `https://www.googleapis.com/compute/v1/${id}`,
    ...Object.fromEntries(
      ["certificateId", "generatedId", "mapId", "proxyId"].map((name) => [name, number(seed, name)]), // each type declares one of them
    ),
  }),
});

const withOutputs = (
  kind: ResourceKind,
  outputs: (subject: Subject) => Values,
  more: Partial<ResourceKind> = {},
): ResourceKind => ({
  ...kind,
  ...more,
  outputs: (subject) => ({ ...kind.outputs?.(subject), ...outputs(subject) }),
});

/** The Google Cloud types that the generic rules do not cover. */
const gcpKinds: Readonly<Record<string, ResourceKind>> = {
  "artifactregistry/repository:Repository": {
    id: "projects/{project}/locations/{location}/repositories/{repositoryId}",
    required: ["location", "project"],
    replaces: ["format", "mode", "kmsKeyName"],
    outputs: ({ inputs }) => ({ name: inputs["repositoryId"] }),
    exists: () => "Error creating Repository: googleapi: Error 409: the repository already exists",
  },
  "storage/bucket:Bucket": {
    id: "{name}",
    required: ["location", "project"],
    replaces: ["location", "project", "customPlacementConfig", "enableObjectRetention", "hierarchicalNamespace"],
    outputs: ({ inputs }) => ({
      url: `gs://${String(inputs["name"])}`,
      selfLink: `https://www.googleapis.com/storage/v1/b/${String(inputs["name"])}`,
      projectNumber: Number(projectNumber),
      storageClass: "STANDARD",
      publicAccessPrevention: "inherited",
    }),
    exists: () =>
      "googleapi: Error 409: Your previous request to create the named bucket succeeded and you already own it., conflict",
  },
  "storage/bucketObject:BucketObject": {
    id: "{bucket}-{name}",
    replaces: ["source", "content", "contentType", "contentEncoding", "cacheControl", "storageClass"],
    outputs: ({ inputs }) => ({
      outputName: inputs["name"],
      storageClass: "STANDARD",
      contentType: "application/octet-stream",
    }),
    volatile: ["generation", "crc32c", "md5hash", "md5hexhash", "detectMd5hash"],
    adopts: true, // an upload may replace an object
  },
  "storage/managedFolder:ManagedFolder": { id: "{bucket}/{name}" },
  "cloudrunv2/service:Service": {
    id: "projects/{project}/locations/{location}/services/{name}",
    required: ["project"],
    outputs: () => ({ ingress: "INGRESS_TRAFFIC_ALL", launchStage: "GA" }),
    volatile: [
      "generation",
      "observedGeneration",
      "latestCreatedRevision",
      "latestReadyRevision",
      "etag",
      "updateTime",
    ],
    exists: ({ inputs }) =>
      `Error creating Service: googleapi: Error 409: Resource '${String(inputs["name"])}' already exists.`,
  },
  "cloudrunv2/job:Job": {
    id: "projects/{project}/locations/{location}/jobs/{name}",
    required: ["project"],
    outputs: () => ({ launchStage: "GA" }),
    volatile: ["generation", "observedGeneration", "executionCount", "latestCreatedExecutions", "etag", "updateTime"],
    exists: ({ inputs }) =>
      `Error creating Job: googleapi: Error 409: Resource '${String(inputs["name"])}' already exists.`,
  },
  "compute/globalAddress:GlobalAddress": { ...compute("global/addresses"), updatable: ["labels", "deletionPolicy"] },
  "compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup": {
    ...compute("regions/{region}/networkEndpointGroups"),
    updatable: ["deletionPolicy"],
  },
  "compute/backendService:BackendService": { ...compute("global/backendServices"), replaces: ["loadBalancingScheme"] },
  "compute/backendBucket:BackendBucket": compute("global/backendBuckets"),
  "compute/securityPolicy:SecurityPolicy": { ...compute("global/securityPolicies"), replaces: ["type"] },
  "compute/uRLMap:URLMap": compute("global/urlMaps"),
  "compute/targetHttpProxy:TargetHttpProxy": { ...compute("global/targetHttpProxies"), replaces: ["description"] },
  "compute/targetHttpsProxy:TargetHttpsProxy": { ...compute("global/targetHttpsProxies"), replaces: ["description"] },
  "compute/sSLPolicy:SSLPolicy": compute("global/sslPolicies"),
  "compute/managedSslCertificate:ManagedSslCertificate": {
    ...withOutputs(compute("global/sslCertificates"), ({ inputs }) => ({
      subjectAlternativeNames: (inputs["managed"] as { domains?: string[] } | undefined)?.domains ?? [],
    })),
    updatable: ["deletionPolicy"],
  },
  "compute/globalForwardingRule:GlobalForwardingRule": {
    ...compute("global/forwardingRules"),
    updatable: ["target", "labels", "deletionPolicy"],
  },
  "certificatemanager/certificate:Certificate": {
    id: ({ inputs, config, id }) =>
      id ||
      `projects/${project({ inputs, config })}/locations/${String(inputs["location"] ?? "global")}/certificates/${String(inputs["name"])}`,
    replaces: ["name", "location", "project", "managed", "scope"],
    outputs: ({ inputs }) => ({
      sanDnsnames: (inputs["managed"] as { domains?: string[] } | undefined)?.domains ?? [],
    }),
  },
  "certificatemanager/certificateMap:CertificateMap": {
    id: "projects/{project}/locations/global/certificateMaps/{name}",
  },
  "certificatemanager/certificateMapEntry:CertificateMapEntry": {
    id: "projects/{project}/locations/global/certificateMaps/{map}/certificateMapEntries/{name}",
    replaces: ["hostname", "matcher"],
    outputs: () => ({ state: "ACTIVE" }),
  },
  "certificatemanager/dnsAuthorization:DnsAuthorization": {
    id: ({ inputs, config, id }) =>
      id ||
      `projects/${project({ inputs, config })}/locations/${String(inputs["location"] ?? "global")}/dnsAuthorizations/${String(inputs["name"])}`,
    replaces: ["name", "location", "project", "domain", "type"],
    outputs: ({ inputs, seed }) => ({
      type: "FIXED_RECORD",
      dnsResourceRecords: [
        {
          name: `_acme-challenge.${String(inputs["domain"])}.`,
          type: "CNAME",
          data: `${seed.slice(0, 8)}-${seed.slice(8, 12)}-${seed.slice(12, 16)}-${seed.slice(16, 20)}-${seed.slice(20, 32)}.0.authorize.certificatemanager.goog.`,
        },
      ],
    }),
  },
  "serviceaccount/account:Account": {
    id: "projects/{project}/serviceAccounts/{accountId}@{project}.iam.gserviceaccount.com",
    required: ["project"],
    outputs: (subject) => {
      const email = `${String(subject.inputs["accountId"])}@${project(subject)}.iam.gserviceaccount.com`;
      return {
        email,
        member: `serviceAccount:${email}`,
        name: `projects/${project(subject)}/serviceAccounts/${email}`,
        uniqueId: `1${number(subject.seed, "uniqueId")}`.padEnd(21, "0"),
      };
    },
    exists: ({ inputs }) =>
      `Error creating service account: googleapi: Error 409: Service account ${String(inputs["accountId"])} already exists within project.`,
  },
  "dns/recordSet:RecordSet": {
    id: "projects/{project}/managedZones/{managedZone}/rrsets/{name}/{type}",
    named: null,
    adopts: true, // overwrites a record of the same name and type
  },
  "iam/workloadIdentityPool:WorkloadIdentityPool": {
    id: "projects/{project}/locations/global/workloadIdentityPools/{workloadIdentityPoolId}",
    outputs: ({ inputs }) => ({
      name: `projects/${projectNumberOf(inputs["project"])}/locations/global/workloadIdentityPools/${String(inputs["workloadIdentityPoolId"])}`,
      state: "ACTIVE",
    }),
  },
  "iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": {
    id: "projects/{project}/locations/global/workloadIdentityPools/{workloadIdentityPoolId}/providers/{workloadIdentityPoolProviderId}",
    outputs: ({ inputs }) => ({
      name: `projects/${projectNumberOf(inputs["project"])}/locations/global/workloadIdentityPools/${String(inputs["workloadIdentityPoolId"])}/providers/${String(inputs["workloadIdentityPoolProviderId"])}`,
      state: "ACTIVE",
    }),
  },
  "projects/service:Service": { id: "{project}/{service}", named: null, adopts: true },
  "projects/serviceIdentity:ServiceIdentity": {
    id: "projects/{project}/services/{service}",
    named: null,
    adopts: true, // a second request returns the same identity
    outputs: () => {
      const email = `service-${projectNumber}@serverless-robot-prod.iam.gserviceaccount.com`;
      return { email, member: `serviceAccount:${email}` };
    },
  },
  "projects/iAMAuditConfig:IAMAuditConfig": { id: "{project}/audit_config/{service}", named: null, adopts: true },
  "projects/iAMCustomRole:IAMCustomRole": {
    id: "projects/{project}/roles/{roleId}",
    outputs: (subject) => ({ name: `projects/${project(subject)}/roles/${String(subject.inputs["roleId"])}` }),
  },
  "logging/metric:Metric": { id: "{name}" },
  "logging/projectExclusion:ProjectExclusion": { id: "projects/{project}/exclusions/{name}" },
  "billing/budget:Budget": {
    id: (subject) =>
      subject.id || `billingAccounts/${String(subject.inputs["billingAccount"])}/budgets/${subject.seed.slice(0, 32)}`,
    replaces: ["billingAccount"],
    named: null,
    outputs: ({ id }) => ({ name: id.slice(id.lastIndexOf("/") + 1) }),
  },
  "monitoring/notificationChannel:NotificationChannel": numbered("notificationChannels"),
  "monitoring/alertPolicy:AlertPolicy": numbered("alertPolicies"),
  "monitoring/uptimeCheckConfig:UptimeCheckConfig": {
    id: (subject) => subject.id || `projects/${project(subject)}/uptimeCheckConfigs/${checkId(subject)}`,
    replaces: ["project", "monitoredResource"],
    outputs: (subject) => ({
      name: subject.id,
      uptimeCheckId: subject.id.slice(subject.id.lastIndexOf("/") + 1),
    }),
  },
  "monitoring/customService:CustomService": service("serviceId"),
  "monitoring/genericService:GenericService": service("serviceId"),
  "monitoring/slo:Slo": {
    id: (subject) =>
      subject.id ||
      `projects/${projectNumber}/services/${String(subject.inputs["service"])}/serviceLevelObjectives/${String(subject.inputs["sloId"] ?? subject.seed.slice(0, 22))}`,
    replaces: ["project", "service", "sloId"],
    named: null,
    outputs: ({ id }) => ({ name: id, sloId: id.slice(id.lastIndexOf("/") + 1) }),
  },
  "monitoring/dashboard:Dashboard": {
    id: (subject) => subject.id || `projects/${projectNumber}/dashboards/${subject.seed.slice(0, 32)}`,
    replaces: ["project"],
    named: null,
  },
  "artifactregistry/repositoryIam": grant("projects/{project}/locations/{location}/repositories/{repository}"),
  "storage/bucketIAM": grant("b/{bucket}"),
  "dns/dnsManagedZoneIam": grant("projects/{project}/managedZones/{managedZone}"),
  "storage/managedFolderIam": grant("b/{bucket}/managedFolders/{managedFolder}"),
  "cloudrunv2/serviceIam": grant("projects/{project}/locations/{location}/services/{name}"),
  "serviceaccount/iAM": grant("{serviceAccountId}"),
  "iam/workloadIdentityPoolIam": grant(
    "projects/{project}/locations/global/workloadIdentityPools/{workloadIdentityPoolId}",
  ),
  "projects/iAM": grant("{project}"),
};

/** The kind of a Google Cloud type. `*IamMember`, `*IamBinding` and `*IamPolicy` of one type share a kind. */
export function gcpKind(token: string): ResourceKind {
  const name = token.slice("gcp:".length);
  const listed = gcpKinds[name];
  if (listed !== undefined) return listed;
  const iam = /^(\w+\/\w*?i(?:AM|am|Am))(?:Member|Binding|Policy):/i.exec(name)?.[1];
  if (iam !== undefined) return gcpKinds[iam] ?? grant("");
  const [module = "", type = ""] = name.split(":")[0]?.split("/") ?? [];
  const collection = type.endsWith("y") ? `${type.slice(0, -1)}ies` : `${type}s`;
  return {
    // The usual form of ids. It also works for types with another form, because an id only has to be unique.
    id: ({ inputs, config, seed, id }) => {
      if (id !== "") return id;
      const location = inputs["location"] ?? inputs["region"] ?? inputs["zone"] ?? "global";
      const own = inputs["name"] ?? inputs[`${type}Id`] ?? seed.slice(0, 16);
      return `projects/${project({ inputs, config })}/locations/${String(location)}/${module}/${collection}/${String(own)}`;
    },
    replaces: ["name", "location", "region", "zone", "project", `${type}Id`],
  };
}

/** A grant. Its id is the real provider's: `<resource>/<role>/<member>`. A second equal grant succeeds. */
function grant(resource: string): ResourceKind {
  return {
    id: ({ inputs, config }) => {
      const others = Object.entries(inputs).filter(
        ([name, value]) => typeof value === "string" && !["role", "member", "policyData", "__defaults"].includes(name),
      );
      const parent =
        resource === ""
          ? others.map(([, value]) => String(value)).join("/")
          : resource.replaceAll(/\{(\w+)\}/g, (_all, name: string) => String(inputs[name] ?? config[name] ?? ""));
      const title = (inputs["condition"] as { title?: string } | undefined)?.title;
      return [parent, inputs["role"], inputs["member"], title].filter((part) => part !== undefined).join("/");
    },
    updatable: ["members", "policyData"],
    named: null,
    adopts: true,
  };
}

function numbered(collection: string): ResourceKind {
  return {
    id: (subject) => subject.id || `projects/${project(subject)}/${collection}/${number(subject.seed, collection)}`,
    replaces: ["project"],
    named: null,
    outputs: ({ id }) => ({ name: id }),
  };
}

function service(idInput: string): ResourceKind {
  return {
    id: (subject) =>
      subject.id ||
      `projects/${projectNumber}/services/${String(subject.inputs[idInput] ?? subject.seed.slice(0, 22))}`,
    replaces: ["project", idInput],
    named: null,
    outputs: ({ id }) => ({ name: id, [idInput]: id.slice(id.lastIndexOf("/") + 1) }),
  };
}

function checkId({ inputs, seed }: Subject): string {
  const slug = String(inputs["displayName"] ?? "check")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-");
  return `${slug}-${seed.slice(0, 12)}`;
}

function project({ inputs, config }: Pick<Subject, "inputs" | "config">): string {
  return String(inputs["project"] ?? config["project"] ?? "");
}

/** A number of 15 digits, which a JSON number holds exactly, derived from seed and salt. */
function number(seed: string, salt: string): number {
  let value = 0;
  for (const character of `${seed}${salt}`) value = (value * 31 + character.charCodeAt(0)) % 899_999_999_999_999;
  return value + 100_000_000_000_000;
}
