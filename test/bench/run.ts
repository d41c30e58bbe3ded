/** `npm run bench -- NAME [ARGS]`: runs one benchmark, test/bench/NAME.ts. Each result is one line `figure: NAME = VALUE UNIT`. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** The other files of this folder are parts of these. */
const benchmarks = [
  "catalogue",
  "files",
  "k8s",
  "manifests",
  "promotion",
  "redirector",
  "redirector-heads",
  "preview",
  "rehearse",
  "scale",
  "trust",
];

const [name, ...args] = process.argv.slice(2);
const present = benchmarks.filter((one) => existsSync(fileOf(one)));
if (name === undefined || !present.includes(name)) {
  console.error(`usage: npm run bench -- NAME [ARGS]\nbenchmarks: ${present.join(", ")}`);
  process.exit(2);
}
spawn(process.execPath, [fileOf(name), ...args], { stdio: "inherit" }).once("close", (code) => process.exit(code ?? 1));

function fileOf(benchmark: string): string {
  return join(import.meta.dirname, `${benchmark}.ts`);
}
