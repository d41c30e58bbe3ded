/**
 * How fast manifests of k8s.io's size are checked, against a plain parse of the same YAML in the same run (which is
 * what today's promoter does before anything else), and how the reader's time grows with malformed text.
 *
 *   node test/bench/manifests.ts [--rounds N]
 *
 * Every measurement is a process of its own, the kinds in turn, after one round that does not count; medians.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { readManifests } from "../../components/manifests/read.ts";
import { parseYaml } from "../../components/manifests/yaml/parse.ts";
import { generateManifests, writeManifests } from "../support/generate-manifests.ts";
import { median } from "./median.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "7" } } });
const rounds = Number(values.rounds);
const root = join(import.meta.dirname, "../..");
const folder = await mkdtemp(join(tmpdir(), "bench-manifests-"));

/** Reads and parses every file, nothing else: the least that a check by that parser costs. */
const plainParse = `
  import { globSync, readFileSync } from "node:fs";
  import { join } from "node:path";
  import { parse } from ${JSON.stringify(join(root, "node_modules/yaml/dist/index.js"))};
  for (const path of globSync("**/*.yaml", { cwd: process.argv[1] })) parse(readFileSync(join(process.argv[1], path), "utf8"));
`;

try {
  await writeManifests(folder, generateManifests());
  const kinds = {
    check: [join(root, "components/commands/artifacts.mjs"), "check", folder],
    parse: ["--input-type=module", "--eval", plainParse, folder],
  };
  const runs: Record<string, Run[]> = { check: [], parse: [] };
  for (let round = 0; round <= rounds; round++)
    for (const [kind, args] of Object.entries(kinds)) {
      const run = await measure(args);
      if (round > 0) runs[kind]?.push(run);
    }
  const of = (kind: string, what: keyof Run) => median((runs[kind] ?? []).map((run) => run[what]));
  console.log(
    `check: ${of("check", "seconds").toFixed(3)} s, ${of("check", "mib").toFixed(0)} MiB at most; plain YAML parse: ${of("parse", "seconds").toFixed(3)} s, ${of("parse", "mib").toFixed(0)} MiB`,
  );
  console.log(
    `figure: manifests.check.vs-yaml-parse = ${(of("check", "seconds") / of("parse", "seconds")).toFixed(2)} x`,
  );
  console.log(`figure: manifests.check.seconds = ${of("check", "seconds").toFixed(3)} s`);
  console.log(`figure: manifests.check.rss = ${of("check", "mib").toFixed(0)} MiB`);
  console.log(`figure: manifests.check.rss.vs-yaml-parse = ${(of("check", "mib") / of("parse", "mib")).toFixed(2)} x`);
  parsers();
  growth();
} finally {
  await rm(folder, { recursive: true });
}

interface Run {
  readonly seconds: number;
  readonly mib: number;
}

/** One process: wall time and the most memory that was resident. */
async function measure(args: readonly string[]): Promise<Run> {
  const started = performance.now();
  // Not in the repository's root, whose stack has other owners than the generated projects.
  const child = spawn(process.execPath, [...args], { cwd: folder, stdio: "ignore" });
  let most = 0;
  const watch = setInterval(() => {
    void readFile(`/proc/${child.pid}/status`, "utf8").then(
      (status) => {
        most = Math.max(most, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
      },
      () => clearInterval(watch), // it has ended
    );
  }, 20);
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`node ${args.join(" ")}: exit code ${code}`);
  return { seconds: (performance.now() - started) / 1000, mib: most / 1024 };
}

/** The parser, with its limits and its tree, against the package that it stands on, in this process, warm; processor time. */
function parsers(): void {
  const texts = [...generateManifests().values()];
  const time = (read: (text: string) => unknown) =>
    median(
      Array.from({ length: 5 }, () => {
        const started = process.cpuUsage();
        for (const text of texts) read(text);
        return process.cpuUsage(started).user / 1000;
      }),
    );
  const [ours, theirs] = [time(parseYaml), time((text) => parse(text))];
  console.log(
    `parsing ${texts.length} files: ${ours.toFixed(1)} ms, the yaml package's parse() ${theirs.toFixed(1)} ms`,
  );
  console.log(`figure: manifests.parse.vs-yaml-package = ${(ours / theirs).toFixed(3)} x`);
}

/** Time of the reader for n and 4 n of each malformed text, as a factor: 4 is linear. */
function growth(): void {
  const project = "description: x\nowners: {group: g@example.org}\nstaging: {images: true}\n";
  const digest = (index: number) => `sha256:${index.toString(16).padStart(64, "0")}`;
  const families: Record<string, (size: number) => string> = {
    "bad tags": (size) => `- name: app\n  dmap:\n${repeat(size / 90, (index) => `    "${digest(index)}": ["a b"]\n`)}`,
    "bad digests": (size) =>
      `- name: app\n  dmap:\n${repeat(size / 90, (index) => `    "${digest(index)}0": ["v${index}"]\n`)}`,
    "unknown keys": (size) => repeat(size / 20, (index) => `dmap${index}: x\n`),
    "one tag everywhere": (size) =>
      `- name: app\n  dmap:\n${repeat(size / 90, (index) => `    "${digest(index)}": ["v1"]\n`)}`,
    "one image everywhere": (size) =>
      repeat(size / 100, (index) => `- name: app\n  dmap:\n    "${digest(index)}": []\n`),
    brackets: (size) => "[".repeat(size),
    "nested dashes": (size) => repeat(size / 400, () => `${"- ".repeat(200)}\n`),
    "nested keys": (size) => repeat(size / 40, (index) => `${" ".repeat(Math.min(index, 30))}a:\n`),
    quotes: (size) => `"${"\n".repeat(size)}`,
    documents: (size) => "---\n".repeat(size / 4),
    anchors: (size) => repeat(size / 20, (index) => `- &a${index} x\n- *a${index}\n`),
    comments: (size) => "#\n".repeat(size / 2),
    "flow commas": (size) => `[${",\n".repeat(size / 2)}]`,
    tags: (size) => repeat(size / 1000, () => `${"!a ".repeat(333)}\n`),
    "closing brackets": (size) => repeat(size / 1000, () => `${"]".repeat(999)}\n`),
    "keys in brackets": (size) => repeat(size / 1000, () => `${"{a}: ".repeat(200)}\n`),
    slashes: (size) => `- name: "${"/".repeat(Math.min(size, 60_000))}"\n`.repeat(Math.ceil(size / 60_000)),
  };
  let worst = 0;
  for (const [name, make] of Object.entries(families)) {
    const time = (size: number) => {
      const text = make(size);
      const texts = new Map([
        ["p/project.yaml", project],
        [`p/images.yaml`, text],
      ]);
      // The quickest of five: what else the machine does only adds.
      const times = Array.from({ length: 5 }, () => {
        const started = performance.now();
        readManifests(texts);
        return ((performance.now() - started) / text.length) * 1e6;
      });
      return Math.min(...times);
    };
    time(50_000);
    const [small, large] = [time(100_000), time(400_000)];
    worst = Math.max(worst, large / small);
    console.log(`${name}: ${small.toFixed(0)} ns a character in 100 kB, ${large.toFixed(0)} in 400 kB`);
  }
  console.log(`figure: manifests.malformed.growth = ${worst.toFixed(2)} x`);
}

function repeat(count: number, line: (index: number) => string): string {
  return Array.from({ length: Math.floor(count) }, (_, index) => line(index)).join("");
}
