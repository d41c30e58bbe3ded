/**
 * Runs around every test file (`require` in .mocharc.jsonc). Mocha's workers run many files one after the other, so what a file leaves behind
 * would be the next one's trouble: a file that leaves a server or a process running fails, by its name. So does an unhandled rejection,
 * which mocha alone ignores.
 */
import { flushCompileCache } from "node:module";
import type { Context, RootHookObject } from "mocha";
import { beginFile, endFile, endTest } from "./cleanup.ts";
import { watchFile } from "./watchdog.ts";

export const mochaHooks: RootHookObject = {
  beforeAll(this: Context) {
    beginFile();
    watchFile(fileOf(this.test?.parent));
    // Mocha removes all listeners after each file.
    if (!process.listeners("unhandledRejection").includes(raise)) process.on("unhandledRejection", raise);
  },
  afterEach: endTest,
  async afterAll(this: Context) {
    const file = fileOf(this.test?.parent);
    await endFile();
    flushCompileCache(); // else a worker's modules are known to the other processes when it ends, which is with the run
    const left = await leftRunning();
    before = running();
    watchFile(undefined);
    if (left !== undefined) {
      throw new Error(`${file} leaves ${left} running: end it in an \`after\` hook, or register its end by afterFile`);
    }
  },
};

function raise(reason: unknown): never {
  throw reason instanceof Error ? reason : new Error(`unhandled rejection: ${String(reason)}`);
}

/** What keeps a process alive and is somebody's to close, by the name that Node gives it. */
const kinds = { TCPServerWrap: "a listening server", ProcessWrap: "a child process" } as const;
type Kind = keyof typeof kinds;

function running(): Map<Kind, number> {
  const all = process.getActiveResourcesInfo();
  return new Map((Object.keys(kinds) as Kind[]).map((kind) => [kind, all.filter((one) => one === kind).length]));
}

let before = running();

/** What this file has started and not ended, in words; servers and processes that are ending have two seconds to be gone. */
async function leftRunning(): Promise<string | undefined> {
  const deadline = Date.now() + 2000;
  for (;;) {
    const now = running();
    const left = (Object.keys(kinds) as Kind[]).filter((kind) => now.get(kind)! > before.get(kind)!);
    if (left.length === 0) return undefined;
    if (Date.now() > deadline) {
      return left.map((kind) => `${kinds[kind]} (${now.get(kind)! - before.get(kind)!})`).join(" and ");
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

interface SuiteLike {
  readonly file?: string | undefined;
  readonly suites: readonly SuiteLike[];
  readonly tests: readonly { readonly file?: string | undefined }[];
}

/** The file whose tests a root suite holds. */
function fileOf(root: SuiteLike | undefined): string {
  return root?.suites[0]?.file ?? root?.tests[0]?.file ?? "a test file";
}
