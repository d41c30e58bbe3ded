/** The workflows, read by two checkers that others wrote. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, it } from "mocha";
import { releaseWorkflow } from "../../components/commands/ci-workflow.ts";
import { skip } from "../support/annotations.ts";
import { peerPath, zizmorPath } from "../support/peers.ts";
import { builtPeers } from "../support/programs.ts";

await builtPeers("actionlint");

const root = join(import.meta.dirname, "../..");

/** What the projects stage whose workflows `npm run new -- --ci github` writes. */
const kindsOfStaging = [
  { registryUri: "us-docker.pkg.dev/some-project/staging-tool", bucket: "org-staging-tool" },
  { registryUri: "us-docker.pkg.dev/some-project/staging-tool", bucket: undefined },
  { registryUri: undefined, bucket: "org-staging-tool" },
] as const;

/** A folder that holds one such workflow, as the project's own repository does. */
async function withWorkflow(
  staged: (typeof kindsOfStaging)[number],
  use: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "release-workflow-"));
  try {
    await mkdir(join(folder, ".github/workflows"), { recursive: true });
    const identityProvider = "projects/123456789012/locations/global/workloadIdentityPools/github/providers/actions";
    const text = releaseWorkflow({ project: "tool", identityProvider, manifests: "org/artifacts", ...staged });
    await writeFile(join(folder, ".github/workflows/artifacts.yml"), text);
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe("checkers of workflows", () => {
  it("actionlint finds nothing", async () => {
    const files = (await readdir(join(root, ".github/workflows"))).map((file) => `.github/workflows/${file}`);
    await promisify(execFile)(await peerPath("actionlint"), ["-no-color", ...files], { cwd: root });
    for (const staged of kindsOfStaging)
      await withWorkflow(staged, async (folder) => {
        const file = join(folder, ".github/workflows/artifacts.yml");
        await promisify(execFile)(await peerPath("actionlint"), ["-no-color", file], { cwd: folder });
      });
  });

  it("zizmor finds nothing", async function () {
    const zizmor = await zizmorPath();
    if (zizmor === undefined) {
      skip(this, "zizmor cannot be installed (python3 -m venv, PyPI)");
    }
    const check = (cwd: string) =>
      promisify(execFile)(zizmor, ["--offline", "--quiet", "--no-progress", ".github"], { cwd });
    await check(root);
    for (const staged of kindsOfStaging) await withWorkflow(staged, (folder) => check(folder).then(() => undefined));

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
