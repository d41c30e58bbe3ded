import { setTimeout as sleep } from "node:timers/promises";
import type { Properties } from "../../plugin/properties.ts";
import type { ResourceProvider } from "../../plugin/protocol.ts";

/** Waits this many ms. Rejects with the signal's reason as soon as it is aborted. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<unknown>;

/** The clock's own. */
export const realPause: Pause = async (ms, signal) => {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted(); // Node's own error says only that "the operation was aborted"
    throw error;
  }
};

/**
 * What the providers of resources have in common that are nothing in a cloud: a run waits for something else in their creation.
 * @param stop aborted when the run is cancelled.
 * @param one the resource for people, and what a run does for it.
 * @param input the input that every such resource has: an import knows none.
 */
export function awaitedResource(
  stop: AbortController,
  one: { readonly name: string; readonly does: string; readonly input: string },
): Pick<ResourceProvider, "name" | "version" | "read" | "delete" | "cancel"> {
  return {
    name: "promotion",
    version: "0.1.0",

    async read({ id, inputs, outputs }): Promise<{ id: string; inputs: Properties; outputs: Properties }> {
      if (inputs[one.input] === undefined) throw new Error(`${one.name} cannot be imported: \`pulumi up\` ${one.does}`);
      return { id, inputs, outputs };
    },

    async delete() {},

    cancel() {
      stop.abort(new Error("stopped"));
    },
  };
}
