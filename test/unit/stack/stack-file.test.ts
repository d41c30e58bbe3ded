import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "mocha";
import { readStackFile, stackProblemLine } from "../../../components/stack/stack-file.ts";
import { organisation } from "../../support/organisations/organisation.ts";

const folder = await mkdtemp(join(tmpdir(), "stack-file-"));

describe("stack file", () => {
  after(() => rm(folder, { recursive: true }));

  it("reads the file of a large organisation", async () => {
    const read = await readStackFile((await organisation("big")).file);
    assert.ok("config" in read);
    assert.equal(read.config.gcpRegions[0].name, "us-central1");
  });

  it("errors have their line; a missing setting, the line where it belongs", async () => {
    const errors = await errorsOf(
      "# a comment\nconfig:\n  artifacts:organization: Wrong\n  artifacts:domain: example.org\n  artifacts:domian: x\n",
    );
    assert.match(
      errors.find((error) => error.includes("organization")) ?? "",
      /^3: artifacts:organization: "Wrong" must/,
    );
    assert.match(errors.find((error) => error.includes("domian")) ?? "", /^5: artifacts:domian: is not a setting/);
    assert.match(errors.find((error) => error.includes("zoneId")) ?? "", /^3: artifacts:zoneId: is missing/);
  });

  it("a file without valid YAML or settings is an error with its line", async () => {
    assert.deepEqual(await errorsOf("config:\n  a: 1\n  a: 2\n"), ["3: not YAML: Map keys must be unique"]);
    assert.deepEqual(await errorsOf("other: 1\n"), ["1: `config` is required: it has the settings of the stack"]);
  });
});

async function errorsOf(text: string): Promise<readonly string[]> {
  const path = join(folder, "Pulumi.x.yaml");
  await writeFile(path, text);
  const read = await readStackFile(path);
  assert.ok("errors" in read);
  return read.errors.map((error) => stackProblemLine(error).replace(`${path}:`, ""));
}
