/** How this project's tests are run (.mocharc.jsonc, test/support): what counts, what fails, and what the last line says. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "mocha";
import ts from "typescript";
import { afterTest } from "../support/cleanup.ts";
import { runMocha } from "../support/run-mocha.ts";

const root = join(import.meta.dirname, "../..");
const support = (file: string): string => JSON.stringify(join(root, "test/support", file));

/** Runs files of these contents, as `npm test` does. They use mocha's globals: outside the project there is no package to import. */
async function run(...contents: readonly string[]): Promise<{ code: number | null; output: string }> {
  return await runMocha(...(await write(contents)));
}

async function write(contents: readonly string[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "artifacts-mocha-"));
  afterTest(() => rm(folder, { recursive: true, force: true }));
  const files = contents.map((_, index) => join(folder, `file${index}.test.ts`));
  await Promise.all(files.map((file, index) => writeFile(file, contents[index]!)));
  return files;
}

describe("the test runner", () => {
  it("counts passed, failed and skipped tests in the last line, and prints reasons and notes from its workers", async () => {
    const { code, output } = await run(
      `import { describeUnless, itUnless, note, skip } from ${support("annotations.ts")};
describe("one", () => {
  it("passes", function () { note(this, "a figure"); });
  it("fails", () => { throw new Error("why it fails"); });
  it("is skipped while it runs", function () { skip(this, "no network"); });
  itUnless("no curl", "is skipped before it runs", () => {});
  itUnless(undefined, "is not skipped", () => {});
});
describeUnless("no browser", "a suite", () => { it("is in a skipped suite", () => {}); });
describe("another suite", () => {
  before(function () { skip(this, "no server"); });
  it("is behind a hook that skips", () => {});
});`,
      `it("passes too", () => {});`,
    );
    assert.equal(code, 1, output);
    assert.match(output, /\n3 passed, 1 failed, 4 skipped\n$/);
    assert.match(output, /\n\d+\.\d s for 2 files\n/);
    for (const line of [
      "SKIPPED is skipped while it runs: no network",
      "SKIPPED is skipped before it runs: no curl",
      "SKIPPED is in a skipped suite: no browser",
      "SKIPPED is behind a hook that skips: no server",
      "Error: why it fails",
      "a figure",
    ]) {
      assert.ok(output.includes(line), `${line} in\n${output}`);
    }
  });

  it("fails without a passed test, and by a hook that throws or a file that does not load", async () => {
    const none = await run("export {};");
    assert.deepEqual([none.code, none.output.trimEnd().split("\n").at(-1)], [1, "0 passed, 0 failed, 0 skipped"]);
    const hook = await run(`describe("x", () => { before(() => { throw new Error("no"); }); it("y", () => {}); });`);
    assert.match(hook.output, /\n0 passed, 1 failed, 0 skipped\n$/);
    assert.equal(hook.code, 1);
    const broken = await run(`it("passes", () => {});`, `import "./missing.ts";`);
    assert.match(broken.output, /missing\.ts/);
    assert.match(broken.output, /\n1 passed, 1 failed, 0 skipped\n$/);
    assert.equal(broken.code, 1);
  });

  it("fails a test with an unhandled rejection, and a file that leaves a server running, by name", async () => {
    const { code, output } = await run(
      `it("rejects", async () => {
  void Promise.reject(new Error("nobody handles this"));
  await new Promise(() => {}); // mocha goes on
});`,
      `import { createServer } from "node:http";
it("starts a server", async () => { await new Promise((resolve) => createServer().listen(0, resolve)); });`,
    );
    assert.equal(code, 1);
    assert.match(output, /nobody handles this/);
    assert.match(output, /file1\.test\.ts leaves a listening server \(1\) running/);
    assert.match(output, /\n1 passed, 2 failed, 0 skipped\n$/);
  });

  it("ends what a test and a file have registered, also when the test fails", async () => {
    const { output } = await run(
      `import { afterFile, afterTest } from ${support("cleanup.ts")};
it("fails", () => {
  afterFile(() => console.log("file over"));
  afterTest(() => console.log("test over, first registered"));
  afterTest(() => console.log("test over, last registered"));
  throw new Error("no");
});
it("next", () => console.log("next test"));`,
    );
    const order = ["test over, last registered", "test over, first registered", "next test", "file over"];
    assert.deepEqual(
      output.split("\n").filter((line) => order.includes(line)),
      order,
    );
  });

  it("ends what a hook has gone on to start after it failed", async () => {
    const files = await write([
      `import { spawn } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import { afterFile } from ${support("cleanup.ts")};
describe("x", () => {
  before(async () => {
    const late = async () => {
      await setTimeout(300);
      const child = spawn("sleep", ["600"], { stdio: "ignore" });
      afterFile(() => child.kill());
      child.once("exit", (_, signal) => console.log("ended by " + signal));
    };
    await Promise.all([late(), Promise.reject(new Error("no"))]);
  });
  it("y", () => {});
});`,
    ]);
    // In one process, which lives as long as its children do.
    const { code, output } = await runMocha("--no-parallel", ...files);
    assert.match(output, /ended by SIGTERM/);
    assert.equal(code, 1);
  });
});

describe("test files", () => {
  const files = globSync("test/**/*.ts", { cwd: root }).map((file) => ({
    file,
    text: readFileSync(join(root, file), "utf8"),
  }));

  it("do not use node:test", () => {
    const imported = /^(?:import|\}).* from "node:test/m;
    assert.deepEqual(
      files.filter(({ text }) => imported.test(text)).map(({ file }) => file),
      [],
    );
  });

  it("have no hook outside a describe: in a worker it would run around the root hooks", () => {
    const found = files.flatMap(({ file, text }) => (file.endsWith(".test.ts") ? rootHooks(text, file) : []));
    assert.deepEqual(found, []);
  });

  it("the check finds such hooks, in loops too", () => {
    const text = `before(() => {});\nfor (const a of [1]) {\n  after(() => {});\n}\ndescribe("x", () => {\n  after(() => {});\n});`;
    assert.deepEqual(rootHooks(text, "a.ts"), ["a.ts:1: before", "a.ts:3: after"]);
  });

  it("have at least the runner's time: less makes a busy machine a failure", () => {
    const timeout = Number(/"timeout": (\d+)/.exec(readFileSync(join(root, ".mocharc.jsonc"), "utf8"))?.[1]);
    const found = files.flatMap(({ file, text }) => timesBelow(timeout, text).map((time) => `${file}: ${time}`));
    assert.deepEqual(found, []);
    const times = ["this.@(60_000);", "this.@(11 * 60_000);", "}).@(5 * 60_000);", "AbortSignal.@(1);"];
    const text = times.join("\n").replaceAll("@", "timeout"); // else this file has them
    assert.deepEqual(timesBelow(600_000, text), ["60_000", "5 * 60_000"]);
  });
});

/** The times that suites and tests are given, as they stand in the text, below a limit in ms. */
function timesBelow(limit: number, text: string): string[] {
  const given = [...text.matchAll(/(?<!AbortSignal)\.timeout\(([\d_* ]+)\)/g)].map(([, time = ""]) => time);
  const milliseconds = (time: string): number =>
    time
      .replaceAll("_", "")
      .split("*")
      .reduce((product, factor) => product * Number(factor), 1);
  return given.filter((time) => milliseconds(time) < limit);
}

/** Calls of hooks that stand in no `describe`. */
function rootHooks(text: string, name: string): string[] {
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
      const called = node.expression.text;
      if (called.startsWith("describe")) return;
      if (["before", "after", "beforeEach", "afterEach"].includes(called)) {
        found.push(`${name}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${called}`);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}
