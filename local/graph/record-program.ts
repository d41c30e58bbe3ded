/** Runs the whole program, `index.ts`, without engine, credentials or cloud: under mocks that record what it declares. */
import type * as pulumi from "@pulumi/pulumi";

/** A resource as the program declares it. */
export interface Declared {
  /** `gcp:storage/bucket:Bucket`. */
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Its type, with those of the components that it belongs to, and its name: what the engine knows it by. */
  readonly urn: string;
  /** What the engine may know it by from before: its `aliases`, and those that it inherits from the components that it belongs to. */
  readonly formerUrns: readonly string[];
  /** Names of the components that it belongs to, the outermost first. */
  readonly path: readonly string[];
  readonly protect: boolean;
  /** Whether it stays in the cloud when the stack lets go of it (`retainOnDelete`). */
  readonly retained: boolean;
  readonly component: boolean;
  /** Names of what a component registers as its outputs. */
  readonly outputs: readonly string[];
  /** Logical names of what it waits for by `dependsOn`. */
  readonly after: readonly string[];
}

/** What the program declares and what it exports. */
export interface Program {
  readonly resources: readonly Declared[];
  /** The stack's outputs by name, without those that are undefined. */
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** What stands for the clouds while the program is recorded. */
export interface RecordedCloud {
  /** The id of a resource, and what the cloud adds to its inputs. */
  readonly made: (
    type: string,
    name: string,
    inputs: Readonly<Record<string, unknown>>,
  ) => { readonly id: string; readonly outputs: Readonly<Record<string, unknown>> };
  /** The result of a function of a provider. @throws Error if the program may not call it. */
  readonly called: (token: string, args: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
}

/**
 * What the program declares and exports, sorted by type and name. Throws what the program throws.
 * @param sdk the SDK that the program loads: of another checkout, another one.
 * @param load evaluates the program.
 * @param config by full keys.
 */
export async function recordProgram(
  sdk: typeof pulumi,
  load: () => Promise<Readonly<Record<string, unknown>>>,
  config: Readonly<Record<string, unknown>>,
  stack: string,
  cloud: RecordedCloud,
): Promise<Program> {
  const made = (type: string, name: string, given: Readonly<Record<string, unknown>>) => {
    const { id, outputs } = cloud.made(type, name, given);
    return { id, state: { ...given, ...outputs } };
  };
  const inputs = new Map<string, Readonly<Record<string, unknown>>>();
  const options = new Map<string, Omit<Declared, "type" | "name" | "inputs">>();
  await sdk.runtime.setMocks(
    {
      newResource: ({ type, name, inputs: given, custom }) => {
        inputs.set(key(type, name), given);
        return custom ? made(type, name, given) : { id: "", state: given };
      },
      call: ({ token, inputs: args }) => cloud.called(token, args),
    },
    "artifacts",
    stack,
    false,
  );
  sdk.runtime.setAllConfig(
    Object.fromEntries(
      Object.entries(config).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
    ),
  );
  const registered = new Map<pulumi.Resource, readonly string[]>();
  const { prototype } = sdk.ComponentResource as unknown as { prototype: RegistersOutputs };
  const registerOutputs = prototype.registerOutputs;
  prototype.registerOutputs = function (this: pulumi.ComponentResource, outputs) {
    registered.set(this, Object.keys(outputs ?? {}));
    registerOutputs.call(this, outputs);
  };
  let exports: Readonly<Record<string, unknown>> = {};
  let failure: unknown;
  await sdk.runtime.runInPulumiStack(async () => {
    sdk.runtime.registerStackTransformation(({ type, name, opts, resource }) => {
      const parent = opts.parent && seen.get(opts.parent);
      const path = parent ? [...parent.path, parent.name] : [];
      const kinds = parent ? `${parent.kinds}$${type}` : type;
      const formerly = [...ownFormer(type, name, parent, opts.aliases), ...inheritedFormer(type, name, parent)];
      seen.set(resource, { name, path, kinds, formerly });
      options.set(key(type, name), {
        urn: `${kinds}::${name}`,
        formerUrns: formerly.map((former) => `${former.kinds}::${former.name}`),
        path,
        protect: opts.protect ?? false,
        retained: (opts as pulumi.CustomResourceOptions).retainOnDelete ?? false,
        component: resource instanceof sdk.ComponentResource,
        after: names(sdk, opts.dependsOn),
        get outputs() {
          return registered.get(resource) ?? [];
        },
      });
      return undefined;
    });
    // Each run evaluates the program anew. Thrown inside, an error would also be a rejection that nobody handles.
    await load().then(
      (exported) => {
        exports = { ...exported };
      },
      (error: unknown) => {
        failure = error;
      },
    );
  });
  const outputs = await resolved(sdk, exports);
  await sdk.runtime.disconnect();
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
function resolved(
  sdk: typeof pulumi,
  exported: Readonly<Record<string, unknown>>,
): Promise<Readonly<Record<string, unknown>>> {
  const given = Object.fromEntries(Object.entries(exported).filter(([, value]) => value !== undefined));
  return new Promise((resolve) => {
    sdk.all(given).apply((values) => resolve(values as Record<string, unknown>));
  });
}

interface RegistersOutputs {
  registerOutputs(outputs?: Readonly<Record<string, unknown>>): void;
}

function key(type: string, name: string): string {
  return `${type} ${name}`;
}

/** What a transformation saw of a resource that others refer to; the stack itself is not in it. */
const seen = new WeakMap<pulumi.Resource, Seen>();

interface Seen extends Identity {
  readonly path: readonly string[];
  readonly formerly: readonly Identity[];
}

/** What the engine knows a resource by: its type, with those of the components that it belongs to, and its name. */
interface Identity {
  readonly kinds: string;
  readonly name: string;
}

/** What the aliases of a resource's own options say. One that is a promise or an output is not known here. */
function ownFormer(
  type: string,
  name: string,
  parent: Seen | undefined,
  aliases: pulumi.ResourceOptions["aliases"],
): Identity[] {
  const list: readonly unknown[] = Array.isArray(aliases) ? aliases : [];
  return list.flatMap((alias): Identity[] => {
    if (typeof alias === "string") {
      const [, , kinds, formerName] = alias.split("::");
      return kinds === undefined || formerName === undefined ? [] : [{ kinds, name: formerName }];
    }
    if (typeof alias !== "object" || alias === null || alias instanceof Promise || "apply" in alias) return [];
    const former = alias as { name?: unknown; type?: unknown; parent?: unknown };
    const formerType = typeof former.type === "string" ? former.type : type;
    const kinds = "parent" in former ? parentKinds(former.parent) : parent?.kinds;
    return [
      {
        kinds: kinds === undefined ? formerType : `${kinds}$${formerType}`,
        name: typeof former.name === "string" ? former.name : name,
      },
    ];
  });
}

/** The kinds of an alias' parent: a resource, or its URN; undefined is the stack. */
function parentKinds(parent: unknown): string | undefined {
  if (typeof parent === "string") return parent.split("::")[2];
  return seen.get(parent as pulumi.Resource)?.kinds;
}

/** A component that had another identity had its children below that; their names begin with its name (the SDK's `inheritedChildAlias`). */
function inheritedFormer(type: string, name: string, parent: Seen | undefined): Identity[] {
  return (parent?.formerly ?? []).map((former) => ({
    kinds: `${former.kinds}$${type}`,
    name: name.startsWith(parent!.name) ? `${former.name}${name.slice(parent!.name.length)}` : name,
  }));
}

function names(sdk: typeof pulumi, dependsOn: pulumi.ResourceOptions["dependsOn"]): string[] {
  if (dependsOn === undefined) return [];
  // A promise of resources is resolved before the program ends: its names are added then.
  if (dependsOn instanceof Promise) {
    const later: string[] = [];
    void dependsOn.then((list) => later.push(...names(sdk, list)));
    return later;
  }
  const list: readonly unknown[] = Array.isArray(dependsOn) ? dependsOn : [dependsOn];
  return list.map((item) => {
    if (!sdk.Resource.isInstance(item)) throw new Error("dependsOn holds a promise or an output: give the resource");
    return seen.get(item)?.name ?? "?";
  });
}
