import assert from "node:assert/strict";
import { it } from "mocha";
import { mirrorAddresses } from "../../../components/mirrors/mirror-names.ts";
import { placementOf, splitMirrors } from "../../../components/mirrors/placement.ts";
import { parseStackConfig } from "../../../components/stack/config.ts";
import { regions } from "../../../components/stack/geography.ts";
import { regionGroups, usualGroup, usualGroups } from "../../../components/stack/region-groups.ts";
import { orgSettings } from "../../support/org-settings.ts";

const settings = {
  ...orgSettings,
  "artifacts:gcpRegions": ["us-central1", "europe-west1", "asia-east1"],
  "artifacts:awsRegions": ["us-east-1", "eu-west-1", "ap-southeast-2"],
  "artifacts:imageBuckets": ["eu-west-1"],
  "artifacts:imageStores": ["r2", "locked"].map((name) => ({
    name,
    bucket: `${name}-images`,
    endpoint: "https://store.example.org",
    url: `https://${name}.example.org`,
    keys: "STORE",
    near: "asia-east1",
    ...(name === "locked" && { lock: 30 }),
  })),
  "aws:region": "us-east-1",
  "aws:allowedAccountIds": ["123456789012"],
  "gcp:project": "some-project",
};

function configOf(more: Record<string, unknown> = {}) {
  const parsed = parseStackConfig({ ...settings, ...more });
  return "config" in parsed ? parsed.config : assert.fail(parsed.errors.join("\n"));
}

/** The names of the mirrors that a project in these groups is placed in. */
function placedIn(groups: readonly string[] | undefined, more?: Record<string, unknown>): string[] {
  const config = configOf(more);
  const { placed, unplaced } = splitMirrors(mirrorAddresses(config), placementOf(config, groups));
  const names = [...placed.images, ...placed.files].map(({ name }) => name);
  const others = [...unplaced.images, ...unplaced.files].map(({ name }) => name);
  const all = mirrorAddresses(config);
  assert.equal(new Set([...names, ...others]).size, all.images.length + all.files.length, "each mirror once");
  for (const { name } of placed.layers)
    assert.ok(names.includes(name), `${name} has layers of what is placed elsewhere`);
  return names;
}

const always = ["images-us-central1", "images-locked", "files-gcp-us-central1"];

it("a project is in all mirrors, or in those of its groups", () => {
  assert.equal(placedIn(undefined).length, 12);
  assert.deepEqual(placedIn(["us"]), [...always, "files-aws-us-east-1"]);
  assert.deepEqual(placedIn(["europe"]), [
    ...["images-us-central1", "images-europe-west1", "images-s3-eu-west-1", "images-locked"],
    ...["files-gcp-us-central1", "files-gcp-europe-west1", "files-aws-eu-west-1"],
  ]);
  assert.deepEqual(placedIn(["asia", "australia"]), [
    ...["images-us-central1", "images-asia-east1", "images-r2", "images-locked"],
    ...["files-gcp-us-central1", "files-gcp-asia-east1", "files-aws-ap-southeast-2"],
  ]);
});

it("the canonical mirrors and a locked copy always have everything", () => {
  assert.deepEqual(placedIn(["africa"]), always);
});

it("a stack declares groups of its own, and others in place of the usual ones", () => {
  const groups = { emea: ["europe-west1", "eu-west-1"], us: ["us-east-1", "r2"] };
  const more = { "artifacts:regionGroups": groups };
  assert.deepEqual(placedIn(["emea"], more), placedIn(["europe"]));
  assert.deepEqual(placedIn(["us"], more), [
    "images-us-central1",
    "images-r2",
    "images-locked",
    "files-gcp-us-central1",
    "files-aws-us-east-1",
  ]);
  assert.deepEqual([...(regionGroups(configOf(more)).get("emea") ?? [])], groups.emea);
});

it("every region of both clouds is in a usual group", () => {
  for (const region of regions) assert.ok(usualGroups.includes(usualGroup(region)), region.name);
  assert.equal(usualGroup({ cloud: "aws", name: "ap-southeast-6" }), "australia");
  assert.equal(usualGroup({ cloud: "aws", name: "il-central-1" }), "me");
});

it("a group names only regions and stores of the stack", () => {
  const parsed = parseStackConfig({
    ...settings,
    "artifacts:regionGroups": { emea: ["europe-west2", "r2"], "No Group": ["us-central1"] },
  });
  assert.deepEqual("errors" in parsed && parsed.errors, [
    'artifacts:regionGroups.No Group: ["us-central1"] must have the name of a group: lower-case letters, digits and dashes',
  ]);
  const other = parseStackConfig({ ...settings, "artifacts:regionGroups": { emea: ["europe-west2", "r2"] } });
  assert.deepEqual("errors" in other && other.errors, [
    'artifacts:regionGroups.emea: "europe-west2" is not among this stack\'s regions; did you mean "europe-west1"?',
  ]);
});
