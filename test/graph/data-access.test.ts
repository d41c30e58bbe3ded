/** Who may do what with the data, every pair of it, as a page that a reviewer reads: docs/rights.md. */
import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import { type DataAction, type DataStore, dataActions, mayAccess, type Requester } from "../../local/cloud/access.ts";
import type { Declared } from "../../local/graph/record-program.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";
import { compareWithGolden } from "./golden.ts";
import { beyondPage } from "./held-rights.ts";

let resources: readonly Declared[];

const account = (name: string): Requester => ({
  members: [`serviceAccount:${name}@demo-project.iam.gserviceaccount.com`],
  ...(name.startsWith("artifacts-") && { awsRole: name }),
});
const release = (build: string): Requester => ({
  members: [
    `principalSet://iam.googleapis.com/projects/1234/locations/global/workloadIdentityPools/github/attribute.release/${build}`,
  ],
});
const requesters: Readonly<Record<string, Requester>> = {
  anybody: { members: ["allUsers"] },
  "any Google account": { members: ["user:somebody@example.com"] },
  "the group of `full`": { members: ["group:full@example.org"] },
  "the CI of `full`": release("1296269/artifacts.yml/tags"),
  "the group of `new`": { members: ["group:new@example.org"] },
  "another repository's CI": release("7/artifacts.yml/tags"),
  "another workflow of `full`'s repository": release("1296269/other.yml/tags"),
  "`preview`": account("artifacts-preview"),
  "`deploy`": account("artifacts-deploy"),
  "the redirector": account("redirector"),
  "the fill": account("artifacts-fill"),
  "the audit": account("artifacts-audit"),
};
const stores: Readonly<Record<string, DataStore>> = {
  "production, images": { kind: "repository", location: "europe-west1", name: "images" },
  "production, files in GCS": { kind: "gcs", bucket: "demo-artifacts-europe-west1" },
  "production, files and layers in S3": { kind: "s3", bucket: "demo-artifacts-us-east-1" },
  "staging of `full`, images": { kind: "repository", location: "us", name: "staging-full" },
  "staging of `full`, files": { kind: "gcs", bucket: "demo-staging-full" },
  "staging of `new`, images": { kind: "repository", location: "us", name: "staging-new" },
  "staging of `new`, files": { kind: "gcs", bucket: "demo-staging-new" },
  "builds of the redirector": { kind: "gcs", bucket: "demo-redirector" },
  "orders of the jobs": { kind: "gcs", bucket: "demo-fill", key: "orders/x" },
  "reports of the fill": { kind: "gcs", bucket: "demo-fill", key: "reports/x" },
  "findings of the audit": { kind: "gcs", bucket: "demo-fill", key: "findings/x" },
  "the stack's state": { kind: "gcs", bucket: "demo-artifacts-state" },
};

const may = (who: string, action: DataAction, where: string, all: readonly Declared[] = resources): boolean =>
  mayAccess(all, requesters[who]!, action, stores[where]!);

describe("access to data", () => {
  before(async () => {
    resources = await declare(everything, manifests);
  });

  it("every pair of identity and store is as in docs/rights.md (UPDATE_GOLDEN=1 writes it)", async () => {
    const { golden, text } = await compareWithGolden(
      new URL("../../docs/rights.md", import.meta.url),
      `${page()}\n${beyondPage(resources)}`,
    );
    assert.equal(text, golden);
  });

  it("every store of the table exists", () => {
    const missing = Object.entries(stores).filter(
      ([, store]) => !resources.some(({ type, inputs }) => isStore(type, inputs, store)),
    );
    assert.deepEqual(
      missing.map(([where]) => where),
      ["the stack's state"],
      "`bootstrap` makes the state's bucket",
    );
  });

  it("removing any grant changes the table", () => {
    const before = page();
    const grants = resources.filter(({ type }) => /(repositoryIam|bucketIAM)Binding:|:BucketPolicy$/.test(type));
    // The table shows one region; the graph's properties hold the others to be the same.
    const shown = grants.filter(({ inputs }) => Object.values(stores).some((store) => isOn(inputs, store)));
    assert.ok(shown.length > 15);
    const without = shown.filter((grant) => page(resources.filter((one) => one !== grant)) === before);
    assert.deepEqual(
      without.map(({ type, name }) => `${type} ${name}`),
      // preview reads what anybody reads, but lists it too
      [],
    );
  });

  it("widening any grant to everyone changes the table", () => {
    const before = page();
    const grants = resources.filter(({ type }) => /(repositoryIam|bucketIAM)Binding:/.test(type));
    const widened = grants
      .filter(({ inputs }) => Object.values(stores).some((store) => isOn(inputs, store)))
      .filter(({ inputs }) => !(inputs["members"] as string[]).includes("allUsers"));
    assert.ok(widened.length > 10);
    for (const grant of widened) {
      const open = { ...grant, inputs: { ...grant.inputs, members: ["allUsers"] } };
      assert.notEqual(
        page(resources.map((one) => (one === grant ? open : one))),
        before,
        `${grant.type} ${grant.name}`,
      );
    }
  });

  it("a role that the table does not know is an error", () => {
    const grant = resources.find(({ name }) => name === "staging-full-objectViewer")!;
    const odd = { ...grant, inputs: { ...grant.inputs, role: "roles/storage.legacyBucketOwner" } };
    const all = resources.map((one) => (one === grant ? odd : one));
    assert.throws(
      () => may("`preview`", "read", "staging of `full`, files", all),
      /legacyBucketOwner is granted on data/,
    );
  });
});

function page(all: readonly Declared[] = resources): string {
  const rows = Object.keys(requesters).map((who) => {
    const cells = Object.keys(stores).map((where) => {
      const allowed = dataActions.filter((action) => may(who, action, where, all));
      return allowed.length === 0 ? "–" : allowed.join(", ");
    });
    return `| ${[who, ...cells].join(" | ")} |`;
  });
  const head = ["who", ...Object.keys(stores)];
  return `# Rights

Who may do what with the data, computed from the grants that the program declares (\`local/cloud/access.ts\`). The table is of one
region of each cloud, with two projects, \`full\` and \`new\`; the other regions are alike (\`test/graph/properties.ts\`). A change of
a grant changes this page: \`UPDATE_GOLDEN=1 npm test -- data-access\` writes it, and a reviewer reads the difference. Owners of the
cloud projects may do everything and are not shown.

| ${head.join(" | ")} |
|${head.map(() => "---|").join("")}
${rows.join("\n")}
`;
}

function isStore(type: string, inputs: Declared["inputs"], store: DataStore): boolean {
  if (store.kind === "repository")
    return (
      type.endsWith(":Repository") && inputs["repositoryId"] === store.name && inputs["location"] === store.location
    );
  if (store.kind === "gcs") return type === "gcp:storage/bucket:Bucket" && inputs["name"] === store.bucket;
  return type === "aws:s3/bucket:Bucket" && inputs["bucket"] === store.bucket;
}

function isOn(inputs: Declared["inputs"], store: DataStore): boolean {
  return store.kind === "repository"
    ? inputs["repository"] === store.name && inputs["location"] === store.location
    : inputs["bucket"] === store.bucket;
}
