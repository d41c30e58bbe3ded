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
  // Node's own cache of compiled modules: a run starts hundreds of processes that load the same ones. It halves the time of their start.
  env: { ...process.env, NODE_COMPILE_CACHE: join(root, "node_modules/.cache/compiled") },
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

/** Begins of paths: what takes longest comes first, so that all jobs end together. By the reporter's list of the slowest files in CI. */
function longestFirst(a: string, b: string): number {
  const order = [
    "test/rehearsal/recovery-places",
    "test/rehearsal/rehearsal",
    "test/rehearsal/",
    "test/contract/provider",
    "test/house/static",
    "test/browser/",
    "test/contract/images-faults",
    "test/contract/catalogue-program",
    "test/contract/storage-faults",
    "test/contract/",
  ];
  const rank = (file: string): number => {
    const found = order.findIndex((beginning) => file.startsWith(beginning));
    return found === -1 ? order.length : found;
  };
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}
