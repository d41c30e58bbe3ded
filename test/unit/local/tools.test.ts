/** How a machine's own CLI is told from one that cannot be used. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { engineVersion, ensureEngine } from "../../../local/tools/tools.ts";
import packageJson from "../../../package.json" with { type: "json" };

const { PATH, ARTIFACTS_TOOLS } = process.env;
let folder: string;

describe("choice of the Pulumi CLI", () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "engine-"));
    process.env["ARTIFACTS_TOOLS"] = join(folder, "prebuilt"); // what is used when the machine has none
    process.env["PATH"] = [join(folder), "/usr/bin", "/bin"].join(delimiter);
  });
  afterEach(async () => {
    process.env["PATH"] = PATH;
    if (ARTIFACTS_TOOLS === undefined) delete process.env["ARTIFACTS_TOOLS"];
    else process.env["ARTIFACTS_TOOLS"] = ARTIFACTS_TOOLS;
    await rm(folder, { recursive: true, force: true });
  });

  it("builds the engine in the version of the SDK", () => {
    assert.equal(packageJson.dependencies["@pulumi/pulumi"], engineVersion);
  });

  for (const version of [engineVersion, "3.232.1", "3.270.0", "4.0.0"]) {
    it(`a CLI ${version} on PATH is used`, async () => {
      await machineHas(`echo v${version}`);
      assert.deepEqual(await ensureEngine(() => {}), { path: join(folder, "pulumi"), version, origin: "machine" });
    });
  }

  for (const [what, script] of Object.entries({
    "an older one": "echo v3.231.9",
    "one of another major version": "echo v2.999.0",
    "one that prints no version": "echo",
    "one that fails": "exit 3",
  })) {
    it(`${what} is not`, async () => {
      await machineHas(script);
      assert.equal((await ensureEngine(() => {})).origin, "built");
    });
  }

  it("a script on PATH that runs this CLI is queried once and answers no version", async () => {
    const tools = join(import.meta.dirname, "../../../local/tools/tools.ts");
    const asks = `import { ensureEngine } from ${JSON.stringify(tools)}; console.log((await ensureEngine(() => {})).version)`;
    await machineHas(`echo asked >> ${join(folder, "log")}; '${process.execPath}' --input-type=module -e '${asks}'`);
    assert.equal((await ensureEngine(() => {})).origin, "built");
    assert.equal((await readFile(join(folder, "log"), "utf8")).split("\n").length - 1, 1);
  });
});

async function machineHas(script: string): Promise<void> {
  const path = join(folder, "pulumi");
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}
