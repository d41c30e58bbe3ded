/** The whole program with mirrors in multi-regions: where they lie, what runs there, and how far away they are for clients. */
import assert from "node:assert/strict";
import { it } from "mocha";
import { findRegion } from "../../components/stack/geography.ts";
import { parseConfig, type RedirectorConfig } from "../../redirector/config.ts";
import { config, manifests } from "../support/graph/fixtures.ts";
import { runProgram } from "../support/graph/program.ts";

it("multi-regions have a repository and a bucket in their location, no redirector, and the places of their members", async () => {
  const placed = { ...manifests, "full/project.yaml": `${manifests["full/project.yaml"]}regions: [europe]\n` };
  const { resources } = await runProgram(
    { ...config, "artifacts:gcpRegions": ["us-central1", "europe", "asia"], "artifacts:awsRegions": [] },
    placed,
  );
  const of = (type: string) => resources.filter((one) => one.type === type);
  const mirrors = (type: string) =>
    Object.fromEntries(
      of(type)
        .filter(({ name }) => /^(images|files-gcp)-/.test(name))
        .map(({ name, inputs }) => [name, inputs["location"]]),
    );
  assert.deepEqual(mirrors("gcp:artifactregistry/repository:Repository"), {
    "images-us-central1": "us-central1",
    "images-europe": "europe",
    "images-asia": "asia",
  });
  assert.deepEqual(mirrors("gcp:storage/bucket:Bucket"), {
    "files-gcp-us-central1": "US-CENTRAL1",
    "files-gcp-europe": "EU",
    "files-gcp-asia": "ASIA",
  });
  const services = of("gcp:cloudrunv2/service:Service");
  assert.deepEqual(
    services.map(({ inputs }) => inputs["location"]),
    ["us-central1"],
  );
  const { containers } = services[0]!.inputs["template"] as { containers: { envs: { value: string }[] }[] };
  const { config: read } = parseConfig(containers[0]!.envs[0]!.value) as { config: RedirectorConfig };
  const europe = read.imageMirrors.find(({ name }) => name === "images-europe")!;
  assert.equal(europe.url.startsWith("https://europe-docker.pkg.dev/v2/"), true, europe.url);
  const members = findRegion("gcp", "europe")!.members!;
  assert.deepEqual(
    [{ latitude: europe.latitude, longitude: europe.longitude }, ...europe.alsoAt!],
    members.map(({ latitude, longitude }) => ({ latitude, longitude })),
  );
  assert.equal(
    read.cloudRegions.some(({ name }) => name === "europe"),
    false,
    "no client is in a multi-region",
  );
  const images = of("promotion:index:PromotedImages").find(({ name }) => name === "full")!;
  assert.match(String(images.inputs["mirrors"]), /^images-us-central1 \S+\nimages-europe \S+\n$/);
  assert.match(String(images.inputs["unplaced"]), /^images-asia \S+\n$/);
});

it("a multi-region may be the canonical mirror: what runs is in the stack's regions", async () => {
  const { resources } = await runProgram(
    { ...config, "artifacts:gcpRegions": ["us", "europe-west1"], "artifacts:awsRegions": [] },
    manifests,
  );
  const of = (type: string) => resources.filter((one) => one.type === type);
  assert.deepEqual(
    of("gcp:cloudrunv2/service:Service").map(({ inputs }) => inputs["location"]),
    ["europe-west1"],
  );
  const images = of("promotion:index:PromotedImages").find(({ name }) => name === "full")!;
  assert.match(String(images.inputs["mirrors"]), /^images-us \S+\nimages-europe-west1 \S+\n$/);
});
