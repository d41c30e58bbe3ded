/** What a stack deployed, from the engine's own export of its state. */

/** A resource in the export of a stack (`pulumi stack export`). */
export interface StateResource {
  readonly type: string;
  readonly urn: string;
  readonly custom: boolean;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** The resources in an export of a stack, without components and providers. */
export function deployedResources(exported: string): StateResource[] {
  const { deployment } = JSON.parse(exported) as { deployment: { resources?: StateResource[] } };
  return (deployment.resources ?? []).filter(({ custom, type }) => custom && !type.startsWith("pulumi:"));
}

/** Counts by kind, e.g. `Google Cloud  Repository  24`, sorted by cloud and kind. */
export function countsByKind(resources: readonly StateResource[]): { cloud: string; kind: string; count: number }[] {
  const counts = new Map<string, { cloud: string; kind: string; count: number }>();
  for (const { type } of resources) {
    const cloud = clouds[type.slice(0, type.indexOf(":"))] ?? "other";
    const kind = `${moduleOf(type)}${type.slice(type.lastIndexOf(":") + 1)}`;
    const found = counts.get(`${cloud} ${kind}`) ?? { cloud, kind, count: 0 };
    found.count++;
    counts.set(`${cloud} ${kind}`, found);
  }
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, counted]) => counted);
}

const clouds: Readonly<Record<string, string>> = {
  gcp: "Google Cloud",
  aws: "AWS",
  cloudflare: "Cloudflare",
  promotion: "promotion",
};

/** `gcp:storage/bucket:Bucket` is of the service `storage`. */
function moduleOf(type: string): string {
  const module = /^\w+:(\w+)\//.exec(type)?.[1];
  return module === undefined || module === "index" ? "" : `${module} `;
}

/** Who may do what: a role, and on how many things of a kind. */
export interface Right {
  readonly who: string;
  readonly role: string;
  /** `2 repositories`, and their names if they are few. */
  readonly on: string;
}

/** The rights that the stack grants, by who has them. */
export function rightsGranted(resources: readonly StateResource[]): Right[] {
  const granted = new Map<string, { who: string; role: string; things: Set<string> }>();
  for (const { who, role, on } of eachGrant(resources)) {
    const key = `${who} ${role}`;
    const found = granted.get(key) ?? { who: spoken(who), role, things: new Set() };
    found.things.add(on);
    granted.set(key, found);
  }
  return [...granted]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { who, role, things }]) => ({ who, role, on: listed([...things].sort()) }));
}

/** Every grant of the resources: a member as the cloud names it, a role or the actions of a policy, and one thing. */
export function eachGrant(resources: readonly Pick<StateResource, "type" | "inputs">[]): Right[] {
  return resources.flatMap(({ type, inputs = {} }) =>
    grantsOf(type, inputs).flatMap(({ role, on }) =>
      [inputs["members"] ?? inputs["member"] ?? inputs["role"]].flat().map((who) => ({ who: String(who), role, on })),
    ),
  );
}

/** A member of a grant in words. */
export function spoken(who: string): string {
  const [, attribute = "", value = ""] = /\/attribute\.(\w+)\/(.*)$/.exec(who) ?? [];
  switch (attribute) {
    case "release": {
      const [id, workflow, refs] = value.split("/");
      return `GitHub: ${workflow} of repository ${id} for ${refs}`;
    }
    case "deploy":
      return "GitHub: the workflow deploy on main, in its environment";
    case "preview":
      return "GitHub: workflows of this repository";
    default:
      return who.replace(/^(serviceAccount:[^@]+)@.*$/, "$1").replace(/^allUsers$/, "everybody");
  }
}

/** The role that a resource grants, and on what; the actions that a policy of AWS allows. */
function grantsOf(type: string, inputs: Readonly<Record<string, unknown>>): { role: string; on: string }[] {
  if (/I[aA][mM](Binding|Member)$/.test(type)) return [{ role: String(inputs["role"]), on: thingOf(type, inputs) }];
  if (type !== "aws:iam/rolePolicy:RolePolicy") return [];
  const policy = JSON.parse(String(inputs["policy"])) as { Statement: { Action: string[]; Resource: string[] }[] };
  return policy.Statement.flatMap(({ Action, Resource }) =>
    Resource.map((on) => ({ role: [Action].flat().join(" "), on })),
  );
}

function thingOf(type: string, inputs: Readonly<Record<string, unknown>>): string {
  const text = (key: string): string | undefined => {
    const value = inputs[key];
    return typeof value === "string" ? value : undefined;
  };
  if (type.startsWith("gcp:artifactregistry/")) return `repository ${text("repository")} in ${text("location")}`;
  if (type.startsWith("gcp:storage/")) return `bucket ${text("bucket")}`;
  if (type.startsWith("gcp:dns/")) return `zone ${text("managedZone")}`;
  if (type.startsWith("gcp:kms/")) return `key ${text("cryptoKeyId")}`;
  if (type.startsWith("gcp:serviceaccount/")) return `account ${text("serviceAccountId")?.split("/").at(-1)}`;
  if (type.startsWith("gcp:projects/")) return `project ${text("project")}`;
  return type.slice(type.lastIndexOf(":") + 1);
}

/** All of a few things, a few of many. */
function listed(things: readonly string[]): string {
  const shown = things.slice(0, 3).join(", ");
  return things.length <= 3 ? shown : `${shown} and ${things.length - 3} more`;
}
