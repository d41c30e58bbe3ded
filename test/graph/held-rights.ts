/** What the two identities hold, and what of it the program's calls do not need, each with the reason: a part of docs/rights.md. */
import { readFileSync } from "node:fs";
import type { Declared } from "../../local/graph/record-program.ts";

export type WorkflowIdentity = "deploy" | "preview";
export type Operation = "create" | "read" | "update" | "delete";

const fact = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../local/providers/facts/${name}.json`, import.meta.url), "utf8"));

/** The permissions that each call of the providers needs, by type of resource. */
export const callPermissions = (
  fact("permissions") as {
    types: Readonly<Record<string, Readonly<Partial<Record<Operation, readonly string[]>>>>>;
  }
).types;

/** All permissions of Google's roles. */
const predefined = new Map(
  Object.entries((fact("roles") as { roles: Record<string, Record<string, string>> }).roles).map(([role, things]) => [
    role,
    Object.entries(things).flatMap(([thing, verbs]) => verbs.split(" ").map((verb) => `${thing}.${verb}`)),
  ]),
);

/** A role that an identity has somewhere. */
export interface HeldRole {
  readonly role: string;
  /** What it is granted on. */
  readonly where: string;
  readonly permissions: readonly string[];
}

/** Whether a member is the identity. */
export const isIdentity =
  (identity: WorkflowIdentity) =>
  (member: unknown): boolean =>
    String(member).startsWith(`serviceAccount:artifacts-${identity}@`);

/**
 * The roles of an identity in Google Cloud, each kind of place once.
 * @throws if the permissions of a role are not known.
 */
export function heldRoles(resources: readonly Declared[], identity: WorkflowIdentity): HeldRole[] {
  const own = new Map(
    resources
      .filter(({ type }) => type.endsWith(":IAMCustomRole"))
      .map(({ inputs }) => [
        `projects/${inputs["project"]}/roles/${inputs["roleId"]}`,
        inputs["permissions"] as string[],
      ]),
  );
  const roles = new Map<string, HeldRole>();
  for (const { type, name, inputs } of resources) {
    const members = [inputs["members"], inputs["member"]].flat();
    if (!/^gcp:.*IAM(Binding|Member)/i.test(type) || !members.some(isIdentity(identity))) continue;
    const role = String(inputs["role"]);
    const permissions = own.get(role) ?? predefined.get(role);
    if (permissions === undefined) throw new Error(`${name}: ${role} is not in local/providers/facts/roles.json`);
    const where = place(type, inputs);
    roles.set(`${role} ${where}`, { role, where, permissions });
  }
  return [...roles.values()].sort((a, b) => (`${a.where} ${a.role}` < `${b.where} ${b.role}` ? -1 : 1));
}

/** The actions of an identity's role in AWS, as its policy lists them: with patterns. */
export function heldActions(resources: readonly Declared[], identity: WorkflowIdentity): string[] {
  return resources
    .filter(
      ({ type, inputs }) => type === "aws:iam/rolePolicy:RolePolicy" && inputs["role"] === `artifacts-${identity}`,
    )
    .flatMap(({ inputs }) => (JSON.parse(String(inputs["policy"])) as { Statement: { Action: string[] }[] }).Statement)
    .flatMap(({ Action }) => Action);
}

/** Whether an action of AWS is allowed by patterns such as `s3:GetBucket*`. */
export function allowsAction(patterns: readonly string[], action: string): boolean {
  return patterns.some((one) => (one.endsWith("*") ? action.startsWith(one.slice(0, -1)) : action === one));
}

function place(type: string, inputs: Declared["inputs"]): string {
  const on = String(inputs["repository"] ?? inputs["bucket"] ?? "");
  if (type.startsWith("gcp:projects/")) return "the project";
  if (type.startsWith("gcp:kms/")) return "the state's key";
  if (type.startsWith("gcp:serviceaccount/"))
    return /\/artifacts-(fill|audit)@/.test(String(inputs["serviceAccountId"]))
      ? "the jobs' accounts"
      : "the redirector's account";
  if (type.startsWith("gcp:artifactregistry/")) return /^staging-/.test(on) ? "staging, images" : "production, images";
  if (on.endsWith("-state")) return "the state";
  if (on.endsWith("-redirector")) return "builds of the redirector";
  if (on.endsWith("-fill")) return "orders of the jobs";
  return /-staging-/.test(on) ? "staging, files" : "production, files";
}

/** What promotions and previews call in the stores, the CLI in the state, beside the providers (the clients are in components/promotion). */
const dataCalls: Readonly<Record<string, string>> = {
  "production, images":
    "artifactregistry.repositories.downloadArtifacts artifactregistry.repositories.uploadArtifacts artifactregistry.repositories.deleteArtifacts artifactregistry.tags.list artifactregistry.tags.create artifactregistry.tags.update artifactregistry.tags.delete artifactregistry.versions.delete artifactregistry.packages.list artifactregistry.dockerimages.list",
  "staging, images": "artifactregistry.repositories.downloadArtifacts artifactregistry.tags.list",
  "production, files": "storage.objects.create storage.objects.get storage.objects.list storage.objects.delete",
  "staging, files": "storage.objects.get storage.objects.list",
  "builds of the redirector": "storage.objects.create storage.objects.get storage.objects.delete",
  "the state": "storage.objects.create storage.objects.get storage.objects.list storage.objects.delete",
  "the state's key": "cloudkms.cryptoKeyVersions.useToDecrypt cloudkms.cryptoKeyVersions.useToEncrypt",
  "the redirector's account": "iam.serviceAccounts.actAs",
  "orders of the jobs": "storage.objects.create storage.objects.get storage.objects.list storage.objects.delete",
  "the jobs' accounts": "iam.serviceAccounts.actAs",
  // Who asks for a policy first asks for the project. `artifacts fill` starts the job, cancels it and looks at it, `artifacts status` looks. Promotions purge CDNs.
  "the project":
    "compute.urlMaps.invalidateCache logging.logEntries.create resourcemanager.projects.get run.executions.cancel run.executions.get run.executions.list run.jobs.run run.jobs.runWithOverrides",
};

/** The same in S3: the client's operations (components/promotion/storage/s3.ts) by the actions that the Service Authorization Reference names. */
export const dataActionsInS3 = [
  "s3:AbortMultipartUpload",
  "s3:DeleteObject",
  "s3:GetBucketVersioning",
  "s3:GetObject",
  "s3:GetObjectVersion", // a removed file is restored from its earlier version
  "s3:ListBucket",
  "s3:ListBucketMultipartUploads",
  "s3:ListBucketVersions",
  "s3:ListMultipartUploadParts",
  "s3:PutObject",
];

/** The operations of an identity on a type, of which only an owner changes some. */
export type Operations = (type: string) => readonly Operation[];

/** Permissions that the calls of the program need in Google Cloud, wherever. */
export function neededPermissions(types: Iterable<string>, operations: Operations): Set<string> {
  const calls = [...types].flatMap((type) => operations(type).flatMap((one) => callPermissions[type]?.[one] ?? []));
  return new Set(calls.map((permission) => permission.replace(/ \(.*\)$/, "")));
}

/** Permissions of a role that nothing here needs: what they are on, each with its verbs. `all`: nothing of that is needed. */
export function beyond(
  { where, permissions }: HeldRole,
  needed: ReadonlySet<string>,
): { readonly thing: string; readonly verbs: readonly string[]; readonly all: boolean }[] {
  const data = new Set((dataCalls[where] ?? "").split(" "));
  const things = new Map<string, string[]>();
  for (const permission of permissions) {
    const dot = permission.lastIndexOf(".");
    const thing = permission.slice(0, dot);
    things.set(thing, [...(things.get(thing) ?? []), permission.slice(dot + 1)]);
  }
  return [...things]
    .map(([thing, verbs]) => {
      const left = verbs.filter((verb) => {
        const permission = `${thing}.${verb}`;
        return !data.has(permission) && !(where === "the project" && needed.has(permission));
      });
      return { thing, verbs: left, all: left.length === verbs.length };
    })
    .filter(({ verbs }) => verbs.length > 0);
}

/** Why an identity has a role that allows more than it calls. */
export const reasons: Readonly<Record<string, string>> = {
  "roles/run.admin":
    "a service is open to callers without an account, as the load balancer is one: Google names this role for it (Cloud Run docs, “Allowing public access”). The project has no worker pools and instances, and of jobs those on mirrors alone, which `artifacts fill` and `audit` run, cancel and look at; `sshRoot` is no more than deploying, which decides what runs there",
  "roles/compute.loadBalancerAdmin":
    "Google's own list for load balancers: which `use` permissions a call needs is not documented. The project has no machines, disks, networks and regional load balancers",
  "roles/certificatemanager.editor":
    "Google's least role that makes certificates; it deletes nothing. The project has no trust configs and private authorities",
  "roles/logging.logWriter": "Google's least role that writes log lines",
  "roles/artifactregistry.repoAdmin":
    "Google's least role that removes images; the rest is of the same repository, and of formats that it does not have",
  "roles/artifactregistry.reader": "Google's least role that pulls",
  "roles/storage.objectUser":
    "Google's least role that writes and removes objects; these buckets have no folders. `restore` undoes a removal",
  "roles/storage.objectViewer": "Google's least role that lists objects",
  "roles/cloudkms.cryptoKeyEncrypterDecrypter": "Google's least role that encrypts; the rest tells where keys may be",
  "roles/cloudkms.cryptoKeyDecrypter": "Google's least role that decrypts; the rest tells where keys may be",
  "roles/iam.serviceAccountUser":
    "Google's least role that deploys what runs as this account: the redirector's has no rights, the fill's adds to mirrors, which `deploy` may too, the audit's reads them",
};

/** The same of actions in AWS. */
export const actionReasons: Readonly<Record<string, string>> = {
  "s3:GetBucket*": "reads of a bucket's settings: the provider asks for more of them in each of its versions",
  "s3:ListBucket*": "objects, versions and unfinished uploads of a bucket",
  "s3:GetObject*": "objects with their earlier versions, tags and checksums",
  "s3:PutObjectTagging": "tags of an object that is copied inside S3",
  "s3:TagResource": "tags of a bucket, by S3 Control's interface, which newer providers use",
  "s3:UntagResource": "the same",
  "s3:ListTagsForResource": "the same",
};

/** Types that only an owner of the project makes and changes. */
export const ownersTypes: ReadonlySet<string> = new Set([
  "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
  "aws:iam/role:Role",
  "aws:iam/rolePolicy:RolePolicy",
  "gcp:billing/budget:Budget",
  "gcp:iam/workloadIdentityPool:WorkloadIdentityPool",
  "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
  "gcp:kms/cryptoKeyIAMBinding:CryptoKeyIAMBinding",
  "gcp:logging/projectExclusion:ProjectExclusion",
  "gcp:projects/iAMAuditConfig:IAMAuditConfig",
  "gcp:projects/iAMBinding:IAMBinding",
  "gcp:projects/iAMCustomRole:IAMCustomRole",
  "gcp:projects/iAMMember:IAMMember",
  "gcp:projects/serviceIdentity:ServiceIdentity",
  "gcp:serviceaccount/account:Account",
  "gcp:serviceaccount/iAMBinding:IAMBinding",
]);

/** What an identity does with a type: `preview` reads, `deploy` reads and, unless it is an owner's, changes. */
export function operationsOf(identity: WorkflowIdentity): Operations {
  return (type) =>
    identity === "preview" || ownersTypes.has(type) ? ["read"] : ["create", "read", "update", "delete"];
}

/** The part of docs/rights.md: what the identities hold beyond what is called, and why. */
export function beyondPage(resources: readonly Declared[]): string {
  const types = new Set(resources.map(({ type }) => type));
  const rows = (["deploy", "preview"] as const).flatMap((identity) => {
    const needed = neededPermissions(types, operationsOf(identity));
    const roles = heldRoles(resources, identity).flatMap((held) => {
      const left = beyond(held, needed);
      if (left.length === 0) return [];
      const cell = [wholly(left), ...left.filter(({ all }) => !all).map(({ thing, verbs }) => inWords(thing, verbs))];
      const role = held.role.startsWith("roles/") ? held.role : `its own role, ${held.role.split("/").at(-1)}`;
      return [
        [`\`${identity}\``, `${role} on ${held.where}`, cell.filter(Boolean).join("; "), reasons[held.role] ?? ""],
      ];
    });
    const actions = actionsBeyond(resources, identity);
    const inAws = actions.map((action) => [`\`${identity}\``, "AWS", `\`${action}\``, actionReasons[action] ?? ""]);
    return [...roles, ...inAws];
  });
  return `## Beyond what is called

What the two identities hold and no call of the program, of its providers (\`local/providers/facts/permissions.json\`) or of its promotions needs, by Google's roles of
2026-08-22 and the policies in AWS. \`all of\`: nothing of that is called. \`test/graph/rights.test.ts\` holds the rest to the calls: nothing that is called is missing.

| who | by | what | why |
|---|---|---|---|
${rows.map((row) => `| ${row.join(" | ")} |`).join("\n")}
`;
}

/** Actions in AWS, as the policy lists them, that allow what nothing calls. */
export function actionsBeyond(resources: readonly Declared[], identity: WorkflowIdentity): string[] {
  const operations = operationsOf(identity);
  const types = new Set(resources.map(({ type }) => type));
  const calls = new Set([
    ...[...types].flatMap((type) => operations(type).flatMap((one) => callPermissions[type]?.[one] ?? [])),
    ...dataActionsInS3,
  ]);
  return heldActions(resources, identity).filter((action) => !calls.has(action));
}

function wholly(left: ReturnType<typeof beyond>): string {
  const services = new Map<string, string[]>();
  for (const { thing, all } of left) {
    if (!all) continue;
    const [service = "", what = ""] = thing.split(/\.(.*)/);
    services.set(service, [...(services.get(service) ?? []), what]);
  }
  return [...services].map(([service, things]) => `all of ${service}: ${things.join(", ")}`).join("; ");
}

function inWords(thing: string, verbs: readonly string[]): string {
  return `${thing}: ${verbs.join(", ")}`;
}
