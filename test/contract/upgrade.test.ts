/**
 * The state that a release left is upgraded by the program of today: its preview removes and replaces nothing, and changes no more than the page
 * says that is written here for the reviewer. The states are in test/support/releases: the real engine exported them from the release's own program
 * on the emulated clouds.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { after, before, describe, it } from "mocha";
import { parse } from "yaml";
import { changesSince, mendState } from "../../components/commands/release-changes.ts";
import { installProviders } from "../../local/providers/install.ts";
import { Stack } from "../../local/tools/stack.ts";
import { builtTools } from "../support/programs.ts";

const release = "0.2.0";
const folderOfRelease = join(import.meta.dirname, "../support/releases", release);
const page = join(folderOfRelease, "changes.golden.txt");

/** A step of a preview (`pulumi preview --json`). */
interface PreviewStep {
  readonly op: string;
  readonly urn: string;
  readonly diffReasons?: readonly string[];
  readonly replaceReasons?: readonly string[];
}

describe(`the state of release ${release}`, function () {
  this.timeout(5 * 60_000);
  let folder: string;
  let stack: Stack;
  let steps: readonly PreviewStep[];
  let mended: readonly string[];

  before(async () => {
    await builtTools("pulumi");
    folder = await mkdtemp(join(tmpdir(), "upgrade-"));
    const file = join(folderOfRelease, "Pulumi.local.yaml");
    const { config } = parse(await readFile(file, "utf8")) as { config: Record<string, unknown> };
    const [{ s3 }] = config["aws:endpoints"] as [{ s3: string }];
    stack = new Stack(
      folder,
      {
        pid: process.pid,
        control: String(config["gcp:monitoringCustomEndpoint"]).replace(/\/apis\/.*$/, ""), // nothing answers there
        gcsEndpoint: String(config["gcp:storageCustomEndpoint"]),
        s3Endpoint: s3,
        awsCredentials: { accessKeyId: "unused", secretAccessKey: "unused" },
      },
      { name: "local", file },
    );
    installProviders(stack.home);
    await stack.configure(join(folderOfRelease, "manifests"), {
      "artifacts:redirectorArchive": join(folderOfRelease, "redirector.tar.gz"),
    });
    await stack.ensure();
    const state = join(folder, "exported.json");
    const exported = gunzipSync(await readFile(join(folderOfRelease, "state.json.gz"))).toString();
    ({ mended } = mendState(exported, changesSince(release)));
    await writeFile(state, mendState(exported, changesSince(release)).state);
    await succeeds("stack", "import", "--file", state);
    const preview = await succeeds("preview", "--json", "--show-sames");
    ({ steps } = JSON.parse(preview.slice(preview.indexOf("{"))) as { steps: PreviewStep[] });
  });
  after(() => rm(folder, { recursive: true }));

  const succeeds = async (...args: string[]): Promise<string> => {
    const { code, output } = await stack.run(args, { quiet: true });
    assert.equal(code, 0, `pulumi ${args.join(" ")}\n${output}`);
    return output;
  };

  it("is mended as npm run upgrade --state does: the flags of CAA records", () => {
    assert.deepEqual(
      mended.map((urn) => urn.split("::").at(-1)),
      ["domain-caa-letsencrypt.org", "domain-caa-pki.goog"],
    );
  });

  it("loses nothing but rights that preview has no use for: no other resource is removed, none is replaced", () => {
    assert.ok(steps.length > 100);
    const removed = steps.filter(({ op }) => !["same", "update", "create", "read"].includes(op));
    const viewers = [
      "certificatemanager.viewer",
      "compute.viewer",
      "iam.workloadIdentityPoolViewer",
      "monitoring.viewer",
      "run.viewer",
    ];
    assert.deepEqual(
      removed.map(shown).sort(),
      viewers.map((role) => `delete gcp:projects/iAMMember:IAMMember identities-preview-${role}`),
    );
  });

  it("changes what the page says, and nothing else (UPDATE_GOLDEN=1 writes it)", async () => {
    const changed = steps
      .filter(({ op }) => op !== "same")
      .map(shown)
      .sort();
    const text = `${[`# What an upgrade from ${release} changes.`, ...changed].join("\n")}\n`;
    if (process.env["UPDATE_GOLDEN"]) await writeFile(page, text);
    assert.equal(text, await readFile(page, "utf8"));
  });
});

/** `update gcp:storage/bucket:Bucket files-gcp-europe-west1: labels`. */
function shown({ op, urn, diffReasons = [], replaceReasons = [] }: PreviewStep): string {
  const [, , type = "", name = ""] = urn.split("::");
  const why = [...diffReasons, ...replaceReasons];
  return `${op} ${type.split("$").at(-1)} ${name}${why.length > 0 ? `: ${[...new Set(why)].sort().join(", ")}` : ""}`;
}
