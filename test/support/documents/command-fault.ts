/** Whether a command that a document shows would work: run where that is possible without a cloud, else as far as its arguments. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { glob, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import packageJson from "../../../package.json" with { type: "json" };

export const root = join(import.meta.dirname, "../../..");
const scripts: Readonly<Record<string, string>> = packageJson.scripts;

/** npm's own commands that the documents may show; `start` and `test` are scripts too. */
const npmCommands = ["ci", "install"];

/** A checkout of k8s.io, as small as it can be, for `npm run import`. */
const checkout = {
  "registry.k8s.io/images/k8s-staging-tool/images.yaml": `- name: tool\n  dmap:\n    "sha256:${"a".repeat(64)}": ["v1"]\n`,
  "registry.k8s.io/manifests/k8s-staging-tool/promoter-manifest.yaml":
    "# google group for gcr.io/k8s-staging-tool is k8s-infra-staging-tool@kubernetes.io\nregistries:\n" +
    "- name: gcr.io/k8s-staging-tool\n  src: true\n- name: us-central1-docker.pkg.dev/k8s-artifacts-prod/images/tool\n",
};

const checked = new Map<string, Promise<string | undefined>>();

/**
 * What is wrong with a command; undefined: nothing is.
 * @param call the program and its arguments
 * @param manifests files below `manifests/` that the document shows: what its commands work on
 */
export function commandFault(
  call: readonly string[],
  manifests: ReadonlyMap<string, string> = new Map(),
): Promise<string | undefined> {
  const key = JSON.stringify([call, ...manifests]);
  const known = checked.get(key) ?? check(call, manifests);
  checked.set(key, known);
  return known;
}

async function check(
  [program = "", ...args]: readonly string[],
  manifests: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  switch (program) {
    case "npm":
      return npmFault(args, manifests);
    case "node":
      return entryFault(args[0] ?? "", args.slice(1), manifests);
    case "npx":
      return existsSync(join(root, "node_modules/.bin", args[0] ?? ""))
        ? undefined
        : `npx ${args[0]}: not installed here`;
    case "pulumi":
      return pulumiFault(args);
    default:
      return undefined; // a program of others: bash has read the line, nothing more is known here
  }
}

async function npmFault(args: readonly string[], manifests: ReadonlyMap<string, string>): Promise<string | undefined> {
  const words = args.filter((word) => word !== "--silent");
  const [command = "", ...more] = words;
  if (npmCommands.includes(command)) return undefined;
  const isRun = command === "run";
  const [name = "", ...rest] = isRun ? more : words;
  if (!isRun && name !== "start" && name !== "test") return `npm has no command ${name}: is it npm run ${name}?`;
  const script = scripts[name];
  if (script === undefined) return `package.json has no script ${name}`;
  const dashes = rest.indexOf("--");
  const before = dashes === -1 ? rest : rest.slice(0, dashes);
  if (before.length > 0) return `npm keeps ${before.join(" ")} for itself: arguments come after --`;
  const entry = /node (\S+\.(?:ts|mjs))(?!.*node )/.exec(script)?.[1];
  return entry === undefined ? undefined : entryFault(entry, rest.slice(dashes + 1), manifests);
}

/** A program of this repository with its arguments. */
async function entryFault(
  entry: string,
  args: readonly string[],
  manifests: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  if (!existsSync(join(root, entry))) return `there is no file ${entry}`;
  switch (entry) {
    case "components/commands/check.ts":
      return args.length === 0
        ? endsWith(0, entry, args, root)
        : inSandbox(manifests, (cwd) => accepts(entry, args, cwd));
    case "components/commands/new.ts":
    case "components/commands/import.ts":
      if (args.length === 0) return undefined; // named in a sentence, not called
      return inSandbox(new Map(), (cwd) => endsWith(0, entry, args, cwd));
    case "components/commands/bootstrap.ts":
      return inSandbox(new Map(), (cwd) => endsWith(0, entry, args, cwd));
    case "components/commands/demote.ts":
    case "components/commands/promote.ts":
      if (args.length === 0) return undefined; // named in a sentence, not called
      return inSandbox(manifests, (cwd) => accepts(entry, args, cwd));
    case "test/run.ts":
      return testWordsFault(args);
    case "test/bench/run.ts":
      return args[0] === undefined ? undefined : benchFault(args[0]);
    case "local/rehearse.ts":
      return args.length === 0 ? undefined : optionsFault(entry, args);
    case "local/tools/pulumi.ts":
      return pulumiFault(args);
    default:
      if (args.length === 0) return undefined;
      if (entry.startsWith("components/commands/")) return inSandbox(new Map(), (cwd) => accepts(entry, args, cwd));
      return flagsFault(entry, args);
  }
}

interface Ended {
  readonly code: number;
  readonly output: string;
}

/** Runs a program of this repository without credentials, cloud CLIs or a home; 30 s at most. */
function run(entry: string, args: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { PATH: "/nowhere", HOME: cwd, GOOGLE_APPLICATION_CREDENTIALS: join(cwd, "none.json") };
    const words = args.map((word) => (word === "example" && entry.endsWith("import.ts") ? "k8s.io" : word));
    execFile(process.execPath, [join(root, entry), ...words], { cwd, env, timeout: 30_000 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : -1, output: `${out}${err}` }),
    );
  });
}

async function endsWith(
  wanted: number,
  entry: string,
  args: readonly string[],
  cwd: string,
): Promise<string | undefined> {
  const { code, output } = await run(entry, args, cwd);
  return code === wanted ? undefined : `exit code ${code}: ${firstLine(output)}`;
}

/** Its arguments are right. What it is asked to do may be impossible here. */
async function accepts(entry: string, args: readonly string[], cwd: string): Promise<string | undefined> {
  const { code, output } = await run(entry, args, cwd);
  return code === 0 || code === 1 ? undefined : `called wrongly (exit code ${code}): ${firstLine(output)}`;
}

/** Its options are known: an option that nobody knows, put after them, is the first to be refused. Nothing is started. */
async function optionsFault(entry: string, args: readonly string[]): Promise<string | undefined> {
  const { output } = await run(entry, [...args, "--no-such-option"], root);
  return output.includes("'--no-such-option'") ? undefined : firstLine(output);
}

/** For a program that reads its arguments by hand: its source has each option. */
async function flagsFault(entry: string, args: readonly string[]): Promise<string | undefined> {
  const source = await readFile(join(root, entry), "utf8");
  const unknown = args.filter((word) => word.startsWith("-") && !source.includes(word.split("=")[0] ?? word));
  return unknown.length === 0 ? undefined : `${entry} knows no ${unknown.join(" ")}`;
}

/** A folder with these manifests and a checkout of k8s.io, gone afterwards. */
async function inSandbox<T>(manifests: ReadonlyMap<string, string>, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "documents-"));
  try {
    const files = [
      ...[...manifests].map(([path, text]) => [join("manifests", path), text] as const),
      ...Object.entries(checkout).map(([path, text]) => [join("k8s.io", path), text] as const),
    ];
    for (const [path, text] of files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function testWordsFault(words: readonly string[]): Promise<string | undefined> {
  const files = await Array.fromAsync(glob("test/**/*.test.ts", { cwd: root }));
  const without = words.filter((word) => !files.some((file) => file.includes(word)));
  return without.length === 0 ? undefined : `no test has ${without.join(" or ")} in its path`;
}

async function benchFault(name: string): Promise<string | undefined> {
  const { output } = await run("test/bench/run.ts", [], root);
  const names = /^benchmarks: (.*)$/m.exec(output)?.[1]?.split(", ") ?? [];
  return names.includes(name) ? undefined : `there is no benchmark ${name}: there are ${names.join(", ")}`;
}

/** The command and its options are run by a test, a workflow or a command of ours. */
async function pulumiFault(args: readonly string[]): Promise<string | undefined> {
  runOnes ??= await textOf(
    ["test/{rehearsal,contract,unit/commands}/**/*.ts", "test/support/rehearsal/*.ts", "local/**/*.ts"],
    [".github/workflows/*.yml", "components/commands/{adopt,bootstrap}.ts"],
  );
  const words = args.filter((word, index) => index < 2 && /^[a-z]+$/.test(word));
  const command = words.join(" ");
  const quotedWords = words.map((word) => `"${word}"`).join(", ");
  if (!runOnes.includes(`pulumi ${command}`) && !runOnes.includes(quotedWords))
    return `no test and no workflow runs pulumi ${command}`;
  const options = args.filter((word) => word.startsWith("--")).map((word) => word.split("=")[0] ?? word);
  const unknown = options.filter((option) => !runOnes?.includes(option));
  return unknown.length === 0 ? undefined : `no test and no workflow runs pulumi ${command} with ${unknown.join(" ")}`;
}
let runOnes: string | undefined;

async function textOf(...patterns: readonly (readonly string[])[]): Promise<string> {
  const files = await Array.fromAsync(glob(patterns.flat(), { cwd: root }));
  return (await Promise.all(files.map((file) => readFile(join(root, file), "utf8")))).join("\n");
}

function firstLine(text: string): string {
  const lines = text.split("\n");
  return lines.find((line) => /error/i.test(line)) ?? lines[0] ?? "";
}
