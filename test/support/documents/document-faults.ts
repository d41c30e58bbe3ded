/** Everything that a document shows or points to, checked. */
import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { parse } from "yaml";
import { problemLine } from "../../../components/manifests/problem.ts";
import { projectText } from "../../../components/manifests/project-text.ts";
import { readManifests } from "../../../components/manifests/read.ts";
import { parseStackConfig } from "../../../components/stack/config.ts";
import { organisation } from "../organisations/organisation.ts";
import { commandFault, root } from "./command-fault.ts";
import { mermaidFault } from "./parse-mermaid.ts";
import { type Block, type Document, readMarkdown } from "./read-document.ts";
import { fillPlaceholders, shellCommands } from "./shell-commands.ts";

/** A reason to leave a block out, or the command that printed an excerpt, is at least this long. */
const shortestReason = 8;

/** Every document of the repository, by its path. */
export async function documentFiles(): Promise<readonly string[]> {
  const found = await Array.fromAsync(
    glob("{*,.github/*,docs/**/*,components/**/*,redirector/*,manifests/*}.md", {
      cwd: root,
      exclude: (name) => name === "node_modules" || name.startsWith(".rehearsal"),
    }),
  );
  return [...new Set(found)].sort();
}

/** What is wrong with a document: one line each, `file:line: fault`. */
export async function documentFaults(document: Document): Promise<readonly string[]> {
  const manifests = shownManifests(document);
  const faults = [
    ...(await Promise.all(document.blocks.map((block) => blockFaults(block, manifests)))).flat(),
    ...(await Promise.all(document.inlineCode.map((code) => inlineFaults(code, manifests)))).flat(),
    ...(await Promise.all(document.links.map((link) => linkFaults(link, document)))).flat(),
  ];
  return faults.sort((a, b) => a.line - b.line).map(({ line, fault }) => `${document.file}:${line}: ${fault}`);
}

interface Fault {
  readonly line: number;
  readonly fault: string;
}

async function blockFaults(block: Block, manifests: Manifests): Promise<readonly Fault[]> {
  const at = (fault: string | undefined): Fault[] => (fault === undefined ? [] : [{ line: block.line, fault }]);
  if (!block.fenced) return at("an indented block says no language: use a fence");
  if (block.attributes === undefined) return at('after the language only skip="reason" or excerpt="command" may stand');
  const { skip, excerpt, ...others } = block.attributes;
  if (Object.keys(others).length > 0) return at(`unknown attribute ${Object.keys(others).join(", ")}`);
  if (skip !== undefined) return at(skip.length < shortestReason ? "skip without a reason" : undefined);
  if (excerpt !== undefined) {
    const printed = await scriptFaults(excerpt, manifests.latest);
    return printed.flatMap((fault) => at(`excerpt="${excerpt}": ${fault}`));
  }
  switch (block.language) {
    case "sh":
      return (await scriptFaults(block.text, manifests.latest)).flatMap(at);
    case "yaml":
      return (await yamlFaults(block, manifests)).flatMap(at);
    case "json":
      return at(jsonFault(block.text));
    case "mermaid":
      return at(await mermaidFault(block.text));
    case "text":
    case "diff":
      return at(`what prints this? ${block.language} excerpt="command"`);
    default:
      return at(`no test knows how to check ${block.language === "" ? "a block without a language" : block.language}`);
  }
}

async function scriptFaults(script: string, manifests: ReadonlyMap<string, string>): Promise<readonly string[]> {
  const ran = await shellCommands(script);
  if ("fault" in ran) return [ran.fault];
  const faults: string[] = [];
  for (const call of ran.calls) {
    const fault = await commandFault(call, manifests);
    if (fault !== undefined) faults.push(`${call.join(" ")}: ${fault}`);
  }
  return faults;
}

/** The manifests that a document shows, by path below `manifests/`. */
interface Manifests {
  /** All of them; of two with one path the later. */
  readonly latest: ReadonlyMap<string, string>;
}

function shownManifests({ blocks }: Document): Manifests {
  const shown = blocks.flatMap((block) => {
    const path = manifestPath(block);
    return path === undefined ? [] : [[path, fillPlaceholders(block.text)] as const];
  });
  const latest = new Map(shown);
  for (const [path] of shown) {
    const project = path.split("/")[0] ?? "";
    if (!latest.has(`${project}/project.yaml`)) latest.set(`${project}/project.yaml`, someProject());
  }
  return { latest };
}

function manifestPath(block: Block): string | undefined {
  return block.language === "yaml" ? /^# manifests\/(\S+\.yaml)$/m.exec(firstLine(block.text))?.[1] : undefined;
}

/** For a document that shows a project's lists and not its declaration. */
function someProject(): string {
  return projectText({
    description: "A project",
    group: "owners@example.org",
    repositories: [],
    contact: undefined,
    images: true,
    files: true,
    retentionDays: undefined,
    imagePrefix: undefined,
    filePrefix: undefined,
    mutableTags: [],
    removalShare: undefined,
  });
}

/** The first line of a YAML block names the file: a manifest is read by the product's reader, a stack's file by its parser. */
async function yamlFaults(block: Block, { latest }: Manifests): Promise<readonly string[]> {
  const manifest = manifestPath(block);
  if (manifest !== undefined) {
    const { problems } = readManifests(new Map([...latest, [manifest, fillPlaceholders(block.text)]]), "manifests");
    return problems.filter(({ file }) => file === `manifests/${manifest}`).map(problemLine);
  }
  const file = /^# (\S+\.ya?ml)$/.exec(firstLine(block.text))?.[1];
  const isForCluster = firstLine(block.text).startsWith("apiVersion:");
  if (file === undefined && !isForCluster) return ["its first line does not name its file, as a comment"];
  let content: unknown;
  try {
    content = parse(block.text);
  } catch (error) {
    return [(error as Error).message];
  }
  if (file === undefined) return clusterFaults(content as Readonly<Record<string, unknown>>);
  if (/^Pulumi\.\w+\.yaml$/.test(file)) return stackFaults(content);
  return existsSync(join(root, file)) ? [] : [`there is no file ${file}`];
}

/** A resource of Kubernetes has its four members, and a name. */
function clusterFaults(content: Readonly<Record<string, unknown>>): readonly string[] {
  const lacking = ["apiVersion", "kind", "metadata", "spec"].filter((member) => content[member] === undefined);
  const { name } = (content["metadata"] ?? {}) as { name?: unknown };
  return [...lacking, ...(typeof name === "string" ? [] : ["metadata.name"])].map((what) => `it has no ${what}`);
}

/** A part of a stack's file: put into that of a large organisation, it is accepted. */
async function stackFaults(content: unknown): Promise<readonly string[]> {
  const { config = {} } = content as { config?: object };
  const parsed = parseStackConfig({ ...(await organisation("big")).config, ...config });
  return "errors" in parsed ? parsed.errors : [];
}

function jsonFault(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A command of ours, or a path of this repository, in a sentence. Anything else is only words. */
async function inlineFaults(
  { text, line }: { readonly text: string; readonly line: number },
  manifests: Manifests,
): Promise<readonly Fault[]> {
  const at = (fault: string): Fault => ({ line, fault });
  if (/^(npm (run|start|test)\b|npx artifacts\b|node \S+\.(ts|mjs))/.test(text)) {
    // As a synopsis: `npm run check [-- FOLDER]` names the command, its arguments are words.
    const call = /[[\]]|\.\.\.|\bNAME\b|\b[A-Z]{4,}\b/.test(text) ? (text.split(/ (?:\[|-- )/)[0] ?? text) : text;
    return (await scriptFaults(call, manifests.latest)).map(at);
  }
  if (/^(components|redirector|local|test|docs|\.github|\.ci)\/[\w./*{},-]*$/.test(text)) {
    const found = await Array.fromAsync(glob(text.replace(/\/$/, ""), { cwd: root }));
    return found.length > 0 ? [] : [at(`there is no ${text}`)];
  }
  const variable = /^(ARTIFACTS_[A-Z_]+)(=.*)?$/.exec(text)?.[1];
  if (variable !== undefined && !(await sources()).includes(variable)) return [at(`nothing reads ${variable}`)];
  return [];
}

let allSources: string | undefined;
async function sources(): Promise<string> {
  const files = glob(["{components,local,redirector,test}/**/*.{ts,mjs}", "index.ts", "package.json"], {
    cwd: root,
    exclude: ["test/unit/documents.test.ts"], // which names variables that must not be there
  });
  allSources ??= (
    await Promise.all((await Array.fromAsync(files)).map((file) => readFile(join(root, file), "utf8")))
  ).join("\n");
  return allSources;
}

async function linkFaults(
  { target, line }: { readonly target: string; readonly line: number },
  document: Document,
): Promise<readonly Fault[]> {
  const at = (fault: string): Fault[] => [{ line, fault }];
  if (/^https:\/\//.test(target)) return URL.canParse(target) ? [] : at(`${target} is no address`);
  if (/^[a-z]+:/i.test(target)) return target.startsWith("mailto:") ? [] : at(`${target}: only https is linked to`);
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? document.file : posix.join(dirname(document.file), path);
  // On GitHub a file of the root is at /owner/name/blob/main/: these are the repository's own comparisons and releases, in a fork as well.
  if (/^\.\.\/\.\.\/(compare|releases)\//.test(file)) return [];
  if (path !== "" && (file.startsWith("..") || !existsSync(join(root, file))))
    return at(`link to ${target}: there is no file ${file}`);
  if (anchor === undefined) return [];
  const anchors = path === "" ? document.anchors : readMarkdown(file, await readFile(join(root, file), "utf8")).anchors;
  return anchors.has(anchor) ? [] : at(`link to ${target}: ${file} has no heading #${anchor}`);
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
