/**
 * `npm test [-- WORD ...]`: every test there is, or those whose path contains one of the words. Has the servers and peers built
 * first, shows each test as it ends, names what was skipped, and closes with one line: N passed, N failed.
 */
import { glob } from "node:fs/promises";
import { join, relative } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { ensureTools } from "../local/tools/tools.ts";
import { ensurePeers } from "./support/peers.ts";

const root = join(import.meta.dirname, "..");
const words = process.argv.slice(2);
const say = (line: string): void => console.log(line);

const files = (await Array.fromAsync(glob("test/**/*.test.ts", { cwd: root })))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort(byLength);
if (files.length === 0) {
  console.error(`error: no file test/**/*.test.ts has ${words.map((word) => `"${word}"`).join(" or ")} in its path`);
  process.exit(1);
}

await ensureTools(say);
await ensurePeers(say);

const skipped: string[] = [];
let passed = 0;
let failed = 0;
const tests = run({
  files: files.map((file) => join(root, file)),
  concurrency: 2,
  cwd: root,
  // A hanging test is a failing test; the longest (the whole rehearsal, cold) takes a few minutes, 20 kills (`npm run drills`) some more.
  timeout: (process.env["ARTIFACTS_KILLS"] ? 90 : 20) * 60 * 1000,
});
tests.on("test:pass", (test) => {
  if (test.details.type === "suite" || isFile(test)) return;
  if (test.skip !== undefined) {
    skipped.push(`${test.name}${typeof test.skip === "string" ? `: ${test.skip}` : ""}`);
    return;
  }
  passed++;
});
tests.on("test:fail", (test) => {
  if (test.details.type !== "suite") failed++;
});
tests.compose(spec).pipe(process.stdout);
await new Promise((resolve) => tests.once("end", resolve));

process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
// The reporter writes its own summary after the last test; ours comes last.
process.once("exit", () => {
  for (const name of skipped) console.log(`SKIPPED ${name}`);
  console.log(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`);
});

/** The runner also reports each file as a test of its own, by its path. */
function isFile(test: { name: string; nesting: number }): boolean {
  return test.nesting === 0 && (test.name.endsWith(".test.ts") || files.includes(relative(root, test.name)));
}

/** The rehearsal first: it takes longest, and everything else fits beside it. */
function byLength(a: string, b: string): number {
  const rank = (file: string): number => (file.includes("rehearsal/") ? 0 : 1);
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}
