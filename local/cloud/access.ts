/** Decides from the grants that the program declares who may do what with the data: Google's IAM of repositories and buckets, AWS's policies. */
import { conditionHolds } from "./iam-condition.ts";

/** A declared or existing resource: what both the program's graph and the emulated inventory have. */
export interface Granting {
  readonly type: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

/**
 * What can be done with the data of a repository or bucket.
 * @internal exported for its tests.
 */
export const dataActions = ["read", "list", "write", "delete", "set policy"] as const;
export type DataAction = (typeof dataActions)[number];

/** Where the data is. */
export type DataStore =
  | { readonly kind: "repository"; readonly location: string; readonly name: string }
  | {
      readonly kind: "gcs";
      readonly bucket: string /** Of an object; undefined: any, or the bucket. */;
      readonly key?: string;
    }
  | { readonly kind: "s3"; readonly bucket: string };

/** Who asks: every name that grants may call it by, in Google Cloud (members) and in AWS (the name of its role; undefined: anonymous). */
export interface Requester {
  readonly members: readonly string[];
  readonly awsRole?: string;
}

/**
 * The actions of the roles that the program grants on repositories and buckets (Google's "IAM roles for Cloud Storage" and "Access
 * control with IAM" of Artifact Registry). `storage.objectViewer` lists, `storage.legacyObjectReader` does not.
 */
const roleActions: Readonly<Record<string, readonly DataAction[]>> = {
  "roles/artifactregistry.reader": ["read", "list"],
  "roles/artifactregistry.writer": ["read", "list", "write"],
  "roles/artifactregistry.repoAdmin": ["read", "list", "write", "delete"],
  "roles/storage.legacyObjectReader": ["read"],
  "roles/storage.objectViewer": ["read", "list"],
  "roles/storage.objectCreator": ["write"],
  "roles/storage.objectUser": ["read", "list", "write", "delete"],
  "roles/storage.objectAdmin": ["read", "list", "write", "delete", "set policy"],
  "roles/storage.admin": dataActions,
  "roles/artifactregistry.admin": dataActions,
};

/** The actions on S3 that each stands for. A write that replaces is one too: versions keep what was there. */
const awsActions: Readonly<Record<DataAction, readonly string[]>> = {
  read: ["s3:GetObject"],
  list: ["s3:ListBucket"],
  write: ["s3:PutObject"],
  delete: ["s3:DeleteObject"],
  "set policy": ["s3:PutBucketPolicy"],
};

/** Permissions of custom roles that change who may do what. */
const policyPermission = {
  repository: "artifactregistry.repositories.setIamPolicy",
  gcs: "storage.buckets.setIamPolicy",
};

/**
 * Whether somebody may do something with the data of a store.
 * @throws if a grant on the store has a role whose actions are not known: what it allows must be said first.
 */
export function mayAccess(
  all: readonly Granting[],
  { members, awsRole }: Requester,
  action: DataAction,
  store: DataStore,
): boolean {
  if (store.kind === "s3") return mayAccessS3(all, awsRole, action, store.bucket);
  const own = all
    .filter((grant) => isGrantOn(grant, store) && meets(grant, action, store))
    .flatMap(({ inputs }) => grantsOf(inputs));
  const project = all
    .filter(({ type }) => /^gcp:projects\/iAM(Binding|Member):/.test(type))
    .flatMap(({ inputs }) => grantsOf(inputs));
  const custom = customRoles(all);
  const held = (grants: readonly Grant[]) =>
    grants.filter((grant) => grant.members.some((member) => isMember(member, members)));
  for (const { role } of held(own)) {
    const actions = roleActions[role];
    if (actions === undefined)
      throw new Error(`${role} is granted on data: say in local/cloud/access.ts what it allows`);
    if (actions.includes(action)) return true;
  }
  return held(project).some(({ role }) => {
    if (roleActions[role]?.includes(action)) return true;
    return action === "set policy" && custom.get(role)?.includes(policyPermission[store.kind]) === true;
  });
}

interface Grant {
  readonly role: string;
  readonly members: readonly string[];
}

function grantsOf(inputs: Readonly<Record<string, unknown>>): Grant[] {
  const members = [inputs["members"], inputs["member"]].flat().filter((member) => member !== undefined);
  return [{ role: String(inputs["role"]), members: members.map(String) }];
}

function isGrantOn({ type, inputs }: Granting, store: DataStore): boolean {
  if (store.kind === "repository") {
    if (!type.startsWith("gcp:artifactregistry/repositoryIam")) return false;
    const repository = String(inputs["repository"]);
    return (
      repository.slice(repository.lastIndexOf("/") + 1) === store.name && String(inputs["location"]) === store.location
    );
  }
  return (
    /^gcp:storage\/bucketIAM/.test(type) &&
    String(inputs["bucket"]).replace(/^b\//, "") === (store.kind === "gcs" ? store.bucket : "")
  );
}

/** Whether a grant's condition holds, if it has one. Listing is a right on the bucket. */
function meets({ inputs }: Granting, action: DataAction, store: DataStore): boolean {
  const { expression } = (inputs["condition"] ?? {}) as { readonly expression?: string };
  if (expression === undefined) return true;
  if (store.kind !== "gcs") throw new Error(`a grant on ${store.kind} has a condition: say here what it is about`);
  const object = store.key === undefined || action === "list" || action === "set policy" ? "" : `/objects/${store.key}`;
  return conditionHolds(expression, `projects/_/buckets/${store.bucket}${object}`);
}

/** A grant to everybody holds for every requester; one to all Google accounts for all who are one. */
function isMember(member: string, names: readonly string[]): boolean {
  if (member === "allUsers") return true;
  if (member === "allAuthenticatedUsers") return names.some((name) => name !== "allUsers");
  return names.includes(member);
}

function customRoles(all: readonly Granting[]): Map<string, readonly string[]> {
  return new Map(
    all
      .filter(({ type }) => type.endsWith(":IAMCustomRole"))
      .map(({ inputs }) => [
        `projects/${String(inputs["project"])}/roles/${String(inputs["roleId"])}`,
        inputs["permissions"] as string[],
      ]),
  );
}

interface Statement {
  readonly Effect: string;
  readonly Principal?: unknown;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** An allow by the bucket's policy or the role's, and no deny (AWS IAM, "Policy evaluation logic", one account), over TLS. */
function mayAccessS3(all: readonly Granting[], role: string | undefined, action: DataAction, bucket: string): boolean {
  const statements = [
    ...all.filter(({ type, inputs }) => type === "aws:s3/bucketPolicy:BucketPolicy" && inputs["bucket"] === bucket),
    ...all.filter(
      ({ type, inputs }) => type === "aws:iam/rolePolicy:RolePolicy" && role !== undefined && inputs["role"] === role,
    ),
  ].flatMap(({ inputs }) => statementsOf(inputs["policy"]));
  const wanted = awsActions[action];
  const resource = `arn:aws:s3:::${bucket}${action === "list" || action === "set policy" ? "" : "/object"}`;
  const applies = ({ Principal, Action, Resource, Condition }: Statement): boolean =>
    isForEverybody(Principal) &&
    !isOverPlainHttp(Condition) &&
    wanted.some((one) => [Action].flat().some((pattern) => matches(pattern, one))) &&
    [Resource].flat().some((pattern) => matches(pattern, resource));
  const applying = statements.filter(applies);
  return applying.some(({ Effect }) => Effect === "Allow") && !applying.some(({ Effect }) => Effect === "Deny");
}

function statementsOf(policy: unknown): readonly Statement[] {
  const document = (typeof policy === "string" ? JSON.parse(policy) : policy) as {
    Statement?: Statement | Statement[];
  };
  return [document.Statement ?? []].flat();
}

/** A role's policy has no principal: it is the role's. */
function isForEverybody(principal: unknown): boolean {
  return principal === undefined || principal === "*" || (principal as { AWS?: unknown }).AWS === "*";
}

function isOverPlainHttp(condition: Statement["Condition"]): boolean {
  return String(condition?.["Bool"]?.["aws:SecureTransport"]) === "false";
}

function matches(pattern: string, value: string): boolean {
  return new RegExp(
    `^${pattern
      .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`,
  ).test(value);
}
