/** `npm run pulumi -- COMMAND ...`: any command of the CLI, on the running rehearsal's stack. */
import { readRehearsal, rehearsalFolder } from "./rehearsal-folder.ts";
import { Stack } from "./stack.ts";

const folder = rehearsalFolder();
const rehearsal = await readRehearsal(folder);
if (rehearsal === undefined) {
  console.error(`error: no rehearsal runs in ${folder}: start one with npm start, and run this in another terminal`);
  process.exit(1);
}
// The terminal sends ^C to the CLI too, which then ends the command cleanly: wait for it.
process.on("SIGINT", () => {});
const { code } = await new Stack(folder, rehearsal).run(process.argv.slice(2), { interactive: true });
process.exitCode = code;
