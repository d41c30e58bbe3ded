import type { CloudInventory, Resource } from "./inventory.ts";
import { texts } from "./values.ts";

/** The cloud's error for a resource that refers to a missing one, or that another one still refers to. */
export interface CloudRefusal {
  /** HTTP status. */
  readonly status: number;
  readonly message: string;
}

/**
 * The error for the first missing resource that a resource refers to. The real clouds refuse such a resource, so a program with a missing
 * link or dependency fails here as it does there.
 */
export function missingReference(inventory: CloudInventory, resource: Resource): CloudRefusal | undefined {
  for (const { type, id, error } of parents(resource)) {
    if (inventory.find(type, id) === undefined) return error;
  }
  const ids = new Set(inventory.list().map((one) => one.id));
  const dangling = [...namesOf(resource)].find((id) => !ids.has(id));
  if (dangling !== undefined) return notFound(`The resource '${dangling}' was not found, notFound`);
  const accounts = new Set(inventory.list(accountType).map((one) => one.id.slice(one.id.lastIndexOf("/") + 1)));
  const missing = grantedAccounts(resource).find((email) => !accounts.has(email));
  return missing === undefined
    ? undefined
    : { status: 400, message: `googleapi: Error 400: Service account ${missing} does not exist., badRequest` };
}

/** The error for deleting a resource that another one still refers to. */
export function inUse(inventory: CloudInventory, resource: Resource): CloudRefusal | undefined {
  if (!chained(resource.type)) return undefined;
  const user = inventory.list().find((other) => other.id !== resource.id && namesOf(other).has(resource.id));
  if (user === undefined) return undefined;
  const message = `The resource '${resource.id}' is already being used by '${user.id}', resourceInUseByAnotherResource`;
  return { status: 400, message: `googleapi: Error 400: ${message}` };
}

const accountType = "gcp:serviceaccount/account:Account";

/** Types whose resources refer to each other by id or self link: the parts of a load balancer and their certificates. */
function chained(type: string): boolean {
  return type.startsWith("gcp:compute/") || type.startsWith("gcp:certificatemanager/");
}

/** Collections that are empty unless the program creates something (unlike networks: a project starts with a default network). */
const collections =
  /^projects\/[^/]+\/(?:global|regions\/[^/]+|locations\/[^/]+)\/(?:backendServices|backendBuckets|networkEndpointGroups|urlMaps|targetHttpProxies|targetHttpsProxies|sslCertificates|sslPolicies|securityPolicies|certificates|certificateMaps|dnsAuthorizations)\/[^/]+$/;

function namesOf(resource: Resource): Set<string> {
  if (!chained(resource.type)) return new Set();
  const found = new Set<string>();
  const search = (value: unknown): void => {
    if (typeof value === "string") {
      const id = value.slice(Math.max(value.indexOf("projects/"), 0));
      if (collections.test(id)) found.add(id);
    } else if (value !== null && typeof value === "object") Object.values(value).forEach(search);
  };
  search(resource.inputs);
  if (resource.type === "gcp:certificatemanager/certificateMapEntry:CertificateMapEntry") {
    found.add(resource.id.slice(0, resource.id.indexOf("/certificateMapEntries/"))); // it refers to its map without the path
  }
  return found;
}

interface Parent {
  readonly type: string;
  readonly id: string;
  readonly error: CloudRefusal;
}

/** Parents of a resource that it refers to by a short name. */
function parents({ type, inputs, config }: Resource): Parent[] {
  const input = (name: string): string => String(inputs[name] ?? config[name] ?? "");
  const gcp = (parentType: string, id: string): Parent[] => [
    { type: `gcp:${parentType}`, id, error: notFound(`The resource '${id}' was not found, notFound`) },
  ];
  if (/^gcp:storage\/(bucketIAM|bucketObject|managedFolder)/.test(type)) {
    return gcp("storage/bucket:Bucket", input("bucket").replace(/^b\//, ""));
  }
  if (type.startsWith("gcp:artifactregistry/repositoryIam")) {
    const repository = input("repository");
    const id = repository.includes("/")
      ? repository
      : `projects/${input("project")}/locations/${input("location")}/repositories/${repository}`;
    return gcp("artifactregistry/repository:Repository", id);
  }
  if (type.startsWith("gcp:cloudrunv2/serviceIam")) {
    const name = input("name");
    const id = name.includes("/")
      ? name
      : `projects/${input("project")}/locations/${input("location")}/services/${name}`;
    return gcp("cloudrunv2/service:Service", id);
  }
  if (type.startsWith("gcp:serviceaccount/iAM"))
    return gcp("serviceaccount/account:Account", input("serviceAccountId"));
  if (type === "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider") {
    const pool = input("workloadIdentityPoolId");
    const id = `projects/${input("project")}/locations/global/workloadIdentityPools/${pool}`;
    return gcp("iam/workloadIdentityPool:WorkloadIdentityPool", id);
  }
  if (/^aws:s3\/bucket[A-Z]/.test(type) && inputs["bucket"] !== undefined) {
    const message = `api error NoSuchBucket: The specified bucket does not exist (${input("bucket")})`;
    return [{ type: "aws:s3/bucket:Bucket", id: input("bucket"), error: { status: 404, message } }];
  }
  if (/^aws:iam\/rolePolicy/.test(type)) {
    const message = `api error NoSuchEntity: The role with name ${input("role")} cannot be found.`;
    return [{ type: "aws:iam/role:Role", id: input("role"), error: { status: 404, message } }];
  }
  return [];
}

/** Mail addresses of the project's service accounts in a grant. Google refuses a grant to an account that does not exist. */
function grantedAccounts({ inputs, config, type }: Resource): string[] {
  if (!type.startsWith("gcp:")) return [];
  const ending = `@${String(config["project"] ?? "")}.iam.gserviceaccount.com`;
  return [inputs["member"], ...texts(inputs["members"])]
    .filter((member) => typeof member === "string")
    .flatMap((member) => /^(?:deleted:)?serviceAccount:(.+)$/.exec(member)?.[1] ?? [])
    .filter((email) => email.endsWith(ending));
}

function notFound(message: string): CloudRefusal {
  return { status: 404, message: `googleapi: Error 404: ${message}` };
}
