import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline/promises";
import { Command } from "@commander-js/extra-typings";
import { parse } from "yaml";
import { codeownersFile } from "../manifests/codeowners.ts";
import { loadManifests } from "../manifests/load.ts";
import { parseStackConfig } from "../stack/config.ts";
import { firstSteps } from "../stack/first-steps.ts";
import { stackRules } from "../staging/stack-rules.ts";
import { expectedCodeowners } from "./codeowners-current.ts";
import { CommandError } from "./command.ts";
import { type Answers, answersComplete, problemsOf, questions, settingsOf } from "./init-questions.ts";
import { printJson, printNote, printProblem } from "./output.ts";
import { stackFileText } from "./stack-file-text.ts";
import { stepLines } from "./step-lines.ts";

/** `artifacts init`. */
export const initCommand = questions
  .reduce(
    (command, { option, ask }) => command.option(`--${option} <value>`, ask),
    new Command("init")
      .summary("write the config of your organisation")
      .description(
        "Writes Pulumi.prod.yaml and CODEOWNERS, and prints what to do by hand before the first deployment. Asks for what is not given. Both files are written whole, or neither.",
      ) as Command<[], Record<string, string | boolean | undefined>>,
  )
  .option("--stack <name>", "the stack, in Pulumi.NAME.yaml (default prod)")
  .option("--force", "replace a file that has a config of yours")
  .option("--json", "one JSON document: {files, steps: {before: [{title, commands, note}], after: [...]}}")
  .action(async (values) => {
    const stack = String(values["stack"] ?? "prod");
    const file = `Pulumi.${stack}.yaml`;
    if (values["force"] !== true) await refuseOwnConfig(file);
    const given: Answers = Object.fromEntries(
      questions.flatMap(({ option }) => {
        const value = values[option.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
        return typeof value === "string" ? [[option, value.trim()]] : [];
      }),
    );
    const answers = process.stdin.isTTY === true ? await askForRest(given) : given;
    const complete = answersComplete(answers);
    const settings = settingsOf(complete.answers);
    const parsed = parseStackConfig(settings);
    const errors = [
      ...complete.missing.map(({ option, ask }) => `--${option}: is required: ${ask}`),
      ...("errors" in parsed ? parsed.errors : []).filter((line) =>
        complete.missing.every(({ key }) => !line.startsWith(key)),
      ),
    ];
    if (errors.length > 0 || "errors" in parsed) throw new CommandError(`nothing written:\n${errors.join("\n")}`);
    const { projects, problems } = await loadManifests(parsed.config.manifests, stackRules(parsed.config));
    const owners = problems.some(({ severity }) => severity === "error")
      ? undefined
      : expectedCodeowners(parsed.config, projects);
    const texts = new Map([[file, stackFileText(settings)]]);
    if (owners !== undefined) texts.set(codeownersFile, owners);
    await writeAll(texts);
    const files = [...texts.keys()];
    const steps = firstSteps(parsed.config, stack);
    printNote(files.map((written) => `${written}: written`).join("; "));
    if (owners === undefined) {
      const why =
        parsed.config.approvers.length === 0
          ? "without --approvers"
          : "because the manifests have mistakes: npm run check";
      printNote(`${codeownersFile}: not written, ${why}`);
    }
    printNote(`\nTry it without a cloud account: npm run rehearse -- --stack ${stack}\n\nThen, in this order:\n`);
    for (const line of stepLines(steps.before)) printNote(line);
    printJson({ files, steps });
  });

/** A config that is not the example of this repository stays. */
async function refuseOwnConfig(file: string): Promise<void> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  let config: Record<string, unknown> | undefined;
  try {
    config = (parse(text) as { config?: Record<string, unknown> } | null)?.config ?? {};
  } catch {
    config = undefined; // not YAML, but somebody's
  }
  const example =
    config?.["artifacts:repository"] === "example/artifacts" ||
    (config !== undefined && Object.keys(config).length === 0);
  if (!example)
    throw new CommandError(`nothing written: ${file} has a config already: edit it, or give --force to replace it`);
}

/** Asks a person for each answer that is missing, again until it is right. Lines that are typed or pasted ahead answer the next questions. */
async function askForRest(given: Answers): Promise<Answers> {
  const answers: Record<string, string> = { ...given };
  // The dialogue is no result: it goes to standard error.
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const lines = terminal[Symbol.asyncIterator]();
  try {
    for (const question of questions) {
      while (question.applies(answers) && answers[question.option] === undefined) {
        const usual = question.byDefault?.(answers);
        terminal.setPrompt(`${question.ask}${usual === undefined ? "" : ` [${usual || "leave it out"}]`}: `);
        terminal.prompt();
        const line = await lines.next();
        // Ctrl-C or Ctrl-D: the cursor is in the middle of a line.
        if (line.done === true) throw new CommandError("stopped, nothing written");
        const answer = line.value.trim() || (usual ?? "");
        const [problem] = problemsOf(question, { ...answers, [question.option]: answer });
        if (problem === undefined) answers[question.option] = answer;
        else printProblem(`  ${problem}\n`);
      }
    }
  } finally {
    terminal.close();
  }
  return answers;
}

/** Writes files so that each is there whole: beside it first, then in its place when all could be written. */
async function writeAll(files: ReadonlyMap<string, string>): Promise<void> {
  for (const [file, text] of files) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.new`, text);
  }
  for (const file of files.keys()) await rename(`${file}.new`, file);
}
