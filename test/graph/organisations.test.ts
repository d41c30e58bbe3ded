/** The whole program for organisations of different kinds, each a fixture in test/support/organisations. */
import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import { parseStackConfig } from "../../components/stack/config.ts";
import type { Declared, Program } from "../../local/graph/record-program.ts";
import { declaredDnsRecords } from "../support/graph/dns.ts";
import { declare, runProgram } from "../support/graph/program.ts";
import { organisation } from "../support/organisations/organisation.ts";
import { compareWithGolden, differences, overview } from "./golden.ts";
import { links } from "./links.ts";
import { properties } from "./properties.ts";

/** The organisations, by name of their file. */
const organisations = [
  "big",
  "one-region",
  "two-regions",
  "cloudflare",
  "cloud-dns",
  "route53",
  "images-only",
  "files-only",
  "with-aws",
  "with-r2",
] as const;

const programs = new Map<string, Promise<Program>>();

/** The program of an organisation, run once. */
async function programOf(name: string): Promise<Program> {
  const known = programs.get(name) ?? organisation(name).then(({ config, manifests }) => runProgram(config, manifests));
  programs.set(name, known);
  return await known;
}

/** The page of an organisation. Each small one shows what differs from the smallest, so that a change of the program changes few pages. */
async function pageOf(name: string): Promise<string> {
  const page = overview((await programOf(name)).resources);
  return name === "big" || name === "one-region"
    ? page
    : differences(overview((await programOf("one-region")).resources), page);
}

for (const name of organisations) {
  describe(`organisation ${name}`, () => {
    let resources: readonly Declared[];

    before(async () => {
      resources = (await programOf(name)).resources;
    });

    it("its program is as the golden page says, small ones as what differs from one region (UPDATE_GOLDEN=1 writes it)", async () => {
      const page = new URL(`organisations/${name}.golden.txt`, import.meta.url);
      const { golden, text } = await compareWithGolden(page, await pageOf(name));
      assert.equal(text, golden);
    });

    for (const [what, violations] of Object.entries({ ...properties, ...links })) {
      it(what, () => assert.deepEqual(violations(resources), []));
    }
  });
}

describe("an organisation whose DNS records people enter by hand", () => {
  it("is told all of them by the stack's output, in the form of a zone file; no other organisation is", async () => {
    const { config, manifests } = await organisation("one-region");
    const { resources, outputs } = await programOf("one-region");
    assert.deepEqual(declaredDnsRecords(resources), []);
    assert.deepEqual(outputs["dnsRecords"], [
      "_acme-challenge.artifacts.example.org. 300 IN CNAME proof.authorize.certificatemanager.goog.",
      'artifacts.example.org. 300 IN CAA 0 issue "pki.goog"',
      'artifacts.example.org. 300 IN CAA 0 issue "letsencrypt.org"',
      "artifacts.example.org. 300 IN A 192.0.2.1",
      "artifacts.example.org. 300 IN AAAA 2001:db8::1",
    ]);
    const notLive = await runProgram({ ...config, "artifacts:live": false }, manifests);
    assert.equal((notLive.outputs["dnsRecords"] as string[]).length, 3);
    assert.deepEqual((await programOf("cloudflare")).outputs["dnsRecords"], []);
  });

  it("has the records that a service of DNS would be given", async () => {
    const values = async (name: string): Promise<string[]> =>
      declaredDnsRecords((await programOf(name)).resources)
        .map((record) => `${record.name}. 300 IN ${record.type} ${record.value.replace(/(goog)\.?$/, "$1.")}`)
        .sort();
    const byHand = (await programOf("one-region")).outputs["dnsRecords"] as string[];
    for (const name of ["cloudflare", "cloud-dns", "route53"])
      assert.deepEqual(await values(name), byHand.toSorted(), name);
  });
});

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
    const { resources } = await programOf("big");
    const more = await declare({ ...config, "artifacts:gcpRegions": [...regions, "africa-south1"] }, manifests);
    const before = new Set(resources.map(({ type, name }) => `${type} ${name}`));
    const added = more.filter(({ type, name }) => !before.has(`${type} ${name}`)).map(({ name }) => name);
    assert.ok(added.length > 0);
    for (const name of added) assert.match(name, /africa-south1/);
    for (const [what, violations] of Object.entries({ ...properties, ...links }))
      assert.deepEqual(violations(more), [], what);
  });
});
