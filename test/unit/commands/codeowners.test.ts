import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "mocha";
import { codeowners } from "../../../components/manifests/codeowners.ts";
import { type EndedCommand, runArtifacts } from "../../support/run-command-lines.ts";
import { stackFile } from "../../support/stack-file.ts";

const folder = await mkdtemp(join(tmpdir(), "codeowners-"));
const file = join(folder, ".github/CODEOWNERS");
const project = "description: x\nowners: {group: g@example.org}\nstaging: {images: true}\n";

describe("npm run codeowners", () => {
  after(() => rm(folder, { recursive: true }));

  it("each project's folder has its approvers, all the rest the stack's", () => {
    assert.equal(
      codeowners(
        "manifests",
        [
          { name: "a", approvers: ["octocat", "octo-org/a-team"] },
          { name: "b", approvers: [] },
        ],
        ["octo-org/infra", "hubot"],
      ),
      `# Written by \`npm run codeowners\` from artifacts:approvers of the stack and approvers of each project.yaml: do not edit.
* @octo-org/infra @hubot
/manifests/a/ @octocat @octo-org/a-team
`,
    );
  });

  it("check fails until the file is written, and again when somebody else is to approve", async () => {
    await writeFile(join(folder, "Pulumi.prod.yaml"), `${stackFile}  artifacts:approvers: [octo-org/infra]\n`);
    await mkdir(join(folder, "manifests/a"), { recursive: true });
    await writeFile(join(folder, "manifests/a/project.yaml"), `${project}approvers: [octocat]\n`);
    const stale =
      ".github/CODEOWNERS:1:1: does not say who the stack and the projects name as approvers: run npm run codeowners\n";
    assert.ok((await run("check")).out.startsWith(stale), "none is there");
    assert.deepEqual(await run("codeowners"), { code: 0, out: ".github/CODEOWNERS: written\n", err: "" });
    assert.match(await readFile(file, "utf8"), /^\* @octo-org\/infra\n\/manifests\/a\/ @octocat\n$/m);
    assert.equal((await run("check")).code, 0);
    await writeFile(join(folder, "manifests/a/project.yaml"), `${project}approvers: [stranger]\n`);
    const check = await run("check");
    assert.equal(check.code, 1);
    assert.ok(check.out.startsWith(stale));
  });

  it("a stack without approvers has no CODEOWNERS, which is a mistake once a project names some", async () => {
    await writeFile(join(folder, "Pulumi.prod.yaml"), stackFile);
    assert.match((await run("check")).out, /^Pulumi.prod.yaml:1:1: artifacts:approvers is required, as projects name/);
    assert.deepEqual(await run("codeowners"), {
      code: 1,
      out: "",
      err: "error: nothing written: add artifacts:approvers to Pulumi.prod.yaml\n",
    });
    await writeFile(join(folder, "manifests/a/project.yaml"), project);
    assert.equal((await run("check")).code, 0);
  });

  it("nothing is written while the manifests have errors, and check leaves it at these", async () => {
    await writeFile(join(folder, "Pulumi.prod.yaml"), `${stackFile}  artifacts:approvers: [octo-org/infra]\n`);
    await writeFile(join(folder, "manifests/a/project.yaml"), `${project}approvers: ["@x"]\n`);
    assert.match((await run("codeowners")).err, /^error: nothing written, the manifests have errors:\nmanifests\/a\//);
    assert.doesNotMatch((await run("check")).out, /CODEOWNERS/);
  });
});

function run(command: "check" | "codeowners"): Promise<EndedCommand> {
  return runArtifacts([command], { cwd: folder, env: { ...process.env, GITHUB_ACTIONS: "" } });
}
