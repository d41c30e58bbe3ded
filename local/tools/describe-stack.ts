/**
 * `node local/tools/describe-stack.ts`: what another program needs to work on the running rehearsal's stack, as JSON: the environment variables
 * that differ from its own, the arguments of the Pulumi CLI, the stack's config file, and a fresh export of its state.
 */
import { delimiter, dirname, join } from "node:path";
import { readRehearsal, rehearsalFolder } from "./rehearsal-folder.ts";
import { Stack } from "./stack.ts";
import { ensureEngine } from "./tools.ts";

const folder = rehearsalFolder();
const rehearsal = await readRehearsal(folder);
if (rehearsal === undefined) {
  console.error(`no rehearsal runs in ${folder}: run npm start, then run this in another terminal`);
  process.exit(1);
}
const stack = new Stack(folder, rehearsal);
const state = join(folder, "exported.json");
const { code, output } = await stack.run(["stack", "export", "--file", state], { quiet: true });
if (code !== 0) {
  console.error(`the rehearsal's state cannot be read:\n${output}`);
  process.exit(1);
}
const engine = await ensureEngine(() => {});
const environment = stack.environment();
environment["PATH"] = [dirname(engine.path), environment["PATH"]].join(delimiter);
const changed = Object.entries(environment).filter(([name, value]) => process.env[name] !== value);
const config = join(folder, "Pulumi.local.yaml");
console.log(JSON.stringify({ environment: Object.fromEntries(changed), config, state }));
