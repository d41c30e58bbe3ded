/** The command line `artifacts`: finds the command, refuses what npm kept for itself, runs it, sets the exit code. */
import { Command, CommanderError, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { CommandError, UsageError } from "./command.ts";
import { completionCommand, completionRequest, completionsOf } from "./completion.ts";
import { exitCodes, exitCodesInWords } from "./exit-codes.ts";
import { flagsTakenByNpm } from "./npm-flags.ts";
import { hasColours, paint, printDetail, printError, printRaw, setOutput } from "./output.ts";
import { programCommand, programs, type RepositoryProgram, startProgram } from "./programs.ts";

/**
 * The commands of this room, each loaded only when it is called, or when all are listed.
 * @internal exported for its tests.
 */
export const commands: Readonly<Record<string, () => Promise<CommandUnknownOpts>>> = {
  new: async () => (await import("./new.ts")).newCommand,
  promote: async () => (await import("./promote.ts")).promoteCommand,
  demote: async () => (await import("./demote.ts")).demoteCommand,
  check: async () => (await import("./check.ts")).checkCommand,
  codeowners: async () => (await import("./codeowners.ts")).codeownersCommand,
  import: async () => (await import("./import.ts")).importCommand,
  compare: async () => (await import("./compare.ts")).compareCommand,
  status: async () => (await import("./status.ts")).statusCommand,
  dnssec: async () => (await import("./dnssec.ts")).dnssecCommand,
  audit: async () => (await import("./audit.ts")).auditCommand,
  verify: async () => (await import("./verify.ts")).verifyCommand,
  attest: async () => (await import("./attest.ts")).attestCommand,
  sync: async () => (await import("./sync.ts")).syncCommand,
  fill: async () => (await import("./fill.ts")).fillCommand,
  cost: async () => (await import("./cost.ts")).costCommand,
  "redirector-config": async () => (await import("./redirector-config.ts")).redirectorConfigCommand,
  init: async () => (await import("./init.ts")).initCommand,
  steps: async () => (await import("./first-steps.ts")).stepsCommand,
  upgrade: async () => (await import("./upgrade.ts")).upgradeCommand,
  bootstrap: async () => (await import("./bootstrap.ts")).bootstrapCommand,
  "r2-token": async () => (await import("./r2-token.ts")).r2TokenCommand,
  adopt: async () => (await import("./adopt.ts")).adoptCommand,
  schemas: async () => (await import("./schemas.ts")).schemasCommand,
  "aws-credentials": async () => (await import("./aws-credentials.ts")).awsCredentialsCommand,
  "change-report": async () => (await import("./change-report.ts")).changeReportCommand,
  "engine-install": async () => (await import("./engine-install.ts")).engineInstallCommand,
  "engine-pin": async () => (await import("./engine-pin.ts")).enginePinCommand,
  "engine-run": async () => (await import("./engine-run.ts")).engineRunCommand,
  "graph-preview": async () => (await import("./graph-preview.ts")).graphPreviewCommand,
  "keep-build": async () => (await import("./keep-build.ts")).keepBuildCommand,
  "preview-report": async () => (await import("./preview-report.ts")).previewReportCommand,
  "workflow-settings": async () => (await import("./workflow-settings.ts")).workflowSettingsCommand,
};

/** Called by workflows, not by people. */
const plumbing = new Set(["aws-credentials", "change-report", "keep-build", "preview-report", "workflow-settings"]);

/** Names of npm scripts that are called otherwise than their command. */
const scriptNames: Readonly<Record<string, string>> = { "check:manifests": "check", start: "rehearse" };

/**
 * Runs a command line to its end and sets the exit code, as exit-codes.ts has them. Errors of ours keep their stack.
 * @param args the words after `artifacts`.
 */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  const [name = "", ...rest] = args;
  const program = programs.find((one) => one.name === name);
  try {
    if (name === completionRequest) {
      const words = rest[0] === "--" ? rest.slice(1) : rest;
      // Where a command is complete, its own options and arguments follow.
      const line = await commandLine(words.length > 1 ? words[0] : undefined);
      for (const word of completionsOf(line, words)) printRaw(`${word}\n`);
      return;
    }
    if (program?.passes === true && !asksForHelp(program, rest)) {
      refuseTakenFlags(programCommand(program));
      // `artifacts pulumi -- up`, out of the habit of npm run.
      return await startProgram(program, rest[0] === "--" ? rest.slice(1) : rest);
    }
    const line = await commandLine(name);
    await line.parseAsync([...args], { from: "user" });
  } catch (error) {
    process.exitCode = codeOf(error, name);
  }
}

/**
 * The parser of the whole line.
 * @param name the command that is called: no other is loaded. Without one that exists, all are, which takes three times as long.
 * @internal exported for its tests.
 */
export async function commandLine(name = ""): Promise<Command> {
  const line = new Command("artifacts")
    .description("Publishes a project's container images and binaries to the whole world.")
    .addHelpText("after", `\nExit codes: ${exitCodesInWords}.\nCompletion: artifacts completion bash|zsh|fish`)
    .helpCommand("help [command]", "what a command does")
    .showSuggestionAfterError();
  const load = commands[name];
  const called = programs.find((program) => program.name === name);
  if (load !== undefined) line.addCommand(withCommonOptions(await load()));
  else if (called !== undefined) line.addCommand(programCommand(called));
  else if (name === "completion") line.addCommand(completionCommand());
  else {
    line.commandsGroup("Commands:");
    for (const [one, loadOne] of Object.entries(commands))
      line.addCommand(withCommonOptions(await loadOne()), { hidden: plumbing.has(one) });
    line.addCommand(completionCommand());
    line.commandsGroup("This machine and development:");
    for (const program of programs) line.addCommand(programCommand(program));
  }
  for (const command of [line, ...line.commands]) configure(command as CommandUnknownOpts);
  const began = performance.now();
  line.hook("preAction", (_, command) => {
    refuseTakenFlags(command);
    setOutput(command.opts());
    printDetail(`artifacts ${command.name()}, Node ${process.versions.node}, in ${process.cwd()}`);
  });
  line.hook("postAction", (_, command) => {
    printDetail(`${command.name()} took ${((performance.now() - began) / 1_000).toFixed(1)} s`);
  });
  return line;
}

/**
 * The long names of a command's options, without dashes.
 * @internal exported for its tests.
 */
export function optionNames(command: CommandUnknownOpts): string[] {
  return command.options.flatMap(({ long }) => (long === undefined ? [] : [long.replace(/^--/, "")]));
}

function withCommonOptions(command: CommandUnknownOpts): CommandUnknownOpts {
  if (optionNames(command).includes("quiet")) return command; // a second line in this process
  return command
    .addOption(new Option("-q, --quiet", "print results and errors only").helpGroup("Output:"))
    .addOption(new Option("-v, --verbose", "print what is done in detail, to standard error").helpGroup("Output:"));
}

function configure(command: CommandUnknownOpts): void {
  command.exitOverride().configureOutput({
    outputError: (text) => printError(text.replace(/^error: /, "").trimEnd()),
    getOutHasColors: () => hasColours(process.stdout),
    getErrHasColors: () => hasColours(process.stderr),
    getOutHelpWidth: () => process.stdout.columns ?? 140,
  });
  command.showHelpAfterError(
    `See ${command.parent === null ? "" : `${command.parent.name()} `}${command.name()} --help`,
  );
  command.configureHelp({
    subcommandTerm: (one) => one.name(),
    styleTitle: (text) => paint("bold", text),
    sortOptions: false,
  });
}

/** Whether the words ask for our help on a program, and not the program for its own: `pulumi up --help` is Pulumi's. */
function asksForHelp(program: RepositoryProgram, words: readonly string[]): boolean {
  const isHelp = (word: string | undefined) => word === "--help" || word === "-h";
  return program.name === "pulumi" ? words.length === 1 && isHelp(words[0]) : words.some(isHelp);
}

/** Throws UsageError if npm kept options for itself that were meant for the command. */
function refuseTakenFlags(command: CommandUnknownOpts): void {
  const taken = flagsTakenByNpm(process.env, optionNames(command));
  if (taken.length === 0) return;
  const script = process.env["npm_lifecycle_event"] ?? command.name();
  const isScript = (scriptNames[script] ?? script) === command.name();
  throw new UsageError(
    `npm took ${taken.join(" ")} for itself, nothing was done: write npm run ${isScript ? script : command.name()} -- ... ${taken.join(" ")}, or npx artifacts ${command.name()} ... ${taken.join(" ")}`,
  );
}

function codeOf(error: unknown, name: string): number {
  if (error instanceof CommandError) {
    printError(error.message);
    return exitCodes.error;
  }
  if (error instanceof UsageError) {
    printError(`${error.message}\nSee artifacts ${name} --help`);
    return exitCodes.usage;
  }
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  const ofFile = fileProblem(error);
  if (ofFile === undefined) throw error;
  printError(ofFile);
  return exitCodes.error;
}

/** What is wrong with a file or folder that a command reads or writes: the user's to mend, without a stack. Undefined for other errors. */
function fileProblem(error: unknown): string | undefined {
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (code === undefined || path === undefined) return undefined;
  const known = {
    ENOENT: "there is no",
    ENOTDIR: "not a folder:",
    EISDIR: "a folder, not a file:",
    EACCES: "no access to",
  };
  const what = known[code as keyof typeof known];
  return what === undefined ? message : `${what} ${path}`;
}
