import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "mocha";
import { organisation } from "../../support/organisations/organisation.ts";

const command = join(import.meta.dirname, "../../../components/commands/artifacts.mjs");
const folder = await mkdtemp(join(tmpdir(), "workflow-settings-"));

describe("settings in the workflows", () => {
  after(() => rm(folder, { recursive: true }));

  it("production's settings become the step's outputs", async () => {
    const outputs = join(folder, "outputs");
    await writeFile(outputs, "before=1\n");
    await copyFile((await organisation("big")).file, join(folder, "Pulumi.prod.yaml"));
    const { code, out } = await run(folder, { GITHUB_OUTPUT: outputs });
    assert.equal(code, 0);
    assert.equal(await readFile(outputs, "utf8"), `before=1\n${out}`);
    assert.match(out, /^state=gs:\/\/example-artifacts-state$/m);
    assert.match(out, /^archive=redirector\/dist\/redirector\.[a-z.]+$/m);
    assert.match(out, /^preview_account=artifacts-preview@example-artifacts\.iam\.gserviceaccount\.com$/m);
    assert.match(out, /^deploy_role=arn:aws:iam::123456789012:role\/artifacts-deploy$/m);
    assert.match(
      out,
      /^identity_provider=projects\/\d+\/locations\/global\/workloadIdentityPools\/github\/providers\/actions$/m,
    );
  });

  it("with a seed project the workflows sign in there, as accounts of production's project", async () => {
    const file = join(folder, "Pulumi.prod.yaml");
    const text = await readFile((await organisation("big")).file, "utf8");
    const seeded = text.replaceAll(/(stateKey: )projects\/[^/]+/g, "$1projects/example-seed");
    await writeFile(
      file,
      `${seeded.trimEnd()}\n  artifacts:seedProject: example-seed\n  artifacts:seedProjectNumber: "987654321"\n`,
    );
    const { code, out, err } = await run(folder);
    assert.equal(code, 0, err);
    assert.match(out, /^identity_provider=projects\/987654321\/locations\/global\/workloadIdentityPools\/github\//m);
    assert.match(out, /^deploy_account=artifacts-deploy@example-artifacts\./m);
  });

  it("errors of an invalid file have their lines", async () => {
    await writeFile(join(folder, "Pulumi.prod.yaml"), "config:\n  gcp:project: P\n");
    const { code, err } = await run(folder);
    assert.equal(code, 1);
    assert.match(
      err,
      /^error: nothing was done: Pulumi\.prod\.yaml has errors:\nPulumi\.prod\.yaml:2: artifacts:organization: is missing/,
    );
  });
});

function run(cwd: string, environment: Record<string, string> = {}) {
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    execFile(
      process.execPath,
      [command, "workflow-settings"],
      { cwd, env: { ...process.env, ...environment } },
      (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}
