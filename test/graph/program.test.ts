import assert from "node:assert/strict";
import { before, test } from "node:test";
import { compareWithGolden, page } from "./golden.ts";
import { type Declared, declare } from "./program.ts";

const config = {
  "artifacts:organization": "demo",
  "artifacts:repository": "example/artifacts",
  "artifacts:domain": "example.org",
  "artifacts:zoneId": "0123456789abcdef0123456789abcdef",
  "artifacts:gcpRegions": ["us-central1", "europe-west1"],
  "artifacts:awsRegions": ["us-east-1"],
  "artifacts:alertEmail": "oncall@example.org",
  "gcp:project": "demo-project",
  "aws:region": "us-east-1",
  "aws:allowedAccountIds": ["123456789012"],
};

const hex = (digit: string): string => digit.repeat(64);

/** One project with everything, one with only its project.yaml. */
const manifests = {
  "full/project.yaml": `description: Has images and files
owners:
  group: full@example.org
  repositories: [example/full]
staging: {images: true, files: true}
`,
  "full/images.yaml": `- name: tool
  dmap:
    "sha256:${hex("a")}": ["v1.0.0", "v1.0"]
    "sha256:${hex("b")}": []
`,
  "full/files.yaml": `files:
- name: v1.0.0/tool.tar.gz
  sha256: ${hex("c")}
`,
  "new/project.yaml": `description: Has nothing yet
owners:
  group: new@example.org
staging: {images: true, files: true}
`,
};

let resources: readonly Declared[];

before(async () => {
  resources = await declare(config, manifests);
});

test("the program is as the golden file says (UPDATE_GOLDEN=1 writes it)", async () => {
  const { golden, text } = await compareWithGolden(new URL("program.golden.yaml", import.meta.url), page(resources));
  assert.equal(text, golden);
});

test("only mirrors are public", () => {
  const open = resources.filter((resource) => isPublic(resource));
  assert.ok(open.length > 0);
  for (const { path, name } of open) assert.match(path.at(-1) ?? "", /^(images|files)-/, name);
});

test("nobody but the public reader's roles names the public", () => {
  const roles = resources.filter(isPublic).map(({ type, inputs }) => inputs["role"] ?? type);
  assert.deepEqual([...new Set(roles)].sort(), [
    "aws:s3/bucketPolicy:BucketPolicy",
    "roles/artifactregistry.reader",
    "roles/storage.legacyObjectReader",
  ]);
});

test("each mirror is public, and only the deploying identity writes to it", () => {
  for (const region of [
    "images-us-central1",
    "images-europe-west1",
    "files-gcp-us-central1",
    "files-gcp-europe-west1",
  ]) {
    const bindings = resources.filter(({ path, inputs }) => path.at(-1) === region && inputs["role"] !== undefined);
    const members = Object.fromEntries(bindings.map(({ inputs }) => [inputs["role"], inputs["members"]]));
    const [reader, writer] = region.startsWith("images")
      ? ["roles/artifactregistry.reader", "roles/artifactregistry.repoAdmin"]
      : ["roles/storage.legacyObjectReader", "roles/storage.objectUser"];
    assert.deepEqual(members, {
      [reader]: ["allUsers"],
      [writer]: ["serviceAccount:artifacts-deploy@demo-project.iam.gserviceaccount.com"],
    });
  }
});

test("a staging area has one group that writes, its CI, and the promotion that reads", () => {
  for (const [project, ci] of [
    [
      "full",
      [
        "principalSet://iam.googleapis.com/projects/1234/locations/global/workloadIdentityPools/github/attribute.repository/example/full",
      ],
    ],
    ["new", []],
  ] as const) {
    const bindings = resources.filter(({ path, inputs }) => path.at(-1) === project && inputs["role"] !== undefined);
    assert.equal(bindings.length, 4);
    for (const { inputs } of bindings) {
      const reads = /reader|Viewer/.test(String(inputs["role"]));
      assert.deepEqual(
        inputs["members"],
        reads
          ? ["deploy", "preview"].map((who) => `serviceAccount:artifacts-${who}@demo-project.iam.gserviceaccount.com`)
          : [`group:${project}@example.org`, ...ci],
      );
    }
  }
});

test("grants own their role: no single member is added beside others", () => {
  assert.deepEqual(
    resources.filter(({ type }) => /iam-?member|iam-?policy/i.test(type)).map(({ type, name }) => `${type} ${name}`),
    [],
  );
});

test("what holds artifacts, and what is promoted, is protected", () => {
  const held = resources.filter(
    ({ path, type, inputs }) =>
      (/^(images|files)-/.test(path.at(-1) ?? "") && /:(Repository|Bucket)$/.test(type)) ||
      /^promotion:/.test(type) ||
      "ipVersion" in inputs,
  );
  assert.equal(held.length, 2 + 3 + 2 + 2);
  for (const { name, protect } of held) assert.equal(protect, true, name);
});

test("without protection, everything can be removed", async () => {
  const unprotected = await declare({ ...config, "artifacts:protection": false }, manifests);
  for (const { name, protect, inputs } of unprotected) {
    assert.equal(protect, false, name);
    assert.notEqual(inputs["deletionPolicy"], "PREVENT", name);
    assert.notEqual(inputs["deletionProtection"], true, name);
  }
});

test("a project with nothing but its project.yaml gets its staging area and no promotion", () => {
  const promoted = resources.filter(({ type }) => type.startsWith("promotion:")).map(({ name }) => name);
  assert.deepEqual([...new Set(promoted)], ["full"]);
});

test("promotion goes to every mirror, the canonical one first, when all are ready to be written to", () => {
  const ready = resources.find(({ type }) => type === "pulumi:index:Stash");
  assert.deepEqual(ready?.after, [
    "images-us-central1",
    "images-europe-west1",
    "files-gcp-us-central1",
    "files-gcp-europe-west1",
    "files-aws-us-east-1",
  ]);
  const images = resources.find(({ type }) => type === "promotion:index:PromotedImages");
  const files = resources.find(({ type }) => type === "promotion:index:PromotedFiles");
  assert.ok(images && files);
  assert.deepEqual(images.inputs["mirrors"], [
    { name: "images-us-central1", repository: "us-central1-docker.pkg.dev/demo-project/images" },
    { name: "images-europe-west1", repository: "europe-west1-docker.pkg.dev/demo-project/images" },
  ]);
  assert.deepEqual(images.inputs["layerMirrors"], [
    { name: "files-aws-us-east-1", bucket: "demo-artifacts-us-east-1", region: "us-east-1" },
  ]);
  assert.deepEqual(
    (files.inputs["mirrors"] as { name: string; kind: string }[]).map(({ name, kind }) => `${kind} ${name}`),
    ["gcs files-gcp-us-central1", "gcs files-gcp-europe-west1", "s3 files-aws-us-east-1"],
  );
});

test("what is named by hand has a name of its own: a lost state can be taken up again", () => {
  const names = new Map<string, string>();
  for (const { type, name, inputs } of resources) {
    const physical = JSON.stringify([
      type,
      inputs["name"],
      inputs["location"],
      inputs["repositoryId"],
      inputs["bucket"],
      inputs["region"],
      inputs["accountId"],
      inputs["role"],
      inputs["type"],
      inputs["serviceAccountId"],
      inputs["displayName"],
      inputs["repository"],
      inputs["zoneId"],
    ]);
    if (!type.startsWith("artifacts:") && !type.startsWith("promotion:")) {
      assert.equal(
        names.get(physical),
        undefined,
        `${name} and ${names.get(physical)} are the same thing: ${physical}`,
      );
      names.set(physical, name);
    }
  }
});

test("bad config and bad manifests stop the program with every error, before anything is registered", async () => {
  await assert.rejects(
    declare({ ...config, "artifacts:domain": "x", "gcp:project": "" }, manifests),
    (error: Error) => {
      assert.match(error.message, /artifacts:domain: "x" must be a domain name/);
      assert.match(error.message, /gcp:project: "" must be the id/);
      return true;
    },
  );
  const bad = { ...manifests, "full/images.yaml": "- nam: tool\n", "new/project.yaml": "owners: 1\n" };
  await assert.rejects(declare(config, bad), (error: Error) => {
    assert.match(error.message, /full\/images\.yaml:1:\d+: /);
    assert.match(error.message, /new\/project\.yaml:1:\d+: /);
    return true;
  });
});

function isPublic({ inputs }: Declared): boolean {
  return /allUsers|allAuthenticatedUsers|"Principal\\*":\\*"\*/.test(JSON.stringify(inputs));
}
