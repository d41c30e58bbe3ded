/** The whole program for organisations of different kinds, each a fixture in test/support/organisations. */
import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import { parseStackConfig } from "../../components/stack/config.ts";
import { type Declared, declare } from "../support/graph/program.ts";
import { type Organisation, organisation } from "../support/organisations/organisation.ts";
import { compareWithGolden, overview } from "./golden.ts";
import { links } from "./links.ts";
import { properties } from "./properties.ts";

/** The organisations, by name of their file. */
const organisations = ["big"] as const;

for (const name of organisations) {
  describe(`organisation ${name}`, () => {
    let fixture: Organisation;
    let resources: readonly Declared[];

    before(async () => {
      fixture = await organisation(name);
      resources = await declare(fixture.config, fixture.manifests);
    });

    it("its program is as the golden page says (UPDATE_GOLDEN=1 writes it)", async () => {
      const page = new URL(`organisations/${name}.golden.txt`, import.meta.url);
      const { golden, text } = await compareWithGolden(page, overview(resources));
      assert.equal(text, golden);
    });

    for (const [what, violations] of Object.entries({ ...properties, ...links })) {
      it(what, () => assert.deepEqual(violations(resources), []));
    }
  });
}

describe("a large organisation", () => {
  it("has 22 regions of Google Cloud and 6 of AWS, protected", async () => {
    const parsed = parseStackConfig((await organisation("big")).config);
    if ("errors" in parsed) assert.fail(parsed.errors.join("\n"));
    assert.equal(parsed.config.gcpRegions.length, 22);
    assert.equal(parsed.config.awsRegions.length, 6);
    assert.equal(parsed.config.protection, true);
  });

  it("adds a region by one line", async () => {
    const { config, manifests } = await organisation("big");
    const regions = config["artifacts:gcpRegions"] as readonly string[];
    const resources = await declare(config, manifests);
    const more = await declare({ ...config, "artifacts:gcpRegions": [...regions, "africa-south1"] }, manifests);
    const before = new Set(resources.map(({ type, name }) => `${type} ${name}`));
    const added = more.filter(({ type, name }) => !before.has(`${type} ${name}`)).map(({ name }) => name);
    assert.ok(added.length > 0);
    for (const name of added) assert.match(name, /africa-south1/);
    for (const [what, violations] of Object.entries({ ...properties, ...links }))
      assert.deepEqual(violations(more), [], what);
  });
});
