import { execFile } from "node:child_process";
import { readFile, rename, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { Command } from "@commander-js/extra-typings";
import { readStackFile, stackProblemLine } from "../stack/stack-file.ts";
import { CommandError, UsageError } from "./command.ts";
import { printJson, printNote, printResult } from "./output.ts";
import { changesSince, mendState, type ReleaseChange } from "./release-changes.ts";

/** `artifacts upgrade`. */
export const upgradeCommand = new Command("upgrade")
  .summary("say what a fork has to do after it merged a newer release")
  .description(
    "Says what a fork has to do between the release that it deployed last and this one: keys of the config that have another name, and what has to be mended in the stack's state, with the commands. With --state it mends an exported state.",
  )
  .option("--from <version>", "the release that was deployed last (default that of before the last merge, by git)")
  .option("--stack <name>", "the stack, in Pulumi.NAME.yaml", "prod")
  .option("--state <file>", "mend this export of the stack's state (pulumi stack export --file), in place")
  .option("--json", 'one JSON document: {"from", "config": [...], "state": [...]}')
  .action(async (values) => {
    const from = values.from ?? (await versionBeforeMerge());
    if (!/^\d+\.\d+\.\d+$/.test(from)) throw new UsageError(`--from is a version such as 0.2.0, not ${from}`);
    const changes = changesSince(from);
    if (values.state !== undefined) return await mendFile(values.state, changes);
    const file = `Pulumi.${values.stack}.yaml`;
    const config = await configProblems(file);
    printJson({ from, config, state: changes.map(({ title }) => title) });
    printNote(`From ${from} to this release:`);
    for (const line of config) printResult(line);
    for (const { title } of changes) printResult(`${title}. Before the first pulumi up:`);
    if (changes.length > 0) {
      printResult(`  pulumi stack export --stack ${values.stack} --file state.json`);
      printResult(`  npm run upgrade -- --from ${from} --state state.json`);
      printResult(`  pulumi stack import --stack ${values.stack} --file state.json`);
    }
    if (config.length + changes.length === 0) printNote("Nothing to do by hand.");
    printNote(`Then: npm run rehearse -- --stack ${values.stack}, and the preview of the pull request shows the rest.`);
  });

/** What the check of the config finds: keys with another name, and mistakes. */
async function configProblems(file: string): Promise<readonly string[]> {
  const read = await readStackFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw new CommandError(`there is no ${file}: name the stack with --stack`);
    throw error;
  });
  return ("errors" in read ? read.errors : read.warnings).map(stackProblemLine);
}

async function mendFile(file: string, changes: readonly ReleaseChange[]): Promise<void> {
  const exported = await readFile(file, "utf8").catch(() => {
    throw new CommandError(`${file} cannot be read: pulumi stack export --file ${file} writes it`);
  });
  const { state, mended } = mendState(exported, changes);
  if (mended.length > 0) {
    await writeFile(`${file}.new`, state, { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
  for (const urn of mended) printResult(`mended ${urn}`);
  printNote(
    mended.length === 0 ? `${file}: nothing to mend` : `${file}: written; pulumi stack import --file ${file} takes it`,
  );
}

/** The version of this program before the last merge, which git remembers as ORIG_HEAD. */
async function versionBeforeMerge(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)("git", ["show", "ORIG_HEAD:package.json"]);
    return (JSON.parse(stdout) as { version: string }).version;
  } catch {
    throw new UsageError("--from VERSION is required: git does not know what was before the last merge");
  }
}
