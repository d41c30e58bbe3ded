import assert from "node:assert/strict";
import { it } from "mocha";
import { CommandError } from "../../../components/commands/command.ts";
import { mirrorsNamed } from "../../../components/commands/mirrors-named.ts";
import { locationsByName, locationsInState, productionOf } from "../../../components/commands/production.ts";
import type { Project } from "../../../components/manifests/project.ts";
import { fileMirrorLines, imageMirrorLines } from "../../../components/promotion/run/mirror-lines.ts";
import { parseStackConfig } from "../../../components/stack/config.ts";
import { orgSettings } from "../../support/org-settings.ts";

const parsed = parseStackConfig({
  ...orgSettings,
  "artifacts:gcpRegions": ["us-central1", "europe-west1"],
  "artifacts:awsRegions": ["us-east-1"],
  "aws:region": "us-east-1",
  "aws:allowedAccountIds": ["123456789012"],
  "gcp:project": "some-project",
});
const config = "config" in parsed ? parsed.config : assert.fail(parsed.errors.join("\n"));

const project: Project = {
  name: "tool",
  description: "a tool",
  owners: { group: "g@example.org", repositories: [] },
  staging: { images: true, files: false, retentionDays: 60 },
  imagePrefix: "tools",
  imagePrefixes: ["tools"],
  filePrefix: "tool",
  approvers: [],
  shares: [],
  mutableTags: ["latest"],
  removalShare: 0.1,
  withdrawn: [],
  images: [{ name: "tool", digests: [{ digest: `sha256:${"a".repeat(64)}`, tags: ["v1"] }] }],
  files: [],
};

const files = [
  { name: "files-gcp-us-central1", kind: "gcs", bucket: "org-artifacts-us-central1", region: "us-central1" },
  { name: "files-gcp-europe-west1", kind: "gcs", bucket: "org-artifacts-europe-west1", region: "europe-west1" },
  { name: "files-aws-us-east-1", kind: "s3", bucket: "org-artifacts-us-east-1", region: "us-east-1" },
] as const;
const images = [
  { name: "images-us-central1", repository: "us-central1-docker.pkg.dev/some-project/images" },
  { name: "images-europe-west1", repository: "europe-west1-docker.pkg.dev/some-project/images" },
];

it("by name: what the program of the stack would ask for", () => {
  assert.deepEqual(productionOf([project], locationsByName(config), config.storage), {
    images: [
      {
        project: "tool",
        images: `tool:v1 sha256:${"a".repeat(64)}\n`,
        sources: undefined,
        prefix: "tools",
        staging: "us-docker.pkg.dev/some-project/staging-tool",
        mirrors: images,
        layerMirrors: files.slice(2),
        mutableTags: ["latest"],
        removalShare: 0.1,
        storage: {},
      },
    ],
    files: [], // it neither has nor stages any
  });
});

it("a project in some regions is asked for in their mirrors, and nowhere in the others", () => {
  const placed: Project = { ...project, regions: ["us"], staging: { ...project.staging, files: true } };
  const production = productionOf([placed], locationsByName(config), config.storage, config);
  const [ofImages, ofFiles] = [production.images[0]!, production.files[0]!];
  assert.deepEqual([ofImages.mirrors, ofImages.unplaced], [[images[0]], [images[1]]]);
  assert.deepEqual([ofImages.layerMirrors, ofImages.unplacedLayers], [[files[2]], []]);
  assert.deepEqual([ofFiles.mirrors, ofFiles.unplaced], [[files[0], files[2]], [files[1]]]);
  const named = mirrorsNamed({ images: [], files: [ofFiles] }, ["files-gcp-europe-west1"]);
  assert.equal(named("files-gcp-europe-west1"), true, "audit and sync may look there");
  const far = productionOf([{ ...placed, regions: ["europe"] }], locationsByName(config), config.storage, config);
  assert.deepEqual([far.images[0]!.layerMirrors, far.images[0]!.unplacedLayers], [[], [files[2]]]);
  assert.deepEqual(far.files[0]!.mirrors, [files[0], files[1]], "the canonical mirror has everything");
});

it("from a state: all mirrors, where a project is in some of them", () => {
  const inputs = {
    project: "tool",
    staging: "",
    mirrors: imageMirrorLines(images.slice(0, 1)),
    unplaced: imageMirrorLines(images.slice(1)),
    layerMirrors: "",
    unplacedLayers: "files-aws-us-east-1 org-artifacts-us-east-1 us-east-1\n",
  };
  const state = { deployment: { resources: [{ type: "promotion:index:PromotedImages", inputs }] } };
  const locations = locationsInState(JSON.stringify(state), "state.json");
  assert.deepEqual([locations.images, locations.files], [images, files.slice(2)]);
});

it("from a state: where the promotions were told to go", () => {
  const state = {
    deployment: {
      resources: [
        { type: "pulumi:pulumi:Stack", urn: "x" },
        {
          type: "promotion:index:PromotedImages",
          inputs: {
            project: "tool",
            staging: "127.0.0.1:1/p/staging-tool",
            mirrors: imageMirrorLines(images),
            layerMirrors: "",
          },
        },
        {
          type: "promotion:index:PromotedFiles",
          inputs: { project: "other", staging: "s", mirrors: fileMirrorLines(files) },
        },
      ],
    },
  };
  const locations = locationsInState(JSON.stringify(state), "state.json");
  assert.deepEqual(locations.images, images);
  assert.deepEqual(locations.files, files);
  assert.deepEqual(locations.staging(project), { repository: "127.0.0.1:1/p/staging-tool", bucket: "" });
});

it("a file that is no state, or one without promotions", () => {
  assert.throws(() => locationsInState("not json", "f"), /f is not JSON: write it with pulumi stack export/);
  assert.throws(() => locationsInState("null", "f"), /f is no export of a stack's state: write it/);
  assert.throws(() => locationsInState('{"deployment":{}}', "f"), /f has no promotions: it is/);
});

it("mirrors are named as the config's regions name them", () => {
  const production = productionOf([project], locationsByName(config), config.storage);
  assert.equal(mirrorsNamed(production, [])("anything"), true);
  const only = mirrorsNamed(production, ["files-aws-us-east-1"]);
  assert.deepEqual([only("files-aws-us-east-1"), only("images-us-central1")], [true, false]);
  assert.throws(
    () => mirrorsNamed(production, ["nowhere"]),
    (error: Error) =>
      error instanceof CommandError && /no mirror nowhere; there are files-aws-us-east-1, images-e/.test(error.message),
  );
});
