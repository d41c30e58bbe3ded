import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, it } from "mocha";
import { parse } from "yaml";
import { parseStackConfig } from "../../components/stack/config.ts";
import { manifests } from "../support/graph/fixtures.ts";
import { type Declared, declare } from "../support/graph/program.ts";
import { compareWithGolden, overview } from "./golden.ts";
import { links } from "./links.ts";
import { properties } from "./properties.ts";

let config: Readonly<Record<string, unknown>>;
let resources: readonly Declared[];

describe("the production stack", () => {
  before(async () => {
    const text = await readFile(new URL("../../Pulumi.prod.yaml", import.meta.url), "utf8");
    config = (parse(text) as { config: Record<string, unknown> }).config;
    resources = await declare(config, manifests);
  });

  it("Pulumi.prod.yaml is valid, with 22 regions of Google Cloud and 6 of AWS", () => {
    const parsed = parseStackConfig(config);
    if ("errors" in parsed) assert.fail(parsed.errors.join("\n"));
    assert.equal(parsed.config.gcpRegions.length, 22);
    assert.equal(parsed.config.awsRegions.length, 6);
    assert.equal(parsed.config.protection, true);
  });

  it("production is as the golden file says (UPDATE_GOLDEN=1 writes it)", async () => {
    const { golden, text } = await compareWithGolden(new URL("prod.golden.txt", import.meta.url), overview(resources));
    assert.equal(text, golden);
  });

  describe("what must hold, holds in production", () => {
    for (const [what, violations] of Object.entries({ ...properties, ...links })) {
      it(what, () => assert.deepEqual(violations(resources), []));
    }
  });

  it("one more region is one line", async () => {
    const more = await declare(
      { ...config, "artifacts:gcpRegions": [...(config["artifacts:gcpRegions"] as string[]), "africa-south1"] },
      manifests,
    );
    const before = new Set(resources.map(({ type, name }) => `${type} ${name}`));
    const added = more.filter(({ type, name }) => !before.has(`${type} ${name}`)).map(({ name }) => name);
    assert.ok(added.length > 0);
    for (const name of added) assert.match(name, /africa-south1/);
    for (const [what, violations] of Object.entries({ ...properties, ...links }))
      assert.deepEqual(violations(more), [], what);
  });
});
