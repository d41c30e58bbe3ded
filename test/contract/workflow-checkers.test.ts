/** The workflows, read by two checkers that others wrote. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, it } from "mocha";
import { skip } from "../support/annotations.ts";
import { peerPath, zizmorPath } from "../support/peers.ts";
import { builtPeers } from "../support/programs.ts";

await builtPeers("actionlint");

const root = join(import.meta.dirname, "../..");

describe("checkers of workflows", () => {
  it("actionlint finds nothing", async () => {
    const files = (await readdir(join(root, ".github/workflows"))).map((file) => `.github/workflows/${file}`);
    await promisify(execFile)(await peerPath("actionlint"), ["-no-color", ...files], { cwd: root });
  });

  it("zizmor finds nothing", async function () {
    const zizmor = await zizmorPath();
    if (zizmor === undefined) {
      skip(this, "zizmor cannot be installed (python3 -m venv, PyPI)");
    }
    const check = (cwd: string) =>
      promisify(execFile)(zizmor, ["--offline", "--quiet", "--no-progress", ".github"], { cwd });
    await check(root);

    const copy = await mkdtemp(join(tmpdir(), "zizmor-bites-"));
    try {
      await cp(join(root, ".github"), join(copy, ".github"), { recursive: true });
      const file = join(copy, ".github/workflows/check.yml");
      const text = await readFile(file, "utf8");
      await writeFile(file, text.replace("run: ./.ci/run", `run: echo $\{{ github.event.pull_request.title }}`));
      await assert.rejects(check(copy), { stdout: /template-injection/ }, "it finds what is there to find");
    } finally {
      await rm(copy, { recursive: true });
    }
  });
});
