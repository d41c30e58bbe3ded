/** The whole program with buckets that are image mirrors: their addresses reach every promotion and redirector. */
import assert from "node:assert/strict";
import { it } from "mocha";
import { mayAccess } from "../../local/cloud/access.ts";
import { parseConfig, type RedirectorConfig } from "../../redirector/config.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare, runProgram } from "../support/graph/program.ts";
import { organisation } from "../support/organisations/organisation.ts";
import { properties } from "./properties.ts";

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

it("the fill replaces tags and lists of images in a bucket of Cloud Storage, and no manifest, layer or file", async () => {
  const config = { ...everything, "artifacts:imageBuckets": ["europe-west1"] };
  const resources = await declare(config, manifests);
  const fill = { members: ["serviceAccount:artifacts-fill@demo-project.iam.gserviceaccount.com"] };
  const may = (key: string, bucket = "demo-artifacts-europe-west1") =>
    mayAccess(resources, fill, "delete", { kind: "gcs", bucket, key });
  for (const key of ["_tags/list", "_referrers/sha256:1", "_manifests/v1"])
    assert.equal(may(`containers/registry/tool/app/${key}`), true, key);
  for (const key of ["containers/registry/tool/app/_manifests/sha256:1", "containers/images/sha256:1", "binaries/a"])
    assert.equal(may(key), false, key);
  assert.equal(may("containers/registry/tool/app/_tags/list", "demo-artifacts-us-central1"), false, "no image mirror");
  for (const [name, violations] of Object.entries(properties))
    if (name.includes("the fill")) assert.deepEqual(violations(resources), [], name);
});

it("a bucket at R2 is made with its domain, and promotions wait for them; no token is, and nothing of the stack is secret", async () => {
  const { resources, outputs } = await runProgram(everything, manifests);
  const of = (type: string) => resources.filter((resource) => resource.type.endsWith(`:${type}`));
  const [[bucket, ...buckets], [domain]] = [of("R2Bucket"), of("R2CustomDomain")];
  assert.ok(bucket && domain && buckets.length === 0);
  const account = "1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d";
  assert.deepEqual(
    [bucket.inputs["accountId"], bucket.inputs["name"], bucket.retained],
    [account, "demo-images", true],
  );
  assert.deepEqual(
    [domain.inputs["accountId"], domain.inputs["bucketName"], domain.inputs["domain"], domain.after],
    [account, "demo-images", "images-r2.example.org", ["images-r2"]],
  );
  const ready = resources.find(({ type, name }) => type === "pulumi:index:Stash" && name === "mirrors");
  for (const { name } of [bucket, domain]) assert.ok(ready?.after.includes(name), name);
  assert.deepEqual(
    resources.filter(({ type }) => /token|key(?!Ring|IAM)|secret|password/i.test(type.split(":").at(-1) ?? "")),
    [],
    "what has a secret among its outputs would have it in the state",
  );
  assert.doesNotMatch(JSON.stringify(Object.keys(outputs)), /key|token|secret/i);
});

it("a CDN in front of a bucket is where clients are sent, and what every promotion and the catalogue purge, by the name of the token alone", async () => {
  const { config, manifests } = await organisation("with-aws");
  const [aws = ""] = config["artifacts:awsRegions"] as string[];
  process.env["TEST_CDN_TOKEN"] = "a-secret";
  try {
    const { resources } = await runProgram(
      {
        ...config,
        "artifacts:publicUrls": { [aws]: "https://cdn.example.org" },
        "artifacts:cdnPurge": { [aws]: { by: "cloudflare", zoneId: "0".repeat(32), token: "TEST_CDN_TOKEN" } },
      },
      manifests,
    );
    const purging = resources.filter(({ type, inputs }) => type.startsWith("promotion:index:") && "storage" in inputs);
    assert.deepEqual([...new Set(purging.map(({ type }) => type.split(":")[2]))].sort(), [
      "CatalogueEntry",
      "PromotedFiles",
      "PromotedImages",
    ]);
    for (const { type, inputs } of purging) {
      const { purges = [] } = inputs["storage"] as { purges?: { url: string; token: string; api: string }[] };
      assert.deepEqual(
        purges.map(({ url, token }) => [url, token]),
        [["https://cdn.example.org", "TEST_CDN_TOKEN"]],
        type,
      );
      assert.match(purges[0]!.api, /\/zones\/0{32}\/purge_cache$/);
    }
    const [service] = resources.filter(({ type }) => type === "gcp:cloudrunv2/service:Service");
    assert.ok(JSON.stringify(service?.inputs).includes("https://cdn.example.org"));
    assert.ok(!JSON.stringify(resources).includes("a-secret"));
  } finally {
    delete process.env["TEST_CDN_TOKEN"];
  }
});
