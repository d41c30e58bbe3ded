import { execFile } from "node:child_process";
import { readFile, rename, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { Command } from "@commander-js/extra-typings";
import { loadManifests } from "../manifests/load.ts";
import { problemLine } from "../manifests/problem.ts";
import type { StackConfig } from "../stack/config.ts";
import { readStackFile, stackProblemLine } from "../stack/stack-file.ts";
import { stackRules } from "../staging/stack-rules.ts";
import { CommandError, UsageError } from "./command.ts";
import { printJson, printNote, printResult } from "./output.ts";
import { changesSince, mendState, type ReleaseChange } from "./release-changes.ts";

/** `artifacts upgrade`. */
export const upgradeCommand = new Command("upgrade")
  .summary("say what a fork has to do after it merged a newer release")
  .description(
    "Says what a fork has to do between the release that it deployed last and this one: keys of the config that have another name, mistakes that the manifests have by new rules, what has to be mended in the stack's state, and what is done by hand, with the commands. With --state it mends an exported state.",
  )
  .option("--from <version>", "the release that was deployed last (default that of before the last merge, by git)")
  .option("--stack <name>", "the stack, in Pulumi.NAME.yaml", "prod")
  .option("--state <file>", "mend this export of the stack's state (pulumi stack export --file), in place")
  .option(
    "--json",
    'one JSON document: {"from", "config": [line], "manifests": [line], "state": [title], "byHand": [{title, commands}]}',
  )
  .action(async (values) => {
    const from = values.from ?? (await versionBeforeMerge());
    if (!/^\d+\.\d+\.\d+$/.test(from)) throw new UsageError(`--from is a version such as 0.2.0, not ${from}`);
    const changes = changesSince(from);
    if (values.state !== undefined) return await mendFile(values.state, changes);
    const stack = await readStack(`Pulumi.${values.stack}.yaml`);
    const manifests = await manifestProblems(stack.config);
    const state = changes.filter(({ mend }) => mend !== undefined);
    const filled = (text: string): string =>
      text.replaceAll("{stack}", values.stack).replaceAll("{repository}", stack.config?.repository ?? "OWNER/NAME");
    const byHand = changes
      .filter(({ mend }) => mend === undefined)
      .map(({ title, commands = [] }) => ({ title, commands: commands.map(filled) }));
    printJson({ from, config: stack.problems, manifests, state: state.map(({ title }) => title), byHand });
    printNote(`From ${from} to this release:`);
    for (const line of [...stack.problems, ...manifests]) printResult(line);
    for (const { title } of state) printResult(`${title}. Before the first pulumi up:`);
    if (state.length > 0) {
      printResult(`  pulumi stack export --stack ${values.stack} --file state.json`);
      printResult(`  npm run upgrade -- --from ${from} --state state.json`);
      printResult(`  pulumi stack import --stack ${values.stack} --file state.json`);
    }
    for (const { title, commands } of byHand) printResult([`${title}:`, ...commands].join("\n  "));
    if (stack.problems.length + manifests.length + changes.length === 0) printNote("Nothing to do by hand.");
    printNote(`Then: npm run rehearse -- --stack ${values.stack}, and the preview of the pull request shows the rest.`);
  });

/** The config if it is usable, and what its check finds: keys with another name, and mistakes. */
async function readStack(file: string): Promise<{ config?: StackConfig; problems: readonly string[] }> {
  const read = await readStackFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw new CommandError(`there is no ${file}: name the stack with --stack`);
    throw error;
  });
  if ("errors" in read) return { problems: read.errors.map(stackProblemLine) };
  return { config: read.config, problems: read.warnings.map(stackProblemLine) };
}

/** What the manifests have become wrong in by the rules of this release. */
async function manifestProblems(config: StackConfig | undefined): Promise<readonly string[]> {
  const rules = config === undefined ? undefined : stackRules(config);
  const { problems } = await loadManifests(config?.manifests ?? "manifests", rules);
  return problems.filter(({ severity }) => severity === "error").map(problemLine);
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
