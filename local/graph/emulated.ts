import { createHash } from "node:crypto";
import type { ResourceProvider } from "../../components/plugin/protocol.ts";
import { emulations } from "../providers/emulations.ts";
import { internalKeys, newId, outputsOf } from "../providers/outputs.ts";
import { type Emulation, emulatedProvider } from "../providers/provider.ts";
import { schemaOf } from "../providers/schema.ts";
import type { RecordedCloud } from "./record-program.ts";

/** The emulated provider of a type, which plans and checks without a cloud; undefined: the type is of none. */
export function providerOf(type: string): ResourceProvider | undefined {
  const emulation = emulationOf(type);
  if (emulation === undefined) return undefined;
  const known = providers.get(emulation.name);
  if (known !== undefined) return known;
  const provider = emulatedProvider(emulation, "http://no-cloud.invalid");
  void provider.configure?.({ project: "project", region: "region" }); // stand in for inputs that a program leaves to them
  providers.set(emulation.name, provider);
  return provider;
}

const providers = new Map<string, ResourceProvider>();

/** Clouds that make what is asked for, by the emulated providers. The same program gets the same ids and outputs in every run. */
export function recordedCloud(settings: Readonly<Record<string, unknown>>): RecordedCloud {
  const config = { project: settings["gcp:project"], region: settings["aws:region"] };
  return {
    made(type, name, inputs) {
      const emulation = emulationOf(type);
      if (emulation === undefined) return { id: name, outputs: {} };
      const kind = emulation.kind(type);
      const seed = createHash("sha256").update(`${type} ${name}`).digest("hex");
      const id = newId(kind, { inputs, config, seed });
      // What the rehearsal's cloud knows, because a registry of it answers there.
      const registryUri = `${String(inputs["location"])}-docker.pkg.dev/${String(inputs["project"])}/${String(inputs["repositoryId"])}`;
      const computed = {
        ...kind.outputs?.({ inputs, config, id, seed }),
        ...(type === "gcp:artifactregistry/repository:Repository" && { registryUri }),
        [internalKeys.seed]: seed,
        [internalKeys.created]: longAgo,
        [internalKeys.updated]: longAgo,
      };
      return { id, outputs: outputsOf({ type, id, inputs, computed, config }, kind, schemaOf(type)) };
    },
    called(token, args) {
      const call = emulationOf(token)?.functions[token];
      if (call === undefined) throw new Error(`the emulated providers do not have the function ${token}`);
      return call(args, config);
    },
  };
}

const longAgo = "2000-01-01T00:00:00.000Z";

function emulationOf(token: string): Emulation | undefined {
  const provider = token.slice(0, token.indexOf(":"));
  return Object.values(emulations).find(({ name }) => name === provider);
}
