/** Runs the whole program, `index.ts`, without engine, credentials or cloud: under mocks that record what it declares. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as pulumi from "@pulumi/pulumi";

/** A resource as the program declares it. */
export interface Declared {
  /** `gcp:storage/bucket:Bucket`. */
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Names of the components that it belongs to, the outermost first. */
  readonly path: readonly string[];
  readonly protect: boolean;
  readonly component: boolean;
  /** Names of what a component registers as its outputs. */
  readonly outputs: readonly string[];
  /** Logical names of what it waits for by `dependsOn`. */
  readonly after: readonly string[];
}

let run = 0;

/** What the program declares and what it exports. */
export interface Program {
  readonly resources: readonly Declared[];
  /** The stack's outputs by name, without those that are undefined. */
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** What {@link runProgram} declares. */
export async function declare(
  config: Readonly<Record<string, unknown>>,
  manifests: Readonly<Record<string, string>>,
): Promise<readonly Declared[]> {
  return (await runProgram(config, manifests)).resources;
}

/**
 * What the program declares and exports for a stack's config (by full keys) and manifests (texts by path), sorted by type and name.
 * Throws what the program throws.
 */
export async function runProgram(
  config: Readonly<Record<string, unknown>>,
  manifests: Readonly<Record<string, string>>,
): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), "artifacts-graph-"));
  try {
    for (const [path, text] of Object.entries(manifests)) {
      const file = join(folder, "manifests", path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
    const archive = join(folder, "redirector.tar.gz");
    await writeFile(archive, "stands for the built redirector");
    return await record({
      ...config,
      "artifacts:manifests": join(folder, "manifests"),
      "artifacts:redirectorArchive": archive,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function record(config: Readonly<Record<string, unknown>>): Promise<Program> {
  const inputs = new Map<string, Readonly<Record<string, unknown>>>();
  const options = new Map<string, Omit<Declared, "type" | "name" | "inputs">>();
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs: given, custom }) => {
        inputs.set(key(type, name), given);
        return custom
          ? { id: idOf(type, name), state: { ...given, ...computed(type, given) } }
          : { id: "", state: given };
      },
      call: ({ token }) => {
        throw new Error(`the program asks the cloud: ${token}`);
      },
    },
    "artifacts",
    "test",
    false,
  );
  pulumi.runtime.setAllConfig(
    Object.fromEntries(
      Object.entries(config).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
    ),
  );
  const registered = new Map<pulumi.Resource, readonly string[]>();
  const { prototype } = pulumi.ComponentResource as unknown as { prototype: RegistersOutputs };
  const registerOutputs = prototype.registerOutputs;
  prototype.registerOutputs = function (this: pulumi.ComponentResource, outputs) {
    registered.set(this, Object.keys(outputs ?? {}));
    registerOutputs.call(this, outputs);
  };
  let exports: Readonly<Record<string, unknown>> = {};
  let failure: unknown;
  await pulumi.runtime.runInPulumiStack(async () => {
    pulumi.runtime.registerStackTransformation(({ type, name, opts, resource }) => {
      const parent = opts.parent && seen.get(opts.parent);
      const path = parent ? [...parent.path, parent.name] : [];
      seen.set(resource, { name, path });
      options.set(key(type, name), {
        path,
        protect: opts.protect ?? false,
        component: resource instanceof pulumi.ComponentResource,
        after: names(opts.dependsOn),
        get outputs() {
          return registered.get(resource) ?? [];
        },
      });
      return undefined;
    });
    // Each run evaluates the program anew. Thrown inside, an error would also be a rejection that nobody handles.
    await import(`../../../index.ts?run=${run++}`).then(
      (exported: Record<string, unknown>) => {
        exports = { ...exported };
      },
      (error: unknown) => {
        failure = error;
      },
    );
  });
  const outputs = await resolved(exports);
  await pulumi.runtime.disconnect();
  prototype.registerOutputs = registerOutputs;
  if (failure !== undefined) throw failure;
  const resources = [...inputs]
    .flatMap(([typeAndName, given]) => {
      const [type, name] = typeAndName.split(" ") as [string, string];
      const rest = options.get(typeAndName);
      return rest === undefined ? [] : [{ type, name, inputs: given, ...rest }]; // all but the stack itself
    })
    .sort((a, b) => (key(a.type, a.name) < key(b.type, b.name) ? -1 : 1));
  return { resources, outputs };
}

/** The values of outputs. */
function resolved(exported: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
  const given = Object.fromEntries(Object.entries(exported).filter(([, value]) => value !== undefined));
  return new Promise((resolve) => {
    pulumi.all(given).apply((values) => resolve(values as Record<string, unknown>));
  });
}

interface RegistersOutputs {
  registerOutputs(outputs?: Readonly<Record<string, unknown>>): void;
}

/** The id of a resource, by which others refer to it: things of different types often have one logical name. */
export function idOf(type: string, name: string): string {
  return `${type.slice(type.lastIndexOf(":") + 1)}/${name}`;
}

function key(type: string, name: string): string {
  return `${type} ${name}`;
}

/** What a transformation saw of a resource that others refer to; the stack itself is not in it. */
const seen = new WeakMap<pulumi.Resource, { readonly name: string; readonly path: readonly string[] }>();

function names(dependsOn: pulumi.ResourceOptions["dependsOn"]): string[] {
  if (dependsOn === undefined) return [];
  // A promise of resources is resolved before the program ends: its names are added then.
  if (dependsOn instanceof Promise) {
    const later: string[] = [];
    void dependsOn.then((list) => later.push(...names(list)));
    return later;
  }
  const list: readonly unknown[] = Array.isArray(dependsOn) ? dependsOn : [dependsOn];
  return list.map((item) => {
    if (!pulumi.Resource.isInstance(item)) throw new Error("dependsOn holds a promise or an output: give the resource");
    return seen.get(item)?.name ?? "?";
  });
}

/** What the cloud adds to a resource, as far as the program reads it. */
function computed(type: string, inputs: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const text = (name: string): string => String(inputs[name]);
  switch (type) {
    case "gcp:artifactregistry/repository:Repository":
      return {
        name: text("repositoryId"),
        registryUri: `${text("location")}-docker.pkg.dev/${text("project")}/${text("repositoryId")}`,
      };
    case "gcp:serviceaccount/account:Account": {
      const email = `${text("accountId")}@${text("project")}.iam.gserviceaccount.com`;
      return { email, member: `serviceAccount:${email}`, name: `projects/${text("project")}/serviceAccounts/${email}` };
    }
    case "gcp:projects/iAMCustomRole:IAMCustomRole":
      return { name: `projects/${text("project")}/roles/${text("roleId")}` };
    case "gcp:iam/workloadIdentityPool:WorkloadIdentityPool":
      return { name: `projects/1234/locations/global/workloadIdentityPools/${text("workloadIdentityPoolId")}` };
    case "gcp:certificatemanager/dnsAuthorization:DnsAuthorization":
      return {
        dnsResourceRecords: [
          {
            name: `_acme-challenge.${text("domain")}.`,
            type: "CNAME",
            data: "proof.authorize.certificatemanager.goog.",
          },
        ],
      };
    case "gcp:compute/globalAddress:GlobalAddress":
      return { address: text("ipVersion") === "IPV4" ? "192.0.2.1" : "2001:db8::1" };
    case "gcp:storage/bucketObject:BucketObject":
      return { generation: 1 };
    case "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig":
      return { uptimeCheckId: `check of ${text("displayName")}` };
    case "gcp:monitoring/notificationChannel:NotificationChannel":
      return { name: `projects/${text("project")}/notificationChannels/1` };
    case "gcp:monitoring/slo:Slo":
      return { name: `projects/1234/services/${text("service")}/serviceLevelObjectives/${text("sloId")}` };
    case "gcp:monitoring/customService:CustomService":
      return { name: `projects/1234/services/${text("serviceId")}` };
    case "aws:iam/openIdConnectProvider:OpenIdConnectProvider":
      return { arn: `arn:aws:iam::123456789012:oidc-provider/${text("url").replace("https://", "")}` };
    case "aws:s3/bucket:Bucket":
      return { arn: `arn:aws:s3:::${text("bucket")}` };
    default:
      return {};
  }
}
