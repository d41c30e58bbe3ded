import type { Values } from "../cloud/inventory.ts";
import type { ResourceKind } from "./kind.ts";

/** Id of the rehearsal's AWS account. */
export const accountId = "123456789012";

/** Inputs that are JSON documents: a program may pass objects, the provider keeps texts. */
const documents = ["policy", "assumeRolePolicy"];

const ofBucket: ResourceKind = {
  id: "{bucket}",
  replaces: ["region", "expectedBucketOwner"],
  named: null,
  adopts: true,
  normalise,
};

/** The AWS types that the generic rules do not cover. */
const awsKinds: Readonly<Record<string, ResourceKind>> = {
  "s3/bucket:Bucket": {
    id: "{bucket}",
    required: ["region"],
    replaces: ["region", "bucketPrefix", "objectLockEnabled"],
    named: "bucket",
    outputs: ({ inputs, config }) => {
      const bucket = String(inputs["bucket"]);
      const region = String(inputs["region"] ?? config["region"]);
      return {
        arn: `arn:aws:s3:::${bucket}`,
        region,
        bucketRegion: region,
        bucketDomainName: `${bucket}.s3.amazonaws.com`,
        bucketRegionalDomainName: `${bucket}.s3.${region}.amazonaws.com`,
        requestPayer: "BucketOwner",
      };
    },
    exists: ({ inputs }) =>
      `creating S3 Bucket (${String(inputs["bucket"])}): operation error S3: CreateBucket, https response error StatusCode: 409, BucketAlreadyOwnedByYou`,
  },
  "route53/record:Record": {
    id: "{zoneId}_{name}_{type}",
    named: null,
    outputs: ({ inputs }) => ({ fqdn: inputs["name"] }),
    exists: ({ inputs }) =>
      `creating Route53 Record: operation error Route 53: ChangeResourceRecordSets, https response error StatusCode: 400, InvalidChangeBatch: [Tried to create resource record set [name='${String(inputs["name"])}.', type='${String(inputs["type"])}'] but it already exists]`,
  },
  "iam/role:Role": {
    id: "{name}",
    replaces: ["path", "namePrefix"],
    normalise,
    outputs: ({ inputs, seed }) => ({
      arn: `arn:aws:iam::${accountId}:role${String(inputs["path"] ?? "/")}${String(inputs["name"])}`,
      path: "/",
      maxSessionDuration: 3600,
      uniqueId: `AROA${seed.slice(0, 17).toUpperCase()}`,
    }),
    exists: ({ inputs }) =>
      `creating IAM Role (${String(inputs["name"])}): operation error IAM: CreateRole, https response error StatusCode: 409, EntityAlreadyExists: Role with name ${String(inputs["name"])} already exists.`,
  },
  "iam/policy:Policy": {
    id: ({ inputs }) => `arn:aws:iam::${accountId}:policy${String(inputs["path"] ?? "/")}${String(inputs["name"])}`,
    replaces: ["name", "path", "description"],
    normalise,
    outputs: ({ id, seed }) => ({ arn: id, path: "/", policyId: `ANPA${seed.slice(0, 17).toUpperCase()}` }),
  },
  "iam/rolePolicy:RolePolicy": { id: "{role}:{name}", normalise, adopts: true },
  "iam/rolePolicyAttachment:RolePolicyAttachment": { id: "{role}/{policyArn}", named: null, adopts: true },
  "iam/openIdConnectProvider:OpenIdConnectProvider": {
    id: ({ inputs }) => `arn:aws:iam::${accountId}:oidc-provider/${String(inputs["url"]).replace(/^https:\/\//, "")}`,
    replaces: ["url"],
    outputs: ({ id }) => ({ arn: id }),
    exists: ({ inputs }) =>
      `creating IAM OIDC Provider: operation error IAM: CreateOpenIDConnectProvider, https response error StatusCode: 409, EntityAlreadyExists: Provider with url ${String(inputs["url"])} already exists.`,
  },
};

/** The kind of an AWS type. */
export function awsKind(token: string): ResourceKind {
  const name = token.slice("aws:".length);
  const listed = awsKinds[name];
  if (listed !== undefined) return listed;
  if (/^s3\/bucket[A-Z]\w+:/.test(name) && !/Object/.test(name)) return ofBucket;
  const [module = "", type = ""] = name.split(":")[0]?.split("/") ?? [];
  return {
    id: ({ inputs, seed, id }) => id || String(inputs["name"] ?? `${type}-${seed.slice(0, 17)}`),
    replaces: ["name", "region"],
    normalise,
    outputs: ({ id, inputs, config }) => ({
      arn: `arn:aws:${module}:${String(inputs["region"] ?? config["region"] ?? "")}:${accountId}:${type}/${id}`,
    }),
  };
}

/** Converts objects to JSON texts with sorted keys, as pulumi-aws does. */
function normalise(inputs: Values): Values {
  const given = documents.filter((name) => inputs[name] !== null && typeof inputs[name] === "object");
  return { ...inputs, ...Object.fromEntries(given.map((name) => [name, JSON.stringify(sorted(inputs[name]))])) };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]));
}
