import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { Stack } from "../../../local/tools/stack.ts";

describe("the rehearsal's stack", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "stack-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("names file and line of a config that is not YAML", async () => {
    const file = join(folder, "Pulumi.own.yaml");
    await writeFile(file, "config:\n  artifacts:domain: example.org\n  artifacts:approvers: [one\n");
    const rehearsal = {
      pid: 1,
      control: "http://127.0.0.1:1",
      gcsEndpoint: "http://127.0.0.1:1/storage/v1/",
      s3Endpoint: "http://127.0.0.1:1",
      awsCredentials: { accessKeyId: "id", secretAccessKey: "secret" },
      providers: "",
    };
    const stack = new Stack(folder, rehearsal, { name: "own", file });
    await assert.rejects(stack.configure(), {
      message: `${file}:4: not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]`,
    });
  });
});
