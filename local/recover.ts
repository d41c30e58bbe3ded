/**
 * After a kill -9 of a rehearsal in the middle of an `up`: the emulated cloud may have resources that the state does not know, and
 * the state has operations that it does not know the end of. Production would adopt (README); the rehearsal takes back what was begun.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
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

/** Makes state and cloud agree again. @param control address of the control API. */
export async function recover(stack: Stack, control: string): Promise<void> {
  const path = join(stack.folder, "state/.pulumi/stacks/artifacts/local.json");
  const { resources = [], pending_operations: pending = [] } =
    (JSON.parse(await readFile(path, "utf8")) as State).checkpoint.latest ?? {};
  const known = new Set(resources.map(({ type, id }) => `${type} ${id}`));
  const response = await fetch(`${control}/v1/resources`);
  const present = (await response.json()) as { type: string; id: string }[];
  for (const { type, id } of present.filter((one) => !known.has(`${one.type} ${one.id}`))) {
    const removed = await fetch(`${control}/v1/resources?${new URLSearchParams({ type, id })}`, { method: "DELETE" });
    if (!removed.ok)
      throw new Error(`${type} ${id} is not in the state, and cannot be removed: ${await removed.text()}`);
    say(`took back what a killed run had begun: ${type} ${id}`);
  }
  if (pending.length === 0) return;
  say(`${pending.length} operation(s) of a killed run: pulumi refresh --clear-pending-creates`);
  const ended = await stack.run(["refresh", "--yes", "--skip-preview", "--clear-pending-creates"], { quiet: true });
  if (ended.code !== 0) throw new Error(`pulumi refresh failed:\n${ended.output}`);
}
