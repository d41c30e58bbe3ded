import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { describe, it } from "mocha";
import { parse } from "yaml";
import { parseStackConfig } from "../../../components/stack/config.ts";
import { organisation } from "../../support/organisations/organisation.ts";

const store = {
  name: "r2",
  bucket: "acme-images",
  endpoint: "https://1a2b.r2.cloudflarestorage.com",
  url: "https://images-r2.example.org",
  keys: "R2",
  near: "us-east4",
};
const hex = "0123456789abcdef0123456789abcdef";
const madeAtR2 = {
  ...store,
  kind: "r2",
  endpoint: undefined,
  account: hex,
  zone: hex,
  url: "https://images.example.org",
};

const root = new URL("../../../", import.meta.url);

/** A stack's config with nothing in it but what it must have. */
const least = {
  "artifacts:organization": "demo",
  "artifacts:repository": "example/artifacts",
  "artifacts:repositoryId": "123456789",
  "artifacts:githubOwners": { example: "1234567" },
  "artifacts:domain": "example.org",
  "artifacts:zoneId": "0123456789abcdef0123456789abcdef",
  "artifacts:gcpRegions": ["us-central1", "europe-west1"],
  "artifacts:projectNumber": "123456789012",
  "gcp:project": "demo-project",
};

function accepted(values: Record<string, unknown>) {
  const parsed = parseStackConfig(values);
  if ("errors" in parsed) assert.fail(parsed.errors.join("\n"));
  return parsed.config;
}

function refused(values: Record<string, unknown>): readonly string[] {
  const parsed = parseStackConfig(values);
  assert.ok("errors" in parsed, "the config should be refused");
  return parsed.errors;
}

it("a CDN that the program makes is where clients read the bucket, and is purged, once the names are live", () => {
  const settings = {
    ...least,
    "artifacts:publicUrls": { "europe-west1": "https://eu.example.net" },
    "artifacts:cloudCdn": { "us-central1": "cdn.example.org" },
  };
  const { publicUrls, cdnPurge } = accepted(settings);
  assert.deepEqual(publicUrls, { "europe-west1": "https://eu.example.net", "us-central1": "https://cdn.example.org" });
  assert.deepEqual(cdnPurge, { "us-central1": { by: "google", urlMap: "artifacts-cdn" } });
  const prepared = accepted({ ...settings, "artifacts:live": false });
  assert.deepEqual([prepared.publicUrls, prepared.cdnPurge], [{ "europe-west1": "https://eu.example.net" }, {}]);
});

it("a minimal config gets all defaults", () => {
  const config = accepted(least);
  assert.equal(config.host, "artifacts.example.org");
  assert.deepEqual(
    config.gcpRegions.map((region) => region.name),
    ["us-central1", "europe-west1"],
  );
  assert.deepEqual(config.awsRegions, []);
  assert.deepEqual(config.approvers, []);
  assert.equal(config.protection, true);
  assert.equal(config.alertEmail, undefined);
  assert.equal(config.logSampleRate, 0.01);
  assert.deepEqual(config.redirector, {});
  assert.deepEqual(config.storage, {});
});

it("mirrors are left to a fill only where that is set", () => {
  assert.equal(accepted({ ...least, "artifacts:fillAbove": "100" }).fillAbove, 100);
  assert.equal(accepted(least).fillAbove, undefined);
});

it("a budget needs its billing account, and says where to find it", () => {
  const account = "0A1B2C-3D4E5F-678901";
  const { budget, sentGibPerDay } = accepted({
    ...least,
    "artifacts:billingAccount": account,
    "artifacts:monthlyBudget": "500",
    "artifacts:sentGibPerDay": "1000",
  });
  assert.deepEqual({ budget, sentGibPerDay }, { budget: { billingAccount: account, units: 500 }, sentGibPerDay: 1000 });
  assert.equal(accepted(least).budget, undefined);
  assert.equal(accepted(least).sentGibPerDay, undefined);
  const together =
    "artifacts:billingAccount, artifacts:monthlyBudget: must be set together, or neither: gcloud billing projects describe <project>";
  assert.deepEqual(refused({ ...least, "artifacts:monthlyBudget": 500 }), [together]);
  assert.deepEqual(refused({ ...least, "artifacts:billingAccount": account }), [together]);
  const [wrong] = refused({ ...least, "artifacts:billingAccount": "mine", "artifacts:monthlyBudget": 5 });
  assert.match(wrong ?? "", /^artifacts:billingAccount: "mine" must be the id of .*gcloud billing projects describe/);
});

it("the engine's form of the values, all strings, is equivalent", () => {
  const values = { ...least, "artifacts:protection": false, "artifacts:maxInstances": 7 };
  const asText = Object.entries(values).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  assert.deepEqual(accepted(Object.fromEntries(asText)), accepted(values));
});

describe("the zone", () => {
  const { "artifacts:zoneId": _, ...withoutZone } = least;
  const aws = { "aws:region": "us-east-1", "aws:allowedAccountIds": ["123456789012"] };

  it("is at one of four providers, Cloudflare by default", () => {
    assert.deepEqual(accepted(least).dns, { dns: "cloudflare", zoneId: least["artifacts:zoneId"] });
    for (const [dns, zoneId] of [
      ["google", "example-org"],
      ["route53", "Z0123456789EXAMPLE"],
      ["none", ""],
    ] as const) {
      const config = accepted({ ...withoutZone, ...aws, "artifacts:dns": dns, "artifacts:zoneId": zoneId });
      assert.deepEqual(config.dns, { dns, zoneId });
    }
    assert.deepEqual(accepted({ ...withoutZone, "artifacts:dns": "none" }).dns, { dns: "none", zoneId: "" });
  });

  it("has an id in its provider's format", () => {
    const ids = { cloudflare: "example-org", google: "Z0123", route53: "0123", none: "example-org" };
    for (const [dns, zoneId] of Object.entries(ids)) {
      const errors = refused({ ...withoutZone, ...aws, "artifacts:dns": dns, "artifacts:zoneId": zoneId });
      assert.equal(errors.length, 1, errors.join("\n"));
      assert.match(
        errors[0] ?? "",
        dns === "none" ? /^artifacts:zoneId: must not be set/ : /^artifacts:zoneId: ".*" must be the/,
      );
    }
    assert.deepEqual(refused(withoutZone), [
      "artifacts:zoneId: is missing: it must be the id of the zone at Cloudflare: 32 hexadecimal digits (artifacts:dns is cloudflare)",
    ]);
    assert.match(
      refused({ ...least, "artifacts:dns": "bind" })[0] ?? "",
      /^artifacts:dns: "bind" must be one of cloudflare, google, route53, none/,
    );
  });

  it("is signed at Cloudflare only; Route 53 needs the AWS account", () => {
    assert.deepEqual(refused({ ...withoutZone, "artifacts:dns": "none", "artifacts:dnssec": true }), [
      "artifacts:dnssec: must be false when artifacts:dns is none: sign the zone where it is",
    ]);
    const errors = refused({ ...withoutZone, "artifacts:dns": "route53", "artifacts:zoneId": "Z0123456789EXAMPLE" });
    assert.deepEqual(
      errors.map((error) => error.split(":").slice(0, 2).join(":")),
      ["aws:region", "aws:allowedAccountIds"],
    );
  });
});

describe("a key that was renamed", () => {
  const warningsOf = (values: Record<string, unknown>) => {
    const parsed = parseStackConfig(values);
    assert.ok("config" in parsed, JSON.stringify(parsed));
    return [parsed.config.logSampleRate, parsed.warnings];
  };

  it("is read under its old name, with a warning that gives the new one", () => {
    const warning = "artifacts:logOneIn: is deprecated: write artifacts:logSampleRate: 0.001 instead";
    assert.deepEqual(warningsOf({ ...least, "artifacts:logOneIn": 1000 }), [0.001, [warning]]);
    assert.deepEqual(warningsOf({ ...least, "artifacts:logOneIn": "1000" }), [0.001, [warning]]);
  });

  it("gives no warning under its new name", () => {
    assert.deepEqual(warningsOf({ ...least, "artifacts:logSampleRate": "0.5" }), [0.5, []]);
  });

  it("may be set together with the default of the new one, which the engine adds", () => {
    const [share] = warningsOf({ ...least, "artifacts:logOneIn": 4, "artifacts:logSampleRate": "0.01" });
    assert.equal(share, 0.25);
  });

  it("is refused together with another value of the new one", () => {
    assert.deepEqual(refused({ ...least, "artifacts:logOneIn": 4, "artifacts:logSampleRate": 0.5 }), [
      "artifacts:logOneIn: is the old name of artifacts:logSampleRate, which is set as well: remove artifacts:logOneIn",
    ]);
  });

  it("is refused with a value that cannot be converted", () => {
    assert.deepEqual(refused({ ...least, "artifacts:logOneIn": "often" }), [
      'artifacts:logSampleRate: "often" must be a number from 0 to 1',
    ]);
  });
});

describe("the redirector's own settings", () => {
  it("are passed on unchanged, from the file and from the engine", () => {
    const settings = {
      layerClients: "outside-gcp",
      health: { intervalSeconds: 30 },
      existence: { entries: 100 },
      log: { clientAddress: "none", summarySeconds: 0 },
      pages: { privacy: "https://example.org/privacy" },
      metricsPort: 9090,
      limits: { drainSeconds: 4 },
    };
    assert.deepEqual(accepted({ ...least, "artifacts:redirector": settings }).redirector, settings);
    assert.deepEqual(accepted({ ...least, "artifacts:redirector": JSON.stringify(settings) }).redirector, settings);
  });

  it("are validated by the redirector's schema, all errors at once", () => {
    const settings = { health: { intervalSeconds: "often", interval: 1 }, log: { sample: 1 }, metricsPort: 70_000 };
    assert.deepEqual(
      refused({ ...least, "artifacts:redirector": settings })
        .map((error) => error.split(" is not valid: ")[0])
        .sort(),
      [
        'artifacts:redirector.health.intervalSeconds: "often"',
        'artifacts:redirector.health: {"intervalSeconds":"often","interval":1}',
        'artifacts:redirector.log: {"sample":1}',
        "artifacts:redirector.metricsPort: 70000",
      ],
    );
  });
});

it("the storage settings are those of the providers", () => {
  const { storage } = accepted({
    ...least,
    "gcp:storageCustomEndpoint": "http://127.0.0.1:5514/storage/v1/",
    "aws:endpoints": '[{"sts":"http://127.0.0.1:1"},{"s3":"http://127.0.0.1:5515"}]',
    "aws:s3UsePathStyle": "true",
  });
  assert.deepEqual(storage, {
    gcsEndpoint: "http://127.0.0.1:5514/storage/v1/",
    s3Endpoint: "http://127.0.0.1:5515",
    s3UsePathStyle: true,
  });
});

it("GitHub's ids need no quotes", () => {
  const { repositoryId, githubOwners } = accepted({
    ...least,
    "artifacts:repositoryId": 123456789,
    "artifacts:githubOwners": '{"example":1234567}',
  });
  assert.deepEqual({ repositoryId, githubOwners }, { repositoryId: "123456789", githubOwners: { example: "1234567" } });
});

it("reports errors between settings together with errors in single settings", () => {
  const errors = refused({ ...least, "artifacts:domain": undefined, "artifacts:minInstances": 30 });
  assert.deepEqual(
    errors.map((line) => line.slice(0, line.indexOf(":", 10))),
    ["artifacts:domain", "artifacts:minInstances"],
  );
});

it("reports all missing settings at once", () => {
  assert.deepEqual(
    refused({}).map((line) => line.slice(0, line.indexOf(":", 10))),
    [
      "artifacts:organization",
      "artifacts:repository",
      "artifacts:repositoryId",
      "artifacts:githubOwners",
      "artifacts:domain",
      "artifacts:projectNumber",
      "artifacts:gcpRegions",
      "gcp:project",
      "artifacts:zoneId",
    ],
  );
});

it("a bucket at R2 answers at its account's endpoint, and at that of its jurisdiction", () => {
  const endpointOf = (change: object) => {
    const parsed = parseStackConfig({ ...least, "artifacts:imageStores": [{ ...madeAtR2, ...change }] });
    if ("errors" in parsed) assert.fail(parsed.errors.join("\n"));
    return parsed.config.imageStores[0]?.endpoint;
  };
  assert.equal(endpointOf({}), `https://${hex}.r2.cloudflarestorage.com`);
  assert.equal(endpointOf({ jurisdiction: "eu" }), `https://${hex}.eu.r2.cloudflarestorage.com`);
  assert.equal(endpointOf({ endpoint: "http://127.0.0.1:1" }), "http://127.0.0.1:1");
});

for (const [what, change, error] of [
  [
    "a misspelt key",
    { "artifacts:gcpRegion": [] },
    'artifacts:gcpRegion: is not a setting; did you mean "artifacts:gcpRegions"?',
  ],
  [
    "a misspelt region",
    { "artifacts:gcpRegions": ["us-central1", "us-esat1"] },
    'artifacts:gcpRegions[1]: "us-esat1" is not a region of Google Cloud; did you mean "us-east1"?',
  ],
  [
    "a region of the other cloud",
    { "artifacts:awsRegions": ["us-east1"] },
    'artifacts:awsRegions[0]: "us-east1" is not a region of AWS; did you mean "us-east-1"?',
  ],
  [
    "a region listed twice",
    { "artifacts:gcpRegions": ["us-east1", "us-east1"] },
    'artifacts:gcpRegions[1]: "us-east1" is listed twice',
  ],
  [
    "no region",
    { "artifacts:gcpRegions": [] },
    "artifacts:gcpRegions: [] needs at least one region, which then holds the canonical mirrors",
  ],
  [
    "AWS regions without a region of the provider",
    { "artifacts:awsRegions": ["us-east-1"], "aws:allowedAccountIds": ["123456789012"] },
    "aws:region: must be set when artifacts:awsRegions lists any: the provider starts there",
  ],
  [
    "more instances at least than at most",
    { "artifacts:minInstances": 21 },
    "artifacts:minInstances: 21 must not exceed maxInstances, 20",
  ],
  [
    "AWS regions without the account",
    { "artifacts:awsRegions": ["us-east-1"], "aws:region": "us-east-1" },
    "aws:allowedAccountIds: must name one account when artifacts:awsRegions lists any: the provider then changes no other",
  ],
  [
    "instances for a region that is not served",
    { "artifacts:minInstancesByRegion": { "us-east1": 1 } },
    'artifacts:minInstancesByRegion: "us-east1" is not among this stack\'s regions',
  ],
  [
    "a bucket for a region that is not listed",
    { "artifacts:bucketNames": { "us-east-7": "bucket" } },
    'artifacts:bucketNames: "us-east-7" is not among this stack\'s regions',
  ],
  [
    "images in the bucket of a region that is not listed",
    { "artifacts:imageBuckets": ["us-east-7"] },
    'artifacts:imageBuckets: "us-east-7" is not among this stack\'s regions',
  ],
  [
    "a store of images without keys",
    { "artifacts:imageStores": [{ ...store, keys: undefined }] },
    "artifacts:imageStores[0].keys: is missing: it must begin the names of environment variables: upper-case letters, digits, _",
  ],
  [
    "a store that is called like a region's bucket",
    { "artifacts:imageStores": [{ ...store, name: "s3-us-east-1" }] },
    'artifacts:imageStores[0].name: "s3-us-east-1" must not be the name of a region or of its bucket',
  ],
  [
    "a store of images that is near no region",
    { "artifacts:imageStores": [{ ...store, near: "moon" }] },
    'artifacts:imageStores[0].near: "moon" must be the name of a region of Google Cloud or AWS',
  ],
  [
    "a store of images with a lock of no day",
    { "artifacts:imageStores": [{ ...store, lock: 0 }] },
    "artifacts:imageStores[0].lock: 0 must be 1 to 3650 days",
  ],
  [
    "a store of images with a lock in words",
    { "artifacts:imageStores": [{ ...store, lock: "30d" }] },
    'artifacts:imageStores[0].lock: "30d" must be a whole number of days',
  ],
  [
    "a store of images without its API",
    { "artifacts:imageStores": [{ ...store, endpoint: undefined }] },
    "artifacts:imageStores[0].endpoint: is missing: it must be the address of the store's API, without a path",
  ],
  [
    "a store of images that is not made at R2, with an account",
    { "artifacts:imageStores": [{ ...store, account: hex }] },
    `artifacts:imageStores[0].account: "${hex}" must not be set: the store is not of kind r2`,
  ],
  [
    "a store of images that is not made at R2, with a jurisdiction",
    { "artifacts:imageStores": [{ ...store, jurisdiction: "eu" }] },
    'artifacts:imageStores[0].jurisdiction: "eu" must not be set: the store is not of kind r2',
  ],
  [
    "a bucket at R2 without an account",
    { "artifacts:imageStores": [{ ...madeAtR2, account: undefined }] },
    "artifacts:imageStores[0].account: is missing: it must be the id of the account at Cloudflare: 32 hexadecimal digits",
  ],
  [
    "a bucket at R2 whose zone is a name",
    { "artifacts:imageStores": [{ ...madeAtR2, zone: "example.org" }] },
    'artifacts:imageStores[0].zone: "example.org" must be the id of the zone at Cloudflare: 32 hexadecimal digits',
  ],
  [
    "a bucket at R2 below a path",
    { "artifacts:imageStores": [{ ...madeAtR2, url: "https://example.org/images" }] },
    'artifacts:imageStores[0].url: "https://example.org/images" must be https:// and a host of the zone, without a path: it is made the bucket\'s domain',
  ],
  [
    "a bucket at R2 with a lock",
    { "artifacts:imageStores": [{ ...madeAtR2, lock: 30 }] },
    "artifacts:imageStores[0].lock: 30 must not be set: R2 keeps no versions (docs/config.md)",
  ],
  [
    "two stores of images of one name",
    { "artifacts:imageStores": [store, store] },
    'artifacts:imageStores[1].name: "r2" is used twice',
  ],
  [
    "two buckets at R2 with the same keys",
    { "artifacts:imageStores": [madeAtR2, { ...madeAtR2, name: "r3", keys: undefined }] },
    "artifacts:imageStores[1].keys: is missing: it is another store's: each bucket at R2 has a token, so keys, of its own",
  ],
  [
    "a bucket at R2 with the keys of a store that is there",
    { "artifacts:imageStores": [store, { ...madeAtR2, name: "r3" }] },
    'artifacts:imageStores[1].keys: "R2" is another store\'s: each bucket at R2 has a token, so keys, of its own',
  ],
  [
    "a bucket at R2 whose keys are called as another's that read",
    { "artifacts:imageStores": [{ ...madeAtR2, keys: "R2_READ" }] },
    'artifacts:imageStores[0].keys: "R2_READ" must not end with _READ: the secrets of the token that only reads are named so',
  ],
  [
    "a store of images that is there, without keys",
    { "artifacts:imageStores": [{ ...store, keys: undefined }] },
    "artifacts:imageStores[0].keys: is missing: it must begin the names of environment variables: upper-case letters, digits, _",
  ],
  [
    "the address of a CDN with a slash at the end",
    { "artifacts:publicUrls": { "us-central1": "https://cdn.example.org/" } },
    'artifacts:publicUrls.us-central1: "https://cdn.example.org/" must not end with a slash',
  ],
  [
    "a share of another region",
    {
      "artifacts:clientShares": { "us-east-7": 5 },
      "artifacts:redirector": { prefer: ["shares", "nearest"] },
    },
    'artifacts:clientShares: "us-east-7" is not among this stack\'s regions',
  ],
  [
    "shares that nothing prefers",
    { "artifacts:clientShares": { "us-central1": 5 } },
    "artifacts:clientShares: counts only where artifacts:redirector has shares in prefer: prefer: [shares, same-cloud, nearest]",
  ],
  [
    "shares that are not there",
    { "artifacts:redirector": { preferIn: { kops: ["shares", "nearest"] } } },
    "artifacts:clientShares: must be set where artifacts:redirector prefers shares",
  ],
  [
    "a CDN to purge of another region",
    { "artifacts:cdnPurge": { "us-east-7": { by: "http" } } },
    'artifacts:cdnPurge: "us-east-7" is not among this stack\'s regions',
  ],
  [
    "a purge where no CDN is",
    { "artifacts:cdnPurge": { "us-central1": { by: "http" } } },
    "artifacts:cdnPurge.us-central1: no CDN is there: set its address in artifacts:publicUrls",
  ],
  [
    "a purge by an unknown API",
    { "artifacts:cdnPurge": { "us-central1": { by: "fastly" } } },
    'artifacts:cdnPurge.us-central1.by: "fastly" must be {by: cloudflare, zoneId, token}, {by: google, urlMap} or {by: http}',
  ],
  [
    "a token in place of its variable's name",
    { "artifacts:cdnPurge": { "us-central1": { by: "http", token: "s3cret" } } },
    'artifacts:cdnPurge.us-central1.token: "s3cret" must be the name of an environment variable: upper-case letters, digits, _',
  ],
  [
    "a CDN of another region",
    { "artifacts:publicUrls": { "us-east-7": "https://cdn.example.org" } },
    'artifacts:publicUrls: "us-east-7" is not among this stack\'s regions',
  ],
  [
    "a CDN of a region of another cloud",
    { "artifacts:cloudCdn": { "us-east-1": "cdn.example.org" } },
    'artifacts:cloudCdn: "us-east-1" is not among this stack\'s regions in artifacts:gcpRegions',
  ],
  [
    "a CDN whose name is in no zone of the stack",
    { "artifacts:cloudCdn": { "us-central1": "cdn.example.net" } },
    'artifacts:cloudCdn.us-central1: "cdn.example.net" must end with ".example.org": its records are put into the same zone',
  ],
  [
    "a CDN by the redirector's name",
    { "artifacts:cloudCdn": { "us-central1": "artifacts.example.org" } },
    'artifacts:cloudCdn.us-central1: "artifacts.example.org" has another use: each CDN needs a name of its own',
  ],
  [
    "two CDNs by one name",
    { "artifacts:cloudCdn": { "us-central1": "cdn.example.org", "europe-west1": "cdn.example.org" } },
    'artifacts:cloudCdn.europe-west1: "cdn.example.org" has another use: each CDN needs a name of its own',
  ],
  [
    "a CDN by an address",
    { "artifacts:cloudCdn": { "us-central1": "https://cdn.example.org" } },
    'artifacts:cloudCdn.us-central1: "https://cdn.example.org" must be a host name in lower case',
  ],
  [
    "a CDN of the program where there is one",
    {
      "artifacts:cloudCdn": { "us-central1": "cdn.example.org" },
      "artifacts:publicUrls": { "us-central1": "https://other.example.org" },
    },
    "artifacts:cloudCdn.us-central1: artifacts:publicUrls must not have us-central1 too",
  ],
  [
    "a CDN whose records nobody enters",
    {
      "artifacts:cloudCdn": { "us-central1": "cdn.example.org" },
      "artifacts:dns": "none",
      "artifacts:zoneId": "",
    },
    "artifacts:cloudCdn: must not be set when artifacts:dns is none: clients would be sent to a name before anybody has entered its records",
  ],
  [
    "a bucket by a name that none has",
    { "artifacts:bucketNames": { "us-central1": "gs://bucket" } },
    'artifacts:bucketNames.us-central1: "gs://bucket" must be the name of a bucket',
  ],
  [
    "an id that no repository has",
    { "artifacts:imageRepository": "images/prod" },
    'artifacts:imageRepository: "images/prod" must be the id of a repository: lower-case letters, digits and dashes, a letter first, 63 at most',
  ],
  [
    "a retiring region that is not listed",
    { "artifacts:retiringRegions": ["europe-west2"] },
    'artifacts:retiringRegions: "europe-west2" is not among this stack\'s regions; did you mean "europe-west1"?',
  ],
  [
    "a drained region that is not listed",
    { "artifacts:drainedRegions": ["us-central2"] },
    'artifacts:drainedRegions: "us-central2" is not among this stack\'s regions; did you mean "us-central1"?',
  ],
  [
    "a repository's name for its number",
    { "artifacts:repositoryId": "artifacts" },
    'artifacts:repositoryId: "artifacts" must be the number of that repository: gh api repos/<owner>/<name> --jq .id',
  ],
  [
    "an owner's name for its number",
    { "artifacts:githubOwners": { example: "1", other: "other" } },
    'artifacts:githubOwners.other: "other" must be the number of that owner: gh api users/<owner> --jq .id',
  ],
  [
    "an approver in the spelling of CODEOWNERS",
    { "artifacts:approvers": ["octo-org/infra", "@octocat"] },
    'artifacts:approvers[1]: "@octocat" must be a GitHub user\'s login, or organization/team (its slug), without @',
  ],
  [
    "a repository of an owner that is not listed",
    { "artifacts:githubOwners": { other: 1 } },
    'artifacts:githubOwners: has no "example", the owner of artifacts:repository',
  ],
  [
    "a vanity host elsewhere",
    { "artifacts:vanityHost": "registry.example.com" },
    'artifacts:vanityHost: "registry.example.com" must end with ".example.org": its records are put into the same zone',
  ],
  [
    "a state bucket without its key",
    { "artifacts:stateBucket": "demo-state" },
    "artifacts:stateBucket, artifacts:stateKey: must be set together, or neither",
  ],
  [
    "a seed project without its number",
    { "artifacts:seedProject": "demo-seed" },
    "artifacts:seedProjectNumber: must be set together with artifacts:seedProject",
  ],
  [
    "a seed project's number without the project",
    { "artifacts:seedProjectNumber": "987654321" },
    "artifacts:seedProject: must be set together with artifacts:seedProjectNumber",
  ],
  [
    "a seed project without the state's key in it",
    {
      "artifacts:seedProject": "demo-seed",
      "artifacts:seedProjectNumber": "987654321",
      "artifacts:stateBucket": "demo-state",
      "artifacts:stateKey": "projects/demo-project/locations/us/keyRings/r/cryptoKeys/k",
    },
    "artifacts:stateKey: must be in artifacts:seedProject, demo-seed, but is in demo-project (docs/operating.md says how to move the state)",
  ],
  [
    "a word for a number",
    { "artifacts:maxInstances": "many" },
    'artifacts:maxInstances: "many" must be a whole number from 1 to 1000',
  ],
  ["a word for a truth", { "artifacts:protection": "no" }, 'artifacts:protection: "no" must be true or false'],
  [
    "an endpoint without scheme",
    { "gcp:storageCustomEndpoint": "127.0.0.1:80" },
    'gcp:storageCustomEndpoint: "127.0.0.1:80" must be an http or https address',
  ],
  [
    "a staging location that does not exist",
    { "artifacts:stagingLocation": "eu" },
    'artifacts:stagingLocation: "eu" must be one of us, europe, asia or a region of Google Cloud',
  ],
  [
    "an organization that no bucket could begin with",
    { "artifacts:organization": "a--b" },
    'artifacts:organization: "a--b" must be 2 to 20 lower-case letters, digits and single dashes, beginning with a letter, as bucket names begin with it',
  ],
] as const) {
  it(`${what} is refused`, () => assert.deepEqual(refused({ ...least, ...change }), [error]));
}

it("Pulumi.yaml declares the same settings with the same defaults", () => {
  const { config } = parse(readFileSync(new URL("Pulumi.yaml", root), "utf8")) as {
    config: Record<string, { default?: unknown }>;
  };
  const required = Object.keys(config).filter((key) => config[key]?.default === undefined);
  assert.deepEqual(
    required.sort(),
    Object.keys(least)
      .filter((key) => key.startsWith("artifacts:") && key !== "artifacts:zoneId") // required by three of four services
      .map((key) => key.slice("artifacts:".length))
      .sort(),
  );
  const defaults = Object.entries(config).flatMap(([key, declared]) =>
    declared.default === undefined || key === "zoneId" ? [] : [[`artifacts:${key}`, declared.default]],
  );
  assert.deepEqual(accepted({ ...least, ...Object.fromEntries(defaults) }), accepted(least));
  assert.deepEqual(refused({ ...least, "artifacts:unheardOf": "" }).length, 1); // so every declared key is one that the parser knows
});

it("the stack of the rehearsal is valid", () => {
  const { config } = parse(readFileSync(new URL("Pulumi.local.yaml", root), "utf8")) as {
    config: Record<string, unknown>;
  };
  assert.equal(accepted(config).protection, false);
});

it("each setting of a large organisation has the type that Pulumi.yaml gives it", async () => {
  const { config } = await organisation("big");
  const declared = (parse(readFileSync(new URL("Pulumi.yaml", root), "utf8")) as { config: Record<string, object> })
    .config;
  const ajv = new Ajv({ strictTypes: false, strict: false });
  for (const [key, value] of Object.entries(config)) {
    const [namespace, name = ""] = key.split(":");
    if (namespace !== "artifacts") continue;
    const { description: _, default: __, ...schema } = declared[name] as { description: string; default: unknown };
    assert.ok(ajv.validate(schema, value), `${key}: ${JSON.stringify(value)}: ${ajv.errorsText()}`);
  }
});

describe("a multi-region", () => {
  it("may hold mirrors beside regions", () => {
    const { gcpRegions } = accepted({ ...least, "artifacts:gcpRegions": ["us-central1", "europe", "asia"] });
    assert.deepEqual(
      gcpRegions.map(({ name, members = [] }) => [name, members.length > 0]),
      [
        ["us-central1", false],
        ["europe", true],
        ["asia", true],
      ],
    );
  });

  it("may be the first, but not without a region, and runs no redirector", () => {
    const { gcpRegions } = accepted({ ...least, "artifacts:gcpRegions": ["us", "europe-west1"] });
    assert.equal(gcpRegions[0]!.name, "us");
    assert.deepEqual(
      refused({
        ...least,
        "artifacts:gcpRegions": ["us", "europe"],
        "artifacts:minInstancesByRegion": { us: 1 },
      }),
      [
        "artifacts:gcpRegions: has only multi-regions: name a region too, in which a redirector runs",
        'artifacts:minInstancesByRegion: "us" is not among this stack\'s regions',
      ],
    );
  });
});
