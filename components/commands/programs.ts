/** The programs of this repository that are not of the commands' room: `artifacts NAME` checks their arguments and starts them. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Command } from "@commander-js/extra-typings";

/** A program. */
export interface RepositoryProgram {
  readonly name: string;
  readonly summary: string;
  /** Its arguments in words, e.g. `[word...]`. */
  readonly arguments?: string;
  /** Flags and what they mean. */
  readonly options?: Readonly<Record<string, string>>;
  /** The program reads its own arguments: any are passed on, as they are. */
  readonly passes?: true;
  /** The file that Node runs, below the repository's root, and what it is always given. */
  readonly file?: string;
  readonly given?: readonly string[];
  /** Commands of node_modules/.bin in place of a file, one after the other. */
  readonly run?: readonly (readonly string[])[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** All of them. */
export const programs: readonly RepositoryProgram[] = [
  {
    name: "rehearse",
    summary:
      "run the whole system on this machine, with an emulated cloud (npm start); with --stack an organisation's own",
    options: {
      "--stack <name>": "rehearse the config and the projects of this stack, in place of the demo",
      "--config-file <file>": "the stack's file, where it is not Pulumi.<name>.yaml",
      "--html <file>": "with --stack: write the page at the end as HTML too",
      "--once": "exit when everything is done",
      "--ports <base>": "first port of the block that it uses",
    },
    passes: true,
    file: "local/start.ts",
  },
  {
    name: "pulumi",
    summary: "run a command of the Pulumi CLI on the running rehearsal",
    arguments: "[arguments...]",
    passes: true,
    file: "local/tools/pulumi.ts",
  },
  { name: "clean", summary: "remove what the rehearsal made (.rehearsal/)", file: "local/clean.ts" },
  {
    name: "build",
    summary: "build the redirector into the archive that Cloud Run starts",
    options: {
      "--target <target>": "target of bun build --compile (default bun-linux-x64)",
      "--out <file>": "the archive (default redirector/dist/redirector.tar.gz)",
    },
    file: "redirector/build.ts",
    given: ["--target=bun-linux-x64"],
  },
  {
    name: "build-fill",
    summary: "build the archive that the tasks of a fill run",
    options: { "--out <file>": "the archive (default redirector/dist/fill.tar.gz)" },
    file: "components/commands/build-fill.ts",
  },
  {
    name: "ranges",
    summary: "make the table of the clouds' address ranges from what the clouds publish",
    options: {
      "--from <folder>": "read the publications from files",
      "--out <file>": "the table",
      "--without <cloud>": "leave out aws, gcp or azure",
      "--accept-shrinkage": "accept a table with many addresses less than the one before",
    },
    file: "redirector/cloud-ranges/build.ts",
  },
  {
    name: "graph-record",
    summary: "write the resources that the program of a checkout declares, as JSON for graph-preview",
    options: {
      "--root <folder>": "the checkout, with its dependencies installed (default this one)",
      "--stack <name>": "whose config (default prod)",
      "--output <file>": "the record (default graph.json)",
    },
    file: "local/graph/record.ts",
  },
  {
    name: "test",
    summary: "run the tests, or those whose path has a word",
    arguments: "[word...]",
    passes: true,
    file: "test/run.ts",
  },
  {
    name: "drills",
    summary: "kill pulumi up 20 times, and see that the next one recovers; execute the guide of the move from k8s.io",
    file: "test/run.ts",
    given: ["rehearsal/killed", "rehearsal/moving", "contract/provider"],
    environment: { ARTIFACTS_KILLS: "20" },
  },
  {
    name: "bench",
    summary: "run a benchmark",
    arguments: "[name] [arguments...]",
    passes: true,
    file: "test/bench/run.ts",
  },
  {
    name: "screenshots",
    summary: "take the README's pictures of the catalogue from the running rehearsal",
    arguments: "[url]",
    file: "test/browser/screenshots.ts",
  },
  {
    name: "format",
    summary: "format and lint the code",
    run: [["biome", "check", "--write", "."], ["oxlint"]],
  },
];

/** The command of a program: its help, its completion, and the check of its arguments. */
export function programCommand(program: RepositoryProgram): Command<[string[]]> {
  const command = new Command(program.name).summary(program.summary).description(sentence(program.summary));
  for (const [flags, description] of Object.entries(program.options ?? {})) command.option(flags, description);
  // Read by the program itself; the parser only has to let them through.
  const taken = command.argument("[arguments...]", "");
  if (program.arguments !== undefined) taken.usage(`[options] ${program.arguments}`);
  else if (program.passes !== true) taken.usage("[options]");
  return taken.action(async (words, _, parsed) => {
    if (program.arguments === undefined && words.length > 0) parsed.error(`error: unexpected argument: ${words[0]}`);
    await startProgram(program, [...optionsOf(parsed.opts()), ...words]);
  });
}

/** Starts a program with arguments that it checks itself. Its exit code becomes this process's. */
export async function startProgram(program: RepositoryProgram, args: readonly string[]): Promise<void> {
  const root = join(import.meta.dirname, "../..");
  Object.assign(process.env, program.environment);
  if (program.file !== undefined) {
    // In this process, as `node FILE` would: Ctrl-C and the exit code are the program's own.
    const file = join(root, program.file);
    const given = program.given?.filter((one) => !args.some((word) => word.startsWith(`${one.split("=")[0]}=`))) ?? [];
    process.argv.splice(1, process.argv.length, file, ...given, ...args);
    await import(pathToFileURL(file).href);
  }
  for (const [name = "", ...rest] of program.run ?? []) {
    const code = await new Promise<number>((resolve, reject) => {
      const child = spawn(join(root, "node_modules/.bin", name), rest, { cwd: root, stdio: "inherit" });
      child.once("error", reject);
      child.once("close", (ended) => resolve(ended ?? 1));
    });
    process.exitCode = code;
    if (code !== 0) return;
  }
}

/** Options as the parser read them, as `--name=value` words. */
function optionsOf(options: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(options).map(([name, value]) => {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? flag : `${flag}=${value}`;
  });
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
