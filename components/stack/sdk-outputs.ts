/**
 * The SDK makes an output of each property that a resource's class has, some thirty for a bucket, and a dozen promises for each output. This program
 * reads two of a bucket's. For 5,600 resources (eight times k8s.io) the others were a third of the program's processor time, most of it in the garbage collector.
 */
import { createRequire } from "node:module";

type Resolve = (...settled: readonly unknown[]) => void;
type Resolvers = Record<string, Resolve>;
type Transfer = (resource: object, label: string, properties: Readonly<Record<string, unknown>>) => Resolvers;

/** Makes the SDK make an output when it is read first. What is read is the SDK's own output, settled as it would have been. */
export function makeOutputsOnDemand(): void {
  const rpc = createRequire(import.meta.url)("@pulumi/pulumi/runtime/rpc.js") as { transferProperties: Transfer };
  const transfer = rpc.transferProperties;
  rpc.transferProperties = (resource, label, properties) => {
    const resolvers: Resolvers = {};
    for (const name of Object.keys(properties)) {
      const make = (): Resolvers => transfer(resource, label, { [name]: properties[name] });
      // The SDK's own properties, and what it refuses.
      if (name === "id" || name === "urn" || Object.hasOwn(resource, name)) Object.assign(resolvers, make());
      else resolvers[name] = onDemand(resource, name, make);
    }
    return resolvers;
  };
}

/** Puts a getter in the place of an output. @param make puts the output there and returns what settles it. @returns what settles it, made or not. */
function onDemand(resource: object, name: string, make: () => Resolvers): Resolve {
  let settled: readonly unknown[] | undefined;
  let resolve: Resolve | undefined;
  Object.defineProperty(resource, name, {
    configurable: true,
    enumerable: true,
    get() {
      Reflect.deleteProperty(resource, name);
      resolve = make()[name];
      if (settled !== undefined) resolve?.(...settled);
      return Reflect.get(resource, name) as unknown;
    },
    set(value: unknown) {
      Object.defineProperty(resource, name, { configurable: true, enumerable: true, writable: true, value });
    },
  });
  return (...values) => {
    settled = values;
    resolve?.(...values);
  };
}
