import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, beforeEach, describe, it } from "mocha";
import { parse } from "yaml";
import { parseStackConfig } from "../../../components/stack/config.ts";

const command = join(import.meta.dirname, "../../../components/commands/artifacts.mjs");
const folder = await mkdtemp(join(tmpdir(), "bootstrap-test-"));
const calls = join(folder, "calls");

/** Stands in for gcloud: notes each call; knows the buckets, rings and keys that were created before. */
const gcloud = `#!/bin/sh
echo "$*" >> ${calls}
case "$*" in
  *"$REFUSED"*) echo "ERROR: permission denied" >&2; exit 1 ;;
  "projects describe"*) echo 415926535897 ;;
  *"buckets describe"*) grep -q "buckets create" ${calls} || { echo "ERROR: gs://x not found: 404." >&2; exit 1; } ;;
  *"keyrings describe"*) grep -q "keyrings create" ${calls} || { echo "ERROR: NOT_FOUND: KeyRing" >&2; exit 1; } ;;
  *"keys describe"*) grep -q "keys create" ${calls} || { echo "ERROR: NOT_FOUND: CryptoKey" >&2; exit 1; } ;;
esac
`;
await writeFile(join(folder, "gcloud"), gcloud);
await chmod(join(folder, "gcloud"), 0o755);

describe("npm run bootstrap", () => {
  after(() => rm(folder, { recursive: true }));
  beforeEach(() => writeFile(calls, ""));

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
    assert.match(out, /The bucket for the state: versioned, private: exists/);
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
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const env = { ...process.env, PATH: path, REFUSED: "no such call", ...environment };
    execFile(process.execPath, [command, "bootstrap", ...args], { cwd, env }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}
