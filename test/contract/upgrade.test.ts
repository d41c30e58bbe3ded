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
import { before, describe, it } from "mocha";
import { parse } from "yaml";
import { changesSince, mendState } from "../../components/commands/release-changes.ts";
import { installProviders } from "../../local/providers/install.ts";
import { projectRoot } from "../../local/tools/rehearsal-folder.ts";
import { Stack } from "../../local/tools/stack.ts";
import { builtTools } from "../support/programs.ts";

/** A release whose state is kept. */
interface Release {
  readonly version: string;
  /** Names of the resources that `npm run upgrade --state` mends. */
  readonly mends: readonly string[];
  /** What an upgrade removes on purpose; anything else that it removes or replaces is a defect. */
  readonly removes: readonly string[];
}

/** The oldest first. */
const releases: readonly Release[] = [
  {
    version: "0.2.0",
    mends: ["domain-caa-letsencrypt.org", "domain-caa-pki.goog"],
    // Rights that a preview has no use for.
    removes: [
      "certificatemanager.viewer",
      "compute.viewer",
      "iam.workloadIdentityPoolViewer",
      "monitoring.viewer",
      "run.viewer",
    ].map((role) => `delete gcp:projects/iAMMember:IAMMember identities-preview-${role}`),
  },
  { version: "0.3.0", mends: [], removes: [] },
];

/** A step of a preview (`pulumi preview --json`). */
interface PreviewStep {
  readonly op: string;
  readonly urn: string;
  readonly diffReasons?: readonly string[];
  readonly replaceReasons?: readonly string[];
}

for (const { version, mends, removes } of releases) {
  describe(`the state of release ${version}`, () => {
    const page = join(folderOf(version), "changes.golden.txt");
    let steps: readonly PreviewStep[];
    let mended: readonly string[];

    before(async () => {
      ({ steps, mended } = await upgrade(version));
    });

    it(`is mended as npm run upgrade --state does: ${mends.length} resources`, () => {
      assert.deepEqual(
        mended.map((urn) => urn.split("::").at(-1)),
        mends,
      );
    });

    it("loses nothing but what its table names, and nothing is replaced", () => {
      assert.ok(steps.length > 100);
      const removed = steps.filter(({ op }) => !["same", "update", "create", "read"].includes(op));
      assert.deepEqual(removed.map(shown).sort(), removes);
    });

    it("changes what the page says, and nothing else (UPDATE_GOLDEN=1 writes it)", async () => {
      const changed = steps
        .filter(({ op }) => op !== "same")
        .map(shown)
        .sort();
      const text = `${[`# What an upgrade from ${version} changes.`, ...changed].join("\n")}\n`;
      if (process.env["UPDATE_GOLDEN"]) await writeFile(page, text);
      assert.equal(text, await readFile(page, "utf8"));
    });
  });
}

it("the release of package.json has its state: node test/support/releases/record.ts", async () => {
  const { version } = JSON.parse(await readFile(join(projectRoot, "package.json"), "utf8")) as { version: string };
  assert.equal(version, releases.at(-1)?.version);
});

/** Previews the program of today on a release's state, with the release's config and manifests. */
async function upgrade(version: string): Promise<{ steps: readonly PreviewStep[]; mended: readonly string[] }> {
  await builtTools("pulumi");
  const folder = await mkdtemp(join(tmpdir(), "upgrade-"));
  try {
    const kept = folderOf(version);
    const file = join(kept, "Pulumi.local.yaml");
    const { config } = parse(await readFile(file, "utf8")) as { config: Record<string, unknown> };
    const [{ s3 }] = config["aws:endpoints"] as [{ s3: string }];
    const stack = new Stack(
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
    const succeeds = async (...args: string[]): Promise<string> => {
      const { code, output } = await stack.run(args, { quiet: true });
      assert.equal(code, 0, `pulumi ${args.join(" ")}\n${output}`);
      return output;
    };
    installProviders(stack.home);
    await stack.configure(join(kept, "manifests"), {
      "artifacts:redirectorArchive": join(kept, "redirector.tar.gz"),
    });
    await stack.ensure();
    const exported = gunzipSync(await readFile(join(kept, "state.json.gz"))).toString();
    const { state, mended } = mendState(exported, changesSince(version));
    await writeFile(join(folder, "exported.json"), state);
    await succeeds("stack", "import", "--file", join(folder, "exported.json"));
    const preview = await succeeds("preview", "--json", "--show-sames");
    const { steps } = JSON.parse(preview.slice(preview.indexOf("{"))) as { steps: PreviewStep[] };
    return { steps, mended };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function folderOf(version: string): string {
  return join(import.meta.dirname, "../support/releases", version);
}

/** `update gcp:storage/bucket:Bucket files-gcp-europe-west1: labels`. */
function shown({ op, urn, diffReasons = [], replaceReasons = [] }: PreviewStep): string {
  const [, , type = "", name = ""] = urn.split("::");
  const why = [...diffReasons, ...replaceReasons];
  return `${op} ${type.split("$").at(-1)} ${name}${why.length > 0 ? `: ${[...new Set(why)].sort().join(", ")}` : ""}`;
}
