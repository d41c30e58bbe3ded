import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, beforeEach, describe, it } from "mocha";
import { parse } from "yaml";
import { parseStackConfig } from "../../../components/stack/config.ts";
import { runArtifacts } from "../../support/run-command-lines.ts";

const folder = await mkdtemp(join(tmpdir(), "bootstrap-test-"));
const calls = join(folder, "calls");

const cloud = join(folder, "cloud.json");

/** Stands in for gcloud: notes each call; keeps the bucket, ring and key as they were made and changed. */
const gcloud = `#!${process.execPath}
const fs = require("node:fs");
const line = process.argv.slice(2).join(" ");
fs.appendFileSync(${JSON.stringify(calls)}, line + "\\n");
const fail = (message) => { console.error("ERROR: " + message); process.exit(1); };
if (line.includes(process.env.REFUSED)) fail("permission denied");
const cloud = JSON.parse(fs.readFileSync(${JSON.stringify(cloud)}, "utf8"));
const after = (flag) => process.argv[process.argv.indexOf(flag) + 1];
const set = (name, values) => { cloud[name] = { ...cloud[name], ...values }; };
const show = (name, missing) => console.log(JSON.stringify(cloud[name] ?? fail(missing)));
const properties = () => {
  if (line.includes("--uniform-bucket")) set("bucket", { iamConfiguration: { uniformBucketLevelAccess: { enabled: true }, publicAccessPrevention: "enforced" } });
  if (line.includes("--soft-delete-duration")) set("bucket", { softDeletePolicy: { retentionDurationSeconds: "2592000" } });
  if (line.includes("--versioning")) set("bucket", { versioning: { enabled: true } });
  if (line.includes("--lifecycle-file")) set("bucket", { lifecycle: JSON.parse(fs.readFileSync(after("--lifecycle-file"), "utf8")) });
};
if (/^projects describe \\S+ --format=json/.test(line)) show("seed", "does not have permission to access projects instance [x] (or it may not exist)");
else if (line.startsWith("projects describe")) console.log("415926535897");
if (line.startsWith("projects create")) set("seed", {});
if (line.startsWith("storage buckets describe")) show("bucket", "gs://x not found: 404.");
if (line.startsWith("storage buckets create")) { set("bucket", { location: after("--location") }); properties(); }
if (line.startsWith("storage buckets update")) properties();
if (line.startsWith("kms keyrings describe")) show("ring", "NOT_FOUND: KeyRing");
if (line.startsWith("kms keyrings create")) set("ring", {});
if (line.startsWith("kms keys describe")) show("key", "NOT_FOUND: CryptoKey");
if (/^kms keys (create|update)/.test(line)) set("key", { rotationPeriod: "7776000s", primary: { state: "ENABLED" } });
fs.writeFileSync(${JSON.stringify(cloud)}, JSON.stringify(cloud));
`;
await writeFile(join(folder, "gcloud"), gcloud);
await chmod(join(folder, "gcloud"), 0o755);

describe("npm run bootstrap", () => {
  after(() => rm(folder, { recursive: true }));
  beforeEach(async () => {
    await Promise.all([writeFile(calls, ""), writeFile(cloud, "{}")]);
  });

  const needed = ["--project", "example-artifacts", "--organization", "example"];
  const made = async (): Promise<string[]> =>
    (await readFile(calls, "utf8")).split("\n").filter((call) => /create|update|enable/.test(call));

  it("without --create it prints the commands and calls nothing", async () => {
    const { code, out } = await run(needed);
    assert.equal(code, 0);
    assert.match(out, /^gcloud storage buckets create gs:\/\/example-artifacts-state .*--location US /m);
    assert.match(out, /^gcloud kms keys create state --keyring artifacts /m);
    assert.match(out, /"numNewerVersions": 10/);
    assert.match(
      out,
      /--secrets-provider gcpkms:\/\/projects\/example-artifacts\/locations\/us\/keyRings\/artifacts\/cryptoKeys\/state$/m,
    );
    assert.equal(await readFile(calls, "utf8"), "");
  });

  it("with --create it makes exactly the services, the bucket, the ring and the key; a second run makes nothing of them again", async () => {
    assert.equal((await run([...needed, "--create"])).code, 0);
    const first = await made();
    assert.deepEqual(
      first.map((call) => call.split(" ").slice(0, 4).join(" ")),
      [
        "services enable artifactregistry.googleapis.com certificatemanager.googleapis.com",
        "storage buckets create gs://example-artifacts-state",
        "storage buckets update gs://example-artifacts-state",
        "storage buckets update gs://example-artifacts-state",
        "kms keyrings create artifacts",
        "kms keys create state",
      ],
    );
    const { code, out } = await run([...needed, "--create"]);
    assert.equal(code, 0);
    assert.deepEqual(
      (await made()).slice(first.length).map((call) => call.split(" ")[0]),
      ["services"],
    ); // enabling is idempotent
    assert.match(
      out,
      /^The bucket for the state: exists\n {2}old states are kept as versions: yes\n {2}old versions expire: yes$/m,
    );
  });

  it("completes a run that failed half-way, property by property", async () => {
    const failed = await run([...needed, "--create"], { REFUSED: "--versioning" });
    assert.equal(failed.code, 1);
    await writeFile(calls, "");
    assert.equal((await run([...needed, "--create"])).code, 0);
    const kind = (call: string): string => call.replace(/ gs:.*? --(versioning|lifecycle-file).*/, " --$1");
    assert.deepEqual(
      (await made()).slice(1).map((call) => kind(call).split(" ").slice(0, 4).join(" ")),
      [
        "storage buckets update --versioning",
        "storage buckets update --lifecycle-file",
        "kms keyrings create artifacts",
        "kms keys create state",
      ],
    );
  });

  it("puts back what was changed, and says what it cannot", async () => {
    assert.equal((await run([...needed, "--create"])).code, 0);
    const found = JSON.parse(await readFile(cloud, "utf8")) as Record<string, Record<string, unknown>>;
    const changed = {
      ...found,
      bucket: { ...found["bucket"], softDeletePolicy: { retentionDurationSeconds: "0" }, iamConfiguration: {} },
      key: { primary: { state: "ENABLED" } },
    };
    await Promise.all([writeFile(calls, ""), writeFile(cloud, JSON.stringify(changed))]);
    const { out } = await run([...needed, "--create"]);
    assert.equal((await made()).length, 4, "services, access, soft delete, rotation");
    assert.match(out, /nobody reads it without a role: setting it/);
    assert.deepEqual(JSON.parse(await readFile(cloud, "utf8")), found);
    await writeFile(cloud, JSON.stringify({ ...found, key: { ...found["key"], primary: { state: "DESTROYED" } } }));
    assert.match(
      (await run([...needed, "--create"])).err,
      /error: the key's primary version is DESTROYED: enable or restore it/,
    );
    const elsewhere = await run([...needed, "--create", "--location", "europe"]);
    assert.match(elsewhere.err, /error: gs:\/\/example-artifacts-state is in US, which cannot be changed/);
  });

  it("turns on Cloud DNS where the names are there", async () => {
    await writeFile(join(folder, "Pulumi.dns.yaml"), "config:\n  artifacts:dns: google\n");
    assert.match((await run([...needed, "--stack", "dns"], {}, folder)).out, / dns\.googleapis\.com /);
    assert.doesNotMatch((await run(needed, {}, folder)).out, / dns\.googleapis\.com /);
  });

  it("the settings that it prints are accepted", async () => {
    const { out } = await run([...needed, "--create"]);
    const printed = out
      .split("\n")
      .filter((line) => /^# {3}\S+:/.test(line))
      .map((line) => line.slice(4));
    const settings = parse(printed.join("\n")) as Record<string, unknown>;
    assert.equal(settings["artifacts:projectNumber"], "415926535897");
    const parsed = parseStackConfig({
      ...settings,
      "artifacts:repository": "example/artifacts",
      "artifacts:repositoryId": "123456789",
      "artifacts:githubOwners": { example: "1234567" },
      "artifacts:domain": "example.org",
      "artifacts:zoneId": "0123456789abcdef0123456789abcdef",
      "artifacts:gcpRegions": ["us-central1"],
    });
    assert.ok("config" in parsed, JSON.stringify(parsed));
    assert.equal(parsed.config.state?.bucket, "example-artifacts-state");
  });

  it("with a seed project it makes the project, and the state, its key and their services there", async () => {
    const { code, out } = await run([...needed, "--seed-project", "example-seed", "--create"]);
    assert.equal(code, 0);
    const words = (call: string): string => call.replace(/ enable .* --project/, " enable --project");
    const first = (await made()).map(words);
    assert.deepEqual(
      first.map((call) => call.split(" ").slice(0, 4).join(" ")),
      [
        "services enable --project example-artifacts",
        "projects create example-seed --quiet",
        "services enable --project example-seed",
        "storage buckets create gs://example-artifacts-seed-state",
        "storage buckets update gs://example-artifacts-seed-state",
        "storage buckets update gs://example-artifacts-seed-state",
        "kms keyrings create artifacts",
        "kms keys create state",
      ],
    );
    for (const call of first.filter((one) => /^(storage buckets create|kms)/.test(one)))
      assert.match(call, /--project example-seed/);
    const settings = parse(out.replaceAll(/^(?!# {3}\S+:).*$/gm, "").replaceAll(/^# {3}/gm, "")) as Record<
      string,
      unknown
    >;
    assert.equal(settings["artifacts:seedProject"], "example-seed");
    assert.equal(settings["artifacts:seedProjectNumber"], "415926535897");
    assert.equal(settings["artifacts:stateBucket"], "example-artifacts-seed-state");
    assert.match(String(settings["artifacts:stateKey"]), /^projects\/example-seed\//);
    await run([...needed, "--seed-project", "example-seed", "--create"]);
    assert.equal((await made()).filter((call) => call.startsWith("projects create")).length, 1);
  });

  it("the seed project is not production's", async () => {
    const { code, err } = await run([...needed, "--seed-project", "example-artifacts"]);
    assert.equal(code, 2);
    assert.match(err, /--seed-project: must be another project than example-artifacts/);
  });

  it("a refusal is not taken for absence, and says which command", async () => {
    const { code, err } = await run([...needed, "--create"], { REFUSED: "buckets describe" });
    assert.equal(code, 1);
    assert.match(err, /error: gcloud storage buckets describe .*\nERROR: permission denied/);
    assert.deepEqual(
      (await made()).map((call) => call.split(" ")[0]),
      ["services"],
    );
  });

  it("project and organization are those of the stack's file, whatever else is missing there", async () => {
    await writeFile(
      join(folder, "Pulumi.named.yaml"),
      "config:\n  gcp:project: some-project\n  artifacts:organization: org\n  artifacts:domain: not a domain\n",
    );
    const { code, out } = await run(["--stack", "named"], {}, folder);
    assert.equal(code, 0);
    assert.match(out, /^gcloud storage buckets create gs:\/\/org-artifacts-state --project some-project /m);
    assert.match(
      (await run(["--stack", "named", "--project", "other"], {}, folder)).out,
      /gs:\/\/org-artifacts-state --project other /,
    );
  });

  it("reports everything that is missing in the call at once, and where the usage is", async () => {
    const { code, err } = await run(["--project", "p"], {}, folder);
    assert.equal(code, 2);
    assert.match(
      err,
      /^error: give --organization NAME \(or set artifacts:organization in Pulumi\.prod\.yaml\)\nSee artifacts bootstrap --help/,
    );
    assert.match(
      (await run([], {}, folder)).err,
      /^error: give --project ID \(or set gcp:project in Pulumi\.prod\.yaml\) and --organization NAME \(or set /,
    );
  });
});

function run(args: readonly string[], environment: Record<string, string> = {}, cwd = process.cwd()) {
  const path = [folder, process.env["PATH"]].join(delimiter);
  const env = { ...process.env, PATH: path, REFUSED: "no such call", ...environment };
  return runArtifacts(["bootstrap", ...args], { cwd, env });
}
