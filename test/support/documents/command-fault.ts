/** Whether a command that a document shows would work: run where that is possible without a cloud, else as far as its arguments. */
import { type ExecFileOptions, execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { glob, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { programs } from "../../../components/commands/programs.ts";
import packageJson from "../../../package.json" with { type: "json" };
import { runArtifacts } from "../run-command-lines.ts";
import { commandsBySection, followedSections } from "./section-commands.ts";

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
      return existsSync(join(root, args[0] ?? "")) ? undefined : `there is no file ${args[0]}`;
    case "artifacts":
      return artifactsFault(args, manifests);
    case "npx":
      if (args[0] === "artifacts") return artifactsFault(args.slice(1), manifests);
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
  const called = /artifacts\.mjs (\S+)$/.exec(script)?.[1];
  const given = dashes === -1 ? [] : rest.slice(dashes + 1);
  return called === undefined ? undefined : artifactsFault([called, ...given], manifests);
}

/** `artifacts` with a command and its arguments. */
async function artifactsFault(
  [command = "", ...args]: readonly string[],
  manifests: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  const all = [command, ...args];
  switch (command) {
    case "check":
      return args.length === 0 ? endsWith(0, all, root) : inSandbox(manifests, (cwd) => accepts(all, cwd));
    case "new":
    case "import":
      if (args.length === 0) return undefined; // named in a sentence, not called
      return inSandbox(new Map(), (cwd) => endsWith(0, all, cwd));
    case "bootstrap":
      return inSandbox(new Map(), (cwd) => endsWith(0, all, cwd));
    case "test":
      return testWordsFault(args);
    case "bench":
      return args[0] === undefined ? undefined : benchFault(args[0]);
    case "pulumi":
      return pulumiFault(args);
    default:
      if (args.length === 0) return undefined; // named in a sentence, not called
      return programs.some(({ name }) => name === command)
        ? optionsFault(all)
        : inSandbox(manifests, (cwd) => accepts(all, cwd));
  }
}

/** Runs `artifacts` without credentials, cloud CLIs or a home. */
async function run(args: readonly string[], cwd: string): Promise<{ code: number; output: string }> {
  const env = { PATH: "/nowhere", HOME: cwd, GOOGLE_APPLICATION_CREDENTIALS: join(cwd, "none.json") };
  if (programs.some(({ name }) => name === args[0])) return start(args, { cwd, env });
  const words = args.map((word) => (word === "example" && args[0] === "import" ? "k8s.io" : word));
  const { code, out, err } = await runArtifacts(words, { cwd, env });
  return { code, output: `${out}${err}` };
}

/** A program of the repository, which ends its process by itself. */
function start(args: readonly string[], options: ExecFileOptions): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const all = [join(root, "components/commands/artifacts.mjs"), ...args];
    execFile(process.execPath, all, { ...options, timeout: 30_000 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : -1, output: `${out}${err}` }),
    );
  });
}

async function endsWith(wanted: number, args: readonly string[], cwd: string): Promise<string | undefined> {
  const { code, output } = await run(args, cwd);
  return code === wanted ? undefined : `exit code ${code}: ${firstLine(output)}`;
}

/** Its arguments are right. What it is asked to do may be impossible here. */
async function accepts(args: readonly string[], cwd: string): Promise<string | undefined> {
  const { code, output } = await run(args, cwd);
  return [0, 1, 3].includes(code) ? undefined : `called wrongly (exit code ${code}): ${firstLine(output)}`;
}

/** Its options are known: an option that nobody knows, put after them, is the first to be refused. Nothing is started. */
async function optionsFault(args: readonly string[]): Promise<string | undefined> {
  const { output } = await run([...args, "--no-such-option"], root);
  return output.includes("'--no-such-option'") ? undefined : firstLine(output);
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

let benchmarks: Promise<readonly string[]> | undefined;

async function benchFault(name: string): Promise<string | undefined> {
  benchmarks ??= run(["bench"], root).then(({ output }) => /^benchmarks: (.*)$/m.exec(output)?.[1]?.split(", ") ?? []);
  const names = await benchmarks;
  return names.includes(name) ? undefined : `there is no benchmark ${name}: there are ${names.join(", ")}`;
}

/** The command and its options are run by a test, a workflow or a command of ours. */
async function pulumiFault(args: readonly string[]): Promise<string | undefined> {
  runOnes ??= await commandsRun();
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

/** The text of everything that runs commands, and the commands of docs/operating.md that rehearsals run from there. */
async function commandsRun(): Promise<string> {
  const text = await textOf(
    ["test/{rehearsal,contract,unit/commands}/**/*.ts", "test/support/rehearsal/*.ts", "local/**/*.ts"],
    [".github/workflows/*.yml", "components/commands/{adopt,bootstrap}.ts"],
  );
  const [sections, followed] = [await commandsBySection("docs/operating.md"), await followedSections()];
  return [text, ...[...sections].flatMap(([heading, commands]) => (followed.has(heading) ? commands : []))].join("\n");
}

async function textOf(...patterns: readonly (readonly string[])[]): Promise<string> {
  const files = await Array.fromAsync(glob(patterns.flat(), { cwd: root }));
  return (await Promise.all(files.map((file) => readFile(join(root, file), "utf8")))).join("\n");
}

function firstLine(text: string): string {
  const lines = text.split("\n");
  return lines.find((line) => /error/i.test(line)) ?? lines[0] ?? "";
}
