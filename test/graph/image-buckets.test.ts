/** The whole program with buckets that are image mirrors: their addresses reach every promotion and redirector. */
import assert from "node:assert/strict";
import { it } from "mocha";
import { parseConfig, type RedirectorConfig } from "../../redirector/config.ts";
import { runProgram } from "../support/graph/program.ts";
import { organisation } from "../support/organisations/organisation.ts";

it("buckets of both clouds and a store elsewhere are image mirrors, of promotions and of redirectors", async () => {
  const { config, manifests } = await organisation("with-aws");
  const [aws = ""] = config["artifacts:awsRegions"] as string[];
  const [gcp = ""] = config["artifacts:gcpRegions"] as string[];
  const store = {
    name: "r2",
    bucket: "acme-images",
    endpoint: "https://1a2b.r2.cloudflarestorage.com",
    url: "https://images-r2.example.org",
    keys: "R2",
    near: "us-east4",
    lock: 30,
  };
  const { resources } = await runProgram(
    { ...config, "artifacts:imageBuckets": [aws, gcp], "artifacts:imageStores": [store] },
    manifests,
  );
  const promoted = resources.filter(({ type }) => type === "promotion:index:PromotedImages");
  assert.ok(promoted.length > 0);
  for (const { inputs } of promoted) {
    const [first = "", ...rest] = String(inputs["mirrors"]).trim().split("\n");
    assert.match(
      first,
      new RegExp(`^images-${gcp} ${gcp}-docker.pkg.dev/`),
      "Artifact Registry stays the canonical mirror",
    );
    assert.match(
      rest.join("\n"),
      new RegExp(
        `^images-gcs-${gcp} gs://\\S+\nimages-s3-${aws} s3://\\S+[?]region=${aws}\nimages-r2 s3://acme-images[?]region=auto&endpoint=\\S+&keys=R2&lock=30$`,
        "m",
      ),
    );
    assert.equal(inputs["layerMirrors"], "", "the bucket has the layers as an image mirror");
  }
  const services = resources.filter(({ type }) => type === "gcp:cloudrunv2/service:Service");
  assert.ok(services.length > 0);
  for (const { inputs } of services) {
    const { containers } = inputs["template"] as { containers: { envs: { value: string }[] }[] };
    const parsed = parseConfig(containers[0]!.envs[0]!.value) as { config: RedirectorConfig };
    const mirrors = parsed.config.imageMirrors.map(({ name, kind, url, cloud }) => [
      name,
      kind,
      new URL(url).host,
      cloud,
    ]);
    assert.deepEqual(mirrors.slice(-3), [
      [`images-gcs-${gcp}`, "objects", "storage.googleapis.com", "gcp"],
      [`images-s3-${aws}`, "objects", mirrors.at(-2)![2], "aws"],
      ["images-r2", "objects", "images-r2.example.org", "other"],
    ]);
    assert.match(String(mirrors.at(-2)![2]), /\.s3\.dualstack\./);
  }
});
