/**
 * `npm run pulumi -- COMMAND ...`: runs a command of the Pulumi CLI on a running rehearsal. Of several stacks: the one that `--stack` names, else the one
 * that `stack select` chose, else the demo's. Another stack's config is that of its own file, Pulumi.<stack>.yaml.
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  projectRoot,
  type Rehearsal,
  readRehearsal,
  rehearsalFolder,
  stackRehearsalFolder,
} from "./rehearsal-folder.ts";
import { interruptCommands, Stack, type StackSource } from "./stack.ts";

const args = process.argv.slice(2);
const running = await find();
if (running === undefined) {
  console.error(
    `error: no rehearsal runs in ${rehearsalFolder()}: run npm start, or npm run rehearse for a stack of yours, then run this in another terminal`,
  );
  process.exit(1);
}
const { folder, rehearsal, name } = running;
const source = sourceOf(name);
if (source === "missing") {
  console.error(
    `error: there is no Pulumi.${name}.yaml, the config of stack ${name}: npm run init writes that of prod`,
  );
  process.exit(1);
}
const stack = new Stack(folder, rehearsal, source);
if (source !== undefined && !existsSync(stack.configFile)) await stack.configure(); // that of `npm run rehearse` is its own
if (source !== undefined && !/^(rm|select|init)$/.test(args[1] ?? "")) await stack.ensure();
// The terminal sends Ctrl-C to the CLI too, which stops the command cleanly: wait for it. A second one would end it at once.
process.on("SIGINT", () => {
  if (!process.stdin.isTTY) void interruptCommands("SIGINT");
});
const { code } = await stack.run(args, { interactive: true });
process.exitCode = code;

/** The rehearsal to run on, and the stack. */
async function find(): Promise<{ folder: string; rehearsal: Rehearsal; name: string } | undefined> {
  const demo = rehearsalFolder();
  const wanted = named() ?? (await selected(demo));
  const own = wanted === undefined ? await onlyStack(demo) : wanted;
  if (own !== undefined) {
    const rehearsal = await readRehearsal(stackRehearsalFolder(own));
    if (rehearsal !== undefined) return { folder: stackRehearsalFolder(own), rehearsal, name: own };
  }
  const rehearsal = await readRehearsal(demo);
  return rehearsal && { folder: demo, rehearsal, name: wanted ?? "local" };
}

/** The stack that the command line names by `--stack` or `-s`. */
function named(): string | undefined {
  const at = args.findIndex((argument) => /^(--stack|-s)(=|$)/.test(argument));
  return at < 0 ? undefined : (/=(.*)$/.exec(args[at] ?? "")?.[1] ?? args[at + 1]);
}

/** The stack that `stack select` chose, as the CLI remembers it in its home. */
async function selected(folder: string): Promise<string | undefined> {
  const workspaces = join(folder, "pulumi-home/workspaces");
  for (const file of await readdir(workspaces).catch(() => [])) {
    const { stack: chosen } = JSON.parse(await readFile(join(workspaces, file), "utf8")) as { stack?: string };
    if (chosen) return chosen.split("/").at(-1);
  }
  return undefined;
}

/** The stack that is rehearsed when the demo is not. */
async function onlyStack(demo: string): Promise<string | undefined> {
  if ((await readRehearsal(demo)) !== undefined) return undefined;
  for (const stackName of await readdir(join(demo, "stacks")).catch(() => []))
    if ((await readRehearsal(stackRehearsalFolder(stackName))) !== undefined) return stackName;
  return undefined;
}

/** Where the config of a stack comes from; undefined for the demo's. */
function sourceOf(stackName: string): StackSource | "missing" | undefined {
  if (stackName === "local") return undefined;
  const file = join(projectRoot, `Pulumi.${stackName}.yaml`);
  const rehearsed = join(folder, `Pulumi.${stackName}.yaml`);
  if (existsSync(file)) return { name: stackName, file };
  return existsSync(rehearsed) ? { name: stackName, file: rehearsed } : "missing";
}
