/**
 * Recovers from a kill -9 of a rehearsal during an `up`. The emulated cloud may have resources that the state does not list, and the state
 * may have operations with an unknown outcome. In production an operator adopts the resources (docs/operating.md); the rehearsal deletes them.
 */
import { readFile } from "node:fs/promises";
import { say } from "./screen.ts";
import type { Stack } from "./tools/stack.ts";

interface State {
  readonly checkpoint: {
    readonly latest?: {
      readonly resources?: readonly { readonly type: string; readonly id?: string }[];
      readonly pending_operations?: readonly { readonly resource: { readonly urn: string } }[];
    };
  };
}

/** Makes the state and the cloud consistent again. @param control address of the control API. */
export async function recover(stack: Stack, control: string): Promise<void> {
  const { resources = [], pending_operations: pending = [] } =
    (JSON.parse(await readFile(stack.stateFile, "utf8")) as State).checkpoint.latest ?? {};
  const inState = new Set(resources.map(({ type, id }) => `${type} ${id}`));
  const response = await fetch(`${control}/v1/resources`);
  const present = (await response.json()) as { type: string; id: string }[];
  for (const { type, id } of present.filter((one) => !inState.has(`${one.type} ${one.id}`))) {
    const removed = await fetch(`${control}/v1/resources?${new URLSearchParams({ type, id })}`, { method: "DELETE" });
    if (!removed.ok)
      throw new Error(`${type} ${id} is not in the state and cannot be deleted: ${await removed.text()}`);
    say(`deleted a resource that a killed run left outside the state: ${type} ${id}`);
  }
  if (pending.length === 0) return;
  say(`${pending.length} pending operation(s) of a killed run: pulumi refresh --clear-pending-creates`);
  const ended = await stack.run(["refresh", "--yes", "--skip-preview", "--clear-pending-creates"], { quiet: true });
  if (ended.code !== 0) throw new Error(`pulumi refresh failed:\n${ended.output}`);
}
