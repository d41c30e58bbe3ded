/** `npm run pulumi -- COMMAND ...`: runs a command of the Pulumi CLI on the running rehearsal's stack. */
import { readRehearsal, rehearsalFolder } from "./rehearsal-folder.ts";
import { Stack } from "./stack.ts";

const folder = rehearsalFolder();
const rehearsal = await readRehearsal(folder);
if (rehearsal === undefined) {
  console.error(`error: no rehearsal runs in ${folder}: run npm start, then run this in another terminal`);
  process.exit(1);
}
// The terminal sends Ctrl-C to the CLI too, which stops the command cleanly: wait for it.
process.on("SIGINT", () => {});
const { code } = await new Stack(folder, rehearsal).run(process.argv.slice(2), { interactive: true });
process.exitCode = code;
