/**
 * `npm test [-- WORD ...]`: runs mocha on every test file, or on those whose path contains one of the words. How it runs them is in .mocharc.jsonc, what
 * it prints in support/reporter.ts. Builds nothing: tests that need servers ask for them (support/programs.ts).
 */
import { spawn } from "node:child_process";
import { glob } from "node:fs/promises";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const words = process.argv.slice(2);

const files = (await Array.fromAsync(glob("test/**/*.test.ts", { cwd: root })))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort(longestFirst);
if (files.length === 0) {
  console.error(`error: no file test/**/*.test.ts has ${words.map((word) => `"${word}"`).join(" or ")} in its path`);
  process.exit(1);
}

const mocha = spawn(process.execPath, [join(root, "node_modules/mocha/bin/mocha.js"), ...files], {
  cwd: root,
  stdio: "inherit",
});
// The terminal sends Ctrl-C to mocha as well; it ends its workers, then this ends.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => mocha.kill("SIGTERM"));
const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
  mocha.once("close", (...how) => resolve(how));
});
if (signal !== null) console.error(`error: mocha was ended by ${signal}`);
process.exitCode = code ?? 1;

/** What takes longest comes first, so that everything else fits beside it. */
function longestFirst(a: string, b: string): number {
  const rank = (file: string): number => (file.includes("rehearsal/") ? 0 : file.includes("contract/") ? 1 : 2);
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}
