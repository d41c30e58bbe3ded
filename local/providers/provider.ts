import { randomBytes } from "node:crypto";
import { compareInputs, type Properties, unknown } from "../../components/plugin/properties.ts";
import { AlreadyExists, type Diff, type ResourceProvider } from "../../components/plugin/protocol.ts";
import { sdkVersion } from "../../components/plugin/sdk-version.ts";
import type { Resource, Values } from "../cloud/inventory.ts";
import { forComparison } from "./assets.ts";
import { checkInputs } from "./check-inputs.ts";
import { CloudClient, CloudError } from "./cloud-client.ts";
import { emptyBinding, isFoundWhenGone } from "./empty-binding.ts";
import { findImported } from "./import.ts";
import { idInputs, type ResourceKind, resourceId, type Subject } from "./kind.ts";
import { internalKeys, newId, outputsOf, plannedOutputs, plannedUpdate } from "./outputs.ts";
import { planChange } from "./plan-change.ts";
import { schemaOf } from "./schema.ts";
import { typeFacts } from "./type-facts.ts";

/** A function of a provider: arguments and the provider's settings to the result. */
export type ProviderFunction = (args: Properties, config: Values) => Properties;

/** The parts of an emulated provider that differ between clouds. */
export interface Emulation {
  /** `gcp`, `aws`, `cloudflare`. */
  readonly name: string;
  readonly kind: (token: string) => ResourceKind;
  /** Functions by token, e.g. `aws:iam/getPolicyDocument:getPolicyDocument`. */
  readonly functions: Readonly<Record<string, ProviderFunction>>;
  /** The forms of an import's id that a provider adds to those of every type. */
  readonly importedId?: (id: string) => string;
  /** Inputs as the cloud stores them and an import reads them, where they differ from what was asked for. */
  readonly stored?: (type: string, inputs: Values) => Values;
}

/**
 * An emulated provider: works between the engine and the emulated cloud as the real one does. Generic for every type of the SDK, except for the
 * rules in `emulation`.
 * @param address URL of the emulated cloud's control API.
 */
export function emulatedProvider(emulation: Emulation, address: string): ResourceProvider {
  const cloud = new CloudClient(address);
  let config: Values = {};
  const failuresOf = (type: string, kind: ResourceKind, inputs: Properties): string[] => {
    const facts = typeFacts(type);
    if (facts !== undefined) {
      return checkInputs(facts, inputs, new Set(Object.keys(config))).map((problem) => `${type}: ${problem}`);
    }
    const missing = new Set([...(schemaOf(type)?.required ?? []), ...(kind.required ?? [])]);
    return [...missing]
      .filter((property) => !isGiven(inputs[property]) && !isGiven(config[property]))
      .map((property) => `${type}: Missing required property '${property}'`);
  };
  return {
    name: emulation.name,
    version: sdkVersion(emulation.name),

    configure(settings) {
      config = { ...settingsOf(settings), __folder: process.cwd() };
    },

    check({ type, name, olds, news }) {
      const kind = emulation.kind(type);
      const schema = schemaOf(type);
      const inputs = kind.normalise?.(news) ?? news;
      const named = kind.named === undefined ? optionalName(schema) : kind.named;
      const complete =
        named === null || named === undefined || isGiven(inputs[named])
          ? inputs
          : { ...inputs, [named]: automaticName(name, named, olds), __defaults: [named] };
      return { inputs: complete, failures: failuresOf(type, kind, complete) };
    },

    diff({ type, id, oldInputs, news }): Diff {
      const kind = emulation.kind(type);
      const facts = typeFacts(type);
      // The provider's own settings stand in for these.
      const stand = facts && "project" in facts.properties ? { project: config["project"] } : {};
      const [before, after] = [oldInputs, news].map((inputs) =>
        forComparison({ ...stand, ...inputs, __defaults: null }),
      );
      const subject: Subject = { inputs: news, config, id: "", seed: "" };
      if (facts !== undefined) {
        const { changed, replaces, refused } = planChange(facts, before ?? {}, after ?? {});
        if (refused !== undefined) throw new Error(`${type}: ${refused}`);
        const first = facts.deleteBeforeReplace === true || resourceId(kind, subject) === id;
        return { changed, replaces, deleteBeforeReplace: replaces.length > 0 && first };
      }
      const changed = compareInputs(before ?? {}, after ?? {});
      const fixed = [...idInputs(kind), ...(kind.replaces ?? [])];
      const replaces = changed.filter((name) =>
        kind.updatable ? !kind.updatable.includes(name) : fixed.includes(name),
      );
      return { changed, replaces, deleteBeforeReplace: replaces.length > 0 && resourceId(kind, subject) === id };
    },

    async create({ type, inputs, preview }) {
      const kind = emulation.kind(type);
      const schema = schemaOf(type);
      if (preview) return { id: "", outputs: plannedOutputs(inputs, config, kind, schema) };
      const seed = randomBytes(32).toString("hex");
      const id = newId(kind, { inputs, config, seed });
      const now = new Date().toISOString();
      const drawn = { [internalKeys.seed]: seed, [internalKeys.created]: now, [internalKeys.updated]: now };
      const computed = { ...kind.outputs?.({ inputs, config, id, seed }), ...drawn };
      try {
        const made = await cloud.create({ type, id, inputs, computed, config }, kind.adopts ?? false);
        return { id, outputs: outputsOf(made, kind, schema) };
      } catch (error) {
        if (!(error instanceof CloudError) || error.status !== 409) throw error;
        throw new AlreadyExists(kind.exists?.({ inputs, config, id, seed }) ?? error.message);
      }
    },

    async update({ type, id, olds, oldInputs, inputs, preview }) {
      const kind = emulation.kind(type);
      const schema = schemaOf(type);
      if (preview) {
        const computed = Object.fromEntries(Object.entries(olds).filter(([name]) => !(name in oldInputs)));
        return { outputs: plannedUpdate({ type, id, inputs, computed, config }, kind, schema) };
      }
      const refused = refusedLate(type, oldInputs, inputs);
      if (refused !== undefined)
        throw new Error(`googleapi: Error 404: ${refused} ${String(inputs[refused])} does not exist, notFound`);
      const seed = String(olds[internalKeys.seed] ?? "");
      const computed = {
        ...kind.outputs?.({ inputs, config, id, seed }),
        [internalKeys.updated]: new Date().toISOString(),
      };
      const wanted = { type, id, inputs, computed, config };
      const made = await cloud.update(wanted).catch((error: unknown) => {
        const setsMembers = error instanceof CloudError && error.status === 404 && isFoundWhenGone(type, inputs);
        if (!setsMembers) throw error;
        return cloud.create(wanted, true);
      });
      return { outputs: outputsOf(made, kind, schema) };
    },

    async read({ type, id, inputs: olds }) {
      const [kind, schema, facts] = [emulation.kind(type), schemaOf(type), typeFacts(type)];
      const outputs = (resource: Resource): Properties => outputsOf(resource, kind, schema);
      // Only an import asks without inputs.
      if (facts !== undefined && Object.keys(olds).length === 0) {
        const asked = emulation.importedId?.(id) ?? id;
        const imported = findImported(type, facts, asked, await cloud.list(type), outputs);
        const inputs = imported && (emulation.stored?.(type, imported.inputs) ?? imported.inputs);
        return imported && inputs && { id: imported.resource.id, inputs, outputs: outputs(imported.resource) };
      }
      const found = await cloud.find(type, id);
      if (found === undefined) {
        const inputs = await emptyBinding(cloud, type, id, olds);
        return inputs && { id, inputs, outputs: outputs({ type, id, inputs, computed: {}, config }) };
      }
      // What the cloud does not store stays as the state has it.
      const lost = facts?.notReadOnImport ?? [];
      const stored = Object.entries(found.inputs).filter(([name]) => !lost.includes(name));
      const own = Object.entries(olds).filter(([name]) => lost.includes(name));
      return { id, inputs: Object.fromEntries([...stored, ...own]), outputs: outputs(found) };
    },

    async delete({ type, id }) {
      await cloud.delete(type, id);
    },

    async invoke(token, args) {
      const call = emulation.functions[token];
      if (call === undefined) {
        throw new Error(
          `The emulated ${emulation.name} provider does not have the function ${token}: add it to local/providers/${emulation.name}.ts.`,
        );
      }
      return call(args, config);
    },
  };
}

/** An input whose change is planned as an update, for which the provider then asks the cloud under the new value, where nothing is. */
function refusedLate(type: string, olds: Properties, news: Properties): string | undefined {
  const late = Object.entries(typeFacts(type)?.onChange ?? {}).filter(([, what]) => what === "update, then refused");
  return late.map(([input]) => input).find((input) => olds[input] !== news[input]);
}

/** The settings that outputs and ids depend on. The emulation needs no credentials. */
const settings = ["project", "region", "zone", "defaultLabels", "defaultTags"];

/** Parses the provider's settings. The engine passes every setting that is not a text as JSON. */
function settingsOf(config: Properties): Values {
  return Object.fromEntries(
    settings
      .filter((name) => isGiven(config[name]))
      .map((name) => {
        const value = config[name];
        return [name, typeof value === "string" && /^[{[]/.test(value) ? (JSON.parse(value) as unknown) : value];
      }),
  );
}

/** The property that gets an automatic name: `name` if it is optional, as in the bridged providers. */
function optionalName(schema: ReturnType<typeof schemaOf>): string | undefined {
  if (schema === undefined || !schema.inputs.has("name") || schema.required.includes("name")) return undefined;
  return schema.outputs.get("name")?.optional === false ? "name" : undefined;
}

/** The previous automatic name, or the logical name with seven random digits. */
function automaticName(logicalName: string, property: string, olds: Properties): unknown {
  const kept = (olds["__defaults"] as string[] | undefined)?.includes(property) ? olds[property] : undefined;
  return kept ?? `${logicalName.toLowerCase()}-${randomBytes(4).toString("hex").slice(0, 7)}`;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && (value === unknown || value !== "");
}
