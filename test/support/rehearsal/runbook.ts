/** Runs what docs/operating.md tells an operator to do: the document's own commands, word by word, but for the names that an operator fills in. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sectionCommands } from "../documents/section-commands.ts";
import { workflowScript } from "../workflow-script.ts";

/** Who types the commands: a drill, or an owner in a checkout. */
export interface Operator {
  /** A folder for scratch files. */
  readonly folder: string;
  /** Runs a command that must succeed. @returns its output. */
  run(command: string): Promise<string>;
  /** Runs a command that must fail. @returns its output. */
  refused(command: string): Promise<string>;
}

/** What a drill knows better than the document. */
export interface Details {
  /** What an operator fills in, such as `<export>`. */
  readonly fill?: Readonly<Record<string, string>>;
  /**
   * What is done before a command, by its beginning. The text that it returns stands for what the command would have printed, which is not run:
   * for commands that need a cloud.
   */
  readonly at?: Readonly<Record<string, () => Promise<string | undefined>>>;
  /** The last command must fail, as the document says. */
  readonly endsRed?: boolean;
}

/**
 * Runs the commands below a heading of docs/operating.md, each of which must succeed (but for `endsRed`).
 * @returns what each printed.
 * @throws if the document lacks a command or a name that the drill knows something of.
 */
export async function followSection(
  operator: Operator,
  heading: string,
  { fill = {}, at = {}, endsRed = false }: Details = {},
): Promise<string[]> {
  const commands = await sectionCommands("docs/operating.md", heading);
  const unused = new Set([...Object.keys(fill), ...Object.keys(at)]);
  const printed: string[] = [];
  for (const [index, command] of commands.entries()) {
    const beginning = Object.keys(at).find((one) => command.startsWith(one));
    if (beginning !== undefined) unused.delete(beginning);
    const instead = beginning === undefined ? undefined : await at[beginning]!();
    if (instead !== undefined) {
      printed.push(instead);
      continue;
    }
    let filled = command;
    for (const [name, value] of Object.entries(fill)) {
      if (filled.includes(name)) unused.delete(name);
      filled = filled.replaceAll(name, value);
    }
    const line = await onRehearsal(operator.folder, filled);
    const fails = endsRed && index === commands.length - 1;
    printed.push(await (fails ? operator.refused(line) : operator.run(line)));
  }
  assert.deepEqual([...unused], [], `not in the commands of "${heading}"`);
  return printed;
}

/** A command for production's stack as one for the rehearsal's. */
async function onRehearsal(folder: string, command: string): Promise<string> {
  if (/^gh workflow run deploy --field refresh=true$/.test(command)) return await deployWorkflow(folder);
  return command
    .replace("stack init prod --secrets-provider gcpkms://<key>", "stack init local --no-select")
    .replace("stack rm prod --force", "stack rm local --force --yes")
    .replace(/^npm run adopt -- --stack prod/, "npm run adopt")
    .replace("stack init prod", "stack init local")
    .replace("urn:pulumi:prod::", "urn:pulumi:local::")
    .replace("--stack prod", "--stack local");
}

/** The step of the workflow `deploy` that deploys, as GitHub's runner runs it when the workflow is run by hand. */
async function deployWorkflow(folder: string): Promise<string> {
  const script = await workflowScript("workflows/deploy.yml", "Deploy");
  assert.match(script, /^ +up --stack prod /m);
  const file = join(folder, "deploy.sh");
  await writeFile(file, script.replaceAll("--stack prod", "--stack local"));
  return `REFRESH=true ARTIFACTS_PROGRESS=${join(folder, "progress")} bash -e ${file}`;
}
