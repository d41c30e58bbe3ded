/** The order of rooms (import-rules.ts says which and why): the tree keeps it, and each rule finds an import that it forbids. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import { before, describe, it } from "mocha";
import { importRules } from "./import-rules.ts";

const root = join(import.meta.dirname, "../..");

/** The violations of all rules in the given folders and files below `baseDir`. */
async function violations(baseDir: string, places: string[]) {
  const { output } = await cruise(places, {
    baseDir,
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    validate: true,
    ruleSet: { forbidden: [...importRules] as never },
  });
  return (output as ICruiseResult).summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to }));
}

it("nothing imports what it may not", async () => {
  const found = await violations(root, ["index.ts", "components", "redirector", "local", "test"]);
  const shown = found.map(({ rule, from, to }) => `${rule}: ${from} -> ${to}`);
  assert.deepEqual(shown, []);
});

/** For each rule one import that violates it and no other rule. */
const forbiddenImports: readonly (readonly [rule: string, from: string, to: string])[] = [
  ["components/plugin", "components/plugin/x.ts", "components/stack/y.ts"],
  ["components/stack", "components/stack/x.ts", "components/promotion/run/y.ts"],
  ["components/catalogue", "components/catalogue/x.ts", "components/manifests/y.ts"],
  ["components/manifests", "components/manifests/x.ts", "components/promotion/oci/y.ts"],
  ["components/promotion", "components/promotion/run/x.ts", "components/mirrors/y.ts"],
  ["components/identities", "components/identities/x.ts", "components/staging/y.ts"],
  ["components/staging", "components/staging/x.ts", "components/mirrors/y.ts"],
  ["components/mirrors", "components/mirrors/x.ts", "components/serving/y.ts"],
  ["components/monitoring", "components/monitoring/x.ts", "components/serving/y.ts"],
  ["components/adoption", "components/adoption/x.ts", "components/commands/y.ts"],
  ["components/serving", "components/serving/x.ts", "components/commands/y.ts"],
  ["promotion/text", "components/promotion/text/x.ts", "components/promotion/http/y.ts"],
  ["promotion/trust", "components/promotion/trust/x.ts", "components/promotion/oci/y.ts"],
  ["promotion/http", "components/promotion/http/x.ts", "components/promotion/oci/y.ts"],
  ["promotion/run", "components/promotion/run/x.ts", "components/promotion/storage/y.ts"],
  ["promotion/oci", "components/promotion/oci/x.ts", "components/promotion/storage/y.ts"],
  ["promotion/storage", "components/promotion/storage/x.ts", "components/promotion/oci/y.ts"],
  ["promotion/blobs", "components/promotion/blobs/x.ts", "components/promotion/images/y.ts"],
  ["promotion/bucket-registry", "components/promotion/bucket-registry/x.ts", "components/promotion/blobs/y.ts"],
  ["promotion/images", "components/promotion/images/x.ts", "components/promotion/unmanaged/y.ts"],
  ["promotion/files", "components/promotion/files/x.ts", "components/promotion/images/y.ts"],
  ["promotion/unmanaged", "components/promotion/unmanaged/x.ts", "components/promotion/catalogue/y.ts"],
  ["promotion/catalogue", "components/promotion/catalogue/x.ts", "components/promotion/unmanaged/y.ts"],
  ["redirector/config.ts", "redirector/config.ts", "redirector/http1/y.ts"],
  ["redirector/object-paths.ts", "redirector/object-paths.ts", "redirector/http1/y.ts"],
  ["redirector/http1", "redirector/http1/x.ts", "redirector/routing/y.ts"],
  ["redirector/client", "redirector/client/x.ts", "redirector/mirrors/y.ts"],
  ["redirector/cloud-ranges", "redirector/cloud-ranges/x.ts", "redirector/mirrors/y.ts"],
  ["redirector/mirrors", "redirector/mirrors/x.ts", "redirector/cloud-ranges/y.ts"],
  ["redirector/routing", "redirector/routing/x.ts", "redirector/telemetry/y.ts"],
  ["redirector/telemetry", "redirector/telemetry/x.ts", "redirector/catalogue/y.ts"],
  ["redirector/catalogue", "redirector/catalogue/x.ts", "redirector/telemetry/y.ts"],
  ["redirector/app.ts", "redirector/app.ts", "redirector/main.ts"],
  ["redirector/build.ts", "redirector/build.ts", "redirector/main.ts"],
  ["redirector/main.ts", "redirector/main.ts", "redirector/build.ts"],
  ["promotion-runs-without-pulumi", "components/promotion/images/x.ts", "node_modules/@pulumi/pulumi/index.js"],
  ["resources-only-declare", "components/promotion/resources/x.ts", "components/manifests/y.ts"],
  ["the-program-declares-promotions", "index.ts", "components/promotion/images/y.ts"],
  ["manifests-know-no-pulumi", "components/manifests/x.ts", "node_modules/@pulumi/pulumi/index.js"],
  ["the-catalogue-is-pure", "components/catalogue/x.ts", "node_modules/@pulumi/pulumi/index.js"],
  ["redirector-stands-alone", "redirector/app.ts", "components/catalogue/y.ts"],
  ["one-contract-with-the-redirector", "components/serving/x.ts", "redirector/routing/y.ts"],
  ["nobody-needs-the-rehearsal", "components/commands/x.ts", "local/tools/y.ts"],
  ["the-rehearsal-speaks-the-clouds-interfaces", "local/x.ts", "components/manifests/y.ts"],
  ["tests-share-support-only", "test/unit/x.ts", "test/bench/y.ts"],
  ["support-is-no-test", "test/support/x.ts", "test/support/y.test.ts"],
  ["no-cycles", "components/stack/x.ts", "components/stack/round.ts"],
];

describe("each rule finds an import that it forbids, and no other rule does", () => {
  const found = new Map<string, readonly string[]>();

  // One tree for each: two imports of one tree could make a third.
  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), "artifacts-imports-"));
    try {
      for (const [rule, from, to] of forbiddenImports) {
        const tree = join(folder, rule.replaceAll("/", "-"));
        const target = posix.relative(dirname(from), to);
        const specifier = target.startsWith(".") ? target : `./${target}`;
        await write(tree, from, `import type { Y } from "${specifier}";\nexport type X = Y;\n`);
        const back = `import type { X } from "./x.ts";\nexport type Y = X;\n`;
        await write(tree, to, rule === "no-cycles" ? back : "export type Y = 1;\n");
        const names = (await violations(tree, [from])).map((violation) => violation.rule);
        found.set(rule, [...new Set(names)]);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  for (const [rule, from, to] of forbiddenImports) {
    it(`${rule}: ${from} -> ${to}`, () => assert.deepEqual(found.get(rule), [rule]));
  }

  it("no rule is without such an import", () => {
    assert.deepEqual(forbiddenImports.map(([rule]) => rule).sort(), importRules.map(({ name }) => name).sort());
  });
});

async function write(tree: string, path: string, text: string): Promise<void> {
  const file = join(tree, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}
