/** The whole system, end to end, as a user meets it in a fork with a config and manifests of its own: `npm start`, the CLI beside it, mistakes, kill -9, Ctrl-C. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { after, before, describe, it } from "mocha";
import { ControlApi } from "../../local/control-api.ts";
import { makeArtifacts } from "../../local/seed/artifacts.ts";
import { demoManifestsFolder } from "../../local/seed/demo-manifests.ts";
import { copyManifests } from "../../local/seed/scratch-manifests.ts";
import { readRehearsal } from "../../local/tools/rehearsal-folder.ts";
import { Stack } from "../../local/tools/stack.ts";
import { adopt, copyCheckout } from "../support/adopter.ts";
import { itUnless, note } from "../support/annotations.ts";
import { findChromium } from "../support/browser/chromium.ts";
import { peerPath } from "../support/peers.ts";
import { type RehearsalProcess, Workspace } from "../support/rehearsal/rehearsal.ts";
import { mistakes } from "../support/seed/manifest-mistakes.ts";
import { visitCatalogue } from "./catalogue.ts";
import { runCommands } from "./catalogue-commands.ts";
import { readCatalogue } from "./catalogue-documents.ts";
import { promoteSigned } from "./signed-image.ts";

const host = "artifacts.example.org";

const noBrowser = findChromium() === undefined ? "Chromium is not installed" : undefined;

describe("npm start", function () {
  this.timeout(15 * 60_000);
  let place: Workspace;
  let rehearsal: RehearsalProcess;
  let fork: string;
  let checkout: string;

  before(async () => {
    fork = await mkdtemp(join(tmpdir(), "fork-"));
    await copyCheckout(fork);
    await adopt(fork);
    checkout = await contents(fork);
    place = await Workspace.make(undefined, fork);
    rehearsal = place.start();
    await rehearsal.says("Running. Press Ctrl-C to stop.");
  });
  after(async () => {
    rehearsal.child.kill("SIGTERM");
    await rehearsal.ended;
    await place.remove();
    await rm(fork, { recursive: true });
  });

  /** Where the summary says that the catalogue is. */
  const catalogue = (): string =>
    /^catalogue: +(http:\/\/\S+)\/ /m.exec(rehearsal.output)?.[1] ?? assert.fail(rehearsal.output);

  /** The stack of the running rehearsal, on manifests of the test's choice. */
  const stackOn = async (manifests: string): Promise<Stack> => {
    const running = await readRehearsal(place.folder);
    assert.ok(running, "the rehearsal runs");
    const stack = new Stack(place.folder, running);
    await stack.configure(manifests);
    return stack;
  };

  it("promotes exactly the committed manifests to every mirror", async () => {
    const running = (await readRehearsal(place.folder))!;
    const registries = await productionRegistries(running.control);
    assert.deepEqual(Object.keys(registries).sort(), ["europe-west1", "us-central1"]);
    for (const project of (await makeArtifacts()).projects) {
      for (const image of project.images) {
        const wanted = image.releases.filter((one) => one.promoted);
        const others = image.releases.filter((one) => !one.promoted);
        for (const port of Object.values(registries)) {
          const repository = `127.0.0.1:${port}/rehearsal-artifacts/images/${project.name}/${image.name}`;
          const tags = (await crane("ls", repository)).trim().split("\n");
          for (const release of wanted) {
            for (const tag of release.tags) {
              assert.equal((await crane("digest", `${repository}:${tag}`)).trim(), release.digest);
            }
            assert.ok(tags.includes(`${release.digest.replace(":", "-")}.sig`), "its signature came with it");
          }
          for (const release of others) {
            for (const tag of release.tags) assert.ok(!tags.includes(tag), `${tag} was reverted`);
            await assert.rejects(crane("digest", `${repository}@${release.digest}`), /MANIFEST_UNKNOWN|404/);
          }
        }
      }
    }
  });

  it("the preview of the change showed exactly the one added digest, which was then pulled", () => {
    const change = rehearsal.output.slice(
      rehearsal.output.indexOf("== 5."),
      rehearsal.output.indexOf("pulumi up", rehearsal.output.indexOf("== 5.")),
    );
    const added = change.split("\n").filter((line) => /^\s+\+ \S+:\S+ sha256:[0-9a-f]{64}$/.test(line));
    assert.equal(new Set(added.map((line) => line.trim())).size, 1, added.join("\n"));
    assert.match(rehearsal.output, /removed from the image mirror in us-central1: 0/);
    assert.match(rehearsal.output, /removed from the image mirror in europe-west1: 0/);
    assert.match(rehearsal.output, /removed from the S3 mirror in us-east-1: [1-9]\d* layer/);
  });

  it("ran the program of the pulled image and printed the source of each part", () => {
    assert.match(rehearsal.output, /its program, run here with --version: \S*DotSlash \d/i);
    assert.match(rehearsal.output, /layer {4}sha256:\w{12} .* redirector -> registry us-central1/);
    assert.match(rehearsal.output, /layer {4}sha256:\w{12} .* redirector -> registry europe-west1/);
    assert.match(rehearsal.output, /regctl copied semver\/semver/);
    assert.match(rehearsal.output, /sha256 as in the manifest {2}redirector -> GCS/);
  });

  it("the catalogue lists exactly what was promoted and matches its schemas", async () => {
    await readCatalogue(catalogue(), await makeArtifacts());
  });

  itUnless(noBrowser, "shows the catalogue in a browser, from both clouds", async () => {
    await visitCatalogue(findChromium()!, catalogue(), await makeArtifacts());
  });

  itUnless(noBrowser, "runs the commands that the page shows, unchanged", async function () {
    const { ran, left } = await runCommands(findChromium()!, catalogue(), await makeArtifacts());
    const told = (counts: Readonly<Record<string, number>>) =>
      Object.entries(counts).map(([program, count]) => `${count} of ${program}`);
    note(this, `ran ${told(ran).join(", ")}; not here: ${told(left).join(", ") || "none"}`);
    for (const program of ["crane", "oras"]) assert.ok((ran[program] ?? 0) > 0, program);
  });

  it("prints no warning of the engine", () => {
    assert.doesNotMatch(rehearsal.output, /warning:/);
  });

  it("npm run pulumi -- preview finds no change, in a new process", async () => {
    const run = place.pulumi("preview", "--expect-no-changes", "--non-interactive", "--color", "never");
    assert.equal(await run.ended, 0, run.output);
    const output = place.pulumi("stack", "output", "url");
    assert.equal(await output.ended, 0, output.output);
    assert.equal(output.output.trim(), `https://${host}`);
  });

  it("--stack prod reads Pulumi.prod.yaml, and stack select and rm do not touch it", async () => {
    const quiet = ["--non-interactive", "--color", "never"];
    const plan = place.pulumi("preview", "--stack", "prod", ...quiet);
    await plan.ended; // it fails at the promotions: what the fork promotes is not in the rehearsal's staging
    assert.match(plan.output, /Previewing update \(prod\)/);
    assert.match(plan.output, /StagingArea +mine +create/);
    assert.doesNotMatch(plan.output, /dotslash/);
    const select = place.pulumi("stack", "select", "prod", "--non-interactive");
    assert.equal(await select.ended, 0, select.output);
    const name = place.pulumi("stack", "--show-name", "--non-interactive");
    assert.equal(await name.ended, 0, name.output);
    assert.equal(name.output.trim(), "prod");
    const remove = place.pulumi("stack", "rm", "prod", "--yes", "--non-interactive");
    assert.equal(await remove.ended, 0, remove.output);
    const back = place.pulumi("stack", "select", "local", "--non-interactive");
    assert.equal(await back.ended, 0, back.output);
  });

  it("the commands of the runbook work on it with --stack local", async () => {
    for (const [args, said] of [
      [["status"], /^2 projects: everything that was deployed is in place$/m],
      [["audit"], /^2 projects, .*: production is what the manifests say$/m],
      [["sync", "--mirror", "files-gcp-us-central1", "--dry-run"], /^dotslash files: nothing to do$/m],
      [["adopt", "--preview-only"], /^ +\d+ unchanged$/m],
      [["promote", "dotslash", "dotslash", "--dry-run"], /^\+ dotslash:\S+ sha256:[0-9a-f]{64}$/m],
    ] as const) {
      const run = place.artifacts(...args, "--stack", "local");
      assert.equal(await run.ended, 0, `${args.join(" ")}\n${run.output}`);
      assert.match(run.output, said);
    }
  });

  it("refresh finds no drift", async () => {
    const run = place.pulumi(
      "refresh",
      "--preview-only",
      "--expect-no-changes",
      "--non-interactive",
      "--color",
      "never",
    );
    assert.equal(await run.ended, 0, run.output);
  });

  for (const mistake of mistakes) {
    it(`refuses ${mistake.name}: one clear error, nothing promoted`, async () => {
      const scratch = join(place.folder, "mistake");
      await copyManifests(demoManifestsFolder, scratch);
      const change = await mistake.make(scratch);
      const stack = await stackOn(scratch);
      try {
        const inventory = await mirrors();
        const command = mistake.found === "up" ? ["up", "--yes", "--skip-preview"] : ["preview"];
        const ended = await stack.run(command, { quiet: true });
        assert.notEqual(ended.code, 0, ended.output);
        for (const name of mistake.names) assert.ok(ended.output.includes(name), `${name} in:\n${ended.output}`);
        if (mistake.found === "reading") {
          assert.match(ended.output, new RegExp(`${change.file.split("/").at(-1)}:\\d+:\\d+: `), ended.output);
        }
        assert.doesNotMatch(ended.output, /\n\s+at .+:\d+:\d+\)?/, "no stack trace");
        assert.deepEqual(await mirrors(), inventory, "no mirror changed");
      } finally {
        await stack.configure(demoManifestsFolder);
        // What a failed `up` left half done, the next one finishes.
        if (mistake.found === "up") {
          const again = await stack.run(["up", "--yes", "--skip-preview"], { quiet: true });
          assert.equal(again.code, 0, again.output);
        }
      }
    });
  }

  /** Every tag of every production repository, as an independent client sees it. */
  const mirrors = async (): Promise<Record<string, string[]>> => {
    const running = (await readRehearsal(place.folder))!;
    const found: Record<string, string[]> = {};
    for (const [region, port] of Object.entries(await productionRegistries(running.control))) {
      for (const name of ["dotslash/dotslash", "semver/semver"]) {
        const repository = `127.0.0.1:${port}/rehearsal-artifacts/images/${name}`;
        found[`${region} ${name}`] = (await crane("ls", repository)).trim().split("\n").sort();
      }
    }
    return found;
  };

  it("promotes a signed image where signatures are required, refuses an unsigned one in the preview; the far mirror's image and its proof verify", async function () {
    const { control } = (await readRehearsal(place.folder))!;
    const api = new ControlApi(control);
    const staging = (await api.stagingAreas()).find(({ project }) => project === "semver")?.registryUri;
    const far = (await productionRegistries(control))["europe-west1"];
    const verifiers = await promoteSigned({
      workspace: place,
      stack: await stackOn(demoManifestsFolder),
      staging: staging ?? assert.fail("semver has staging"),
      site: await api.site(host),
      far: `127.0.0.1:${far}`,
    });
    note(this, `verified by ${verifiers.join(", ")}`);
  });

  it("refuses a second rehearsal in the same folder or on the same ports with one sentence", async () => {
    const same = place.start(["--once"]);
    assert.equal(await same.ended, 1);
    assert.match(same.output, /error: A rehearsal already runs .*process \d+/);

    const other = await Workspace.make();
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(other.ports, "127.0.0.1", resolve));
    const refused = other.start(["--once"]);
    assert.equal(await refused.ended, 1);
    assert.match(refused.output, new RegExp(`error: Port ${other.ports} on 127.0.0.1.* is used by another program`));
    await new Promise((resolve) => blocker.close(resolve));
    await other.remove();
  });

  it("npm run clean refuses while it runs", async () => {
    const clean = place.clean();
    assert.equal(await clean.ended, 1);
    assert.match(clean.output, /a rehearsal runs/);
  });

  it("starts again after kill -9 and stops the orphaned processes", async () => {
    const started = await pids(place);
    rehearsal.child.kill("SIGKILL");
    await rehearsal.ended;
    assert.ok(started.filter(alive).length > 0, "a kill -9 leaves the servers");
    rehearsal = place.start();
    await rehearsal.says("Running. Press Ctrl-C to stop.");
    assert.match(rehearsal.output, /stopped a process that a killed rehearsal left running/);
    assert.deepEqual(started.filter(alive), []);
  });

  it("Ctrl-C stops it and every process that it started; clean removes its folder; the checkout is unchanged", async () => {
    const started = await pids(place);
    rehearsal.child.kill("SIGINT");
    assert.equal(await rehearsal.ended, 0, rehearsal.output);
    assert.deepEqual(started.filter(alive), []);
    const pulumi = place.pulumi("preview");
    assert.equal(await pulumi.ended, 1);
    assert.match(pulumi.output, /no rehearsal runs/);
    assert.equal(await place.clean().ended, 0);
    await assert.rejects(stat(place.folder));
    assert.equal(await contents(fork), checkout);
  });
});

describe("a machine without prerequisites", () => {
  it("without Go and without built programs: prints what to install", async () => {
    const place = await Workspace.make();
    const run = place.start(["--once"], { PATH: "/nonexistent", ARTIFACTS_CACHE: place.folder, ARTIFACTS_TOOLS: "" });
    assert.equal(await run.ended, 1);
    assert.match(run.output, /error: Go is not installed, and .*pulumi.* must be built once\. Install Go 1\.25/);
    await place.remove();
  });

  it("without a network for the Go modules: prints what to check", async () => {
    const place = await Workspace.make();
    const run = place.start(["--once"], {
      ARTIFACTS_CACHE: place.folder,
      ARTIFACTS_TOOLS: "",
      GOPROXY: "off",
      GOFLAGS: "-modcacherw",
      GOMODCACHE: join(place.folder, "modules"),
    });
    assert.equal(await run.ended, 1);
    assert.match(run.output, /error: The Go modules of .* could not be downloaded: check the network or GOPROXY/);
    await place.remove();
  });

  it("a wrong option prints the usage", async () => {
    const place = await Workspace.make();
    const run = place.start(["--twice"]);
    assert.equal(await run.ended, 2);
    assert.match(run.output, /usage: npm start/);
    await place.remove();
  });
});

async function crane(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(await peerPath("crane"), args);
  return stdout;
}

/** Region -> port of its registry, without the staging location. */
async function productionRegistries(control: string): Promise<Record<string, number>> {
  const names = await new ControlApi(control).names();
  return Object.fromEntries(
    [...names].flatMap(([address, name]) => {
      const region = name.match(/^registry (.+)/)?.[1];
      return region && region !== "us" ? [[region, Number(address.split(":")[1])]] : [];
    }),
  );
}

async function pids(place: Workspace): Promise<number[]> {
  const recorded = JSON.parse(await readFile(join(place.folder, "cloud/pids.json"), "utf8")) as {
    children: { pid: number }[];
  };
  return recorded.children.map(({ pid }) => pid);
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The files that a rehearsal could have changed in the fork, with their texts. */
async function contents(fork: string): Promise<string> {
  const paths = ["Pulumi.yaml", "Pulumi.local.yaml", "Pulumi.prod.yaml", "manifests", "local/seed/manifests"];
  const { stdout } = await promisify(execFile)("grep", ["--recursive", "", ...paths], { cwd: fork });
  return stdout;
}
