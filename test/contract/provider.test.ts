/** The provider plugin as the real engine drives it, on real stores: what a user sees, and what is then there. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { engineLists } from "../../components/commands/engine-lists.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { PromotionProgram } from "../support/promotion-program.ts";
import { failed, fileDigest, succeeded, World } from "../support/promotion-world.ts";
import { inspect, Pusher, startRegistry } from "../support/registries.ts";

let stores: ObjectStores;

describe("provider plugin driven by the engine", function () {
  this.timeout(40 * 60_000); // up to 25 commands of the CLI a test, each of which takes 2 s, or 20 s beside other loads
  before(async () => {
    stores = await startObjectStores();
  });
  after(() => stores.stop());

  const up = ["up", "--yes", "--skip-preview"] as const;

  it("the life of a promotion: create, add, fail, resume, drift, repair, remove, go", async () => {
    const files = { "1.0/kops": "program", "1.0/kops.sha256": "sum", "README.txt": "read" };
    const world = await World.make(stores, "life", { ...files, "1.1/kops": "next" });
    const { program } = world;

    await world.declare(files);
    const first = succeeded(await program.run("preview", "--diff"));
    assert.match(first, /copy 1\.0\/kops sha256:[0-9a-f]{64} \(7 bytes\) from gs:\/\/life-staging to us, eu, aws/);
    assert.deepEqual(await world.present("us"), {}, "a preview writes nothing");
    const created = succeeded(await program.run(...up));
    assert.match(
      created,
      /Diagnostics:\n {2}promotion:index:PromotedFiles \(life\):\n {4}copied 9 \(42 bytes\) in 3 mirrors/,
    );
    await world.hasExactly(files);
    succeeded(await program.run("preview", "--expect-no-changes"));

    // The diff is the change of production, and nothing else.
    const more = { ...files, "1.1/kops": "next" };
    await world.declare(more);
    const added = succeeded(await program.run("preview", "--diff"));
    const changes = added.split("\n").filter((line) => /^ +[-+~] /.test(line));
    assert.deepEqual(
      changes.map((line) => line.trim()),
      [
        "~ promotion:index:PromotedFiles: (update)",
        "~ files  :",
        `+ 1.1/kops sha256:${fileDigest("next")}`,
        '~ summary: "3 files" => "4 files"',
        "~ 1 to update",
      ],
    );
    succeeded(await program.run(...up));
    await world.hasExactly(more);

    // What is nowhere fails the preview; the run does the rest and the next one resumes.
    await world.declare({ ...more, "2.0/kops": "later", "1.2/kops": "third" });
    await stores.stage("life-staging", "1.2/kops", "third");
    const line = `project life, file 2.0/kops sha256:${fileDigest("later")}`;
    const cause = "neither gs://life-staging/2.0/kops nor any mirror has it";
    assert.ok(failed(await program.run("preview")).includes(`${line}: ${cause}`));
    const partly = failed(await program.run(...up));
    assert.ok(partly.includes(`${line}, mirror us, eu, aws: ${cause}`), partly);
    assert.match(partly, /copied 3 \(15 bytes\) in 3 mirrors; 1 failure; the next `pulumi up` resumes/);
    assert.equal((await world.present("eu"))["1.2/kops"], fileDigest("third"));
    await stores.stage("life-staging", "2.0/kops", "later");
    assert.match(succeeded(await program.run(...up)), /copied 3 \(15 bytes\) in 3 mirrors/);
    const all = { ...more, "2.0/kops": "later", "1.2/kops": "third" };
    await world.hasExactly(all);

    // Drift: seen line by line, repaired by the next run.
    await stores.stage("life-eu", "binaries/life/README.txt", "tampered");
    await stores.stage("life-eu", "binaries/life/extra", "extra");
    await stores.remove("life-us", "binaries/life/1.0/kops");
    const refreshed = await program.run("refresh", "--preview-only", "--expect-no-changes", "--diff");
    assert.notEqual(refreshed.code, 0, refreshed.output);
    const drift = succeeded(await program.run("refresh", "--yes"));
    for (const said of [
      `mirror us: + 1.0/kops sha256:${fileDigest("program")}`,
      `mirror eu: - README.txt sha256:${fileDigest("tampered")}`,
      `mirror eu: - extra sha256:${fileDigest("extra")}`,
    ]) {
      assert.ok(drift.includes(said), drift);
    }
    const repair = succeeded(await program.run("preview", "--diff"));
    for (const said of [
      `+ 1.0/kops sha256:${fileDigest("program")}`,
      `- README.txt sha256:${fileDigest("tampered")}`,
      `+ README.txt sha256:${fileDigest("read")}`,
      `- extra sha256:${fileDigest("extra")}`,
      "remove extra from eu",
    ]) {
      assert.ok(repair.includes(said), repair);
    }
    succeeded(await program.run(...up));
    await world.hasExactly(all);
    succeeded(await program.run("refresh", "--preview-only", "--expect-no-changes"));

    // Removal: by removing the line; too much of it only when confirmed; the whole project too.
    const { "2.0/kops": _removed, ...rest } = all;
    await world.declare(rest);
    assert.match(succeeded(await program.run("preview")), /remove 2\.0\/kops from us, eu, aws/);
    succeeded(await program.run(...up));
    await world.hasExactly(rest);
    await world.declare({ "1.0/kops": "program" });
    assert.match(
      failed(await program.run("preview")),
      /would remove 4 of 5 files .*pulumi config set promotion:confirmRemoval life/,
    );
    // Also all of it: the program declares an emptied manifest, so that the preview can tell.
    await world.declare({});
    assert.match(
      failed(await program.run("preview")),
      /would remove 5 of 5 files .*pulumi config set promotion:confirmRemoval life/,
    );
    await program.declare({});
    assert.match(
      failed(await program.run(...up)),
      /would remove 5 of 5 files .*pulumi config set promotion:confirmRemoval life/,
    );
    assert.equal(Object.keys(await world.present("us")).length, 5);
    succeeded(await program.run("config", "set", "promotion:confirmRemoval", "life"));
    assert.match(succeeded(await program.run(...up)), /removed 15 in 3 mirrors/);
    assert.deepEqual(await world.present("us"), {});
    assert.deepEqual(await world.present("eu"), {});
  });

  it("one project's failure does not stop the others", async () => {
    const good = await World.make(stores, "good", { a: "a" });
    const bad = await World.make(stores, "bad", { a: "other content" });
    await good.program.declare({ bad: bad.promotion({ a: "a" }), good: good.promotion({ a: "a" }) });
    const said = failed(await good.program.run(...up, "--continue-on-error"));
    assert.match(
      said,
      /project bad, file a .*gs:\/\/bad-staging\/a has sha256:\w+, which is not what the manifest says/,
    );
    assert.deepEqual(await good.present("us"), { a: fileDigest("a") });
    assert.deepEqual(await bad.present("us"), {});
  });

  it("invalid inputs are refused before any change", async () => {
    const world = await World.make(stores, "shape", { a: "a" });
    await world.declare(
      { a: "a" },
      { removalShare: 7, mirrors: [{ name: "us", kind: "ftp", bucket: "x", region: "y" }] },
    );
    const said = failed(await world.program.run("preview"));
    assert.match(said, /mirrors\.0\.kind: Invalid/);
    assert.match(said, /removalShare: Too big/);
  });

  it("`pulumi up --debug` shows the plugin's calls, and without it they are not sent", async () => {
    const world = await World.make(stores, "debug", { a: "a" });
    await world.declare({ a: "a" });
    const call = /^ +debug: promotion:index:PromotedFiles debug: check in \d+ ms/m;
    assert.match(succeeded(await world.program.run("preview", "--debug")), call);
    assert.doesNotMatch(succeeded(await world.program.run("preview")), /PromotedFiles debug: check in/);
  });

  it("images: promoted with their signature, drift repaired, removed", async () => {
    const [staging, us, eu] = await Promise.all([
      startRegistry("olareg"),
      startRegistry("olareg"),
      startRegistry("olareg"),
    ]);
    await stores.makeBucket("s3", "images-layers");
    try {
      const pusher = new Pusher(staging.host, "p/staging/tool");
      const one = await pusher.image({ tags: ["v1"] });
      await pusher.signature(one);
      const two = await pusher.image({ tags: ["v2"] });
      const program = await PromotionProgram.make(join(stores.folder, "images"));
      const declare = (lines: readonly string[]) => {
        const args = {
          project: "tool",
          images: lines.map((line) => `${line}\n`).join(""),
          summary: `1 image, ${lines.length} digests`,
          prefix: "tools",
          staging: `${staging.host}/p/staging`,
          mirrors: [
            { name: "us", repository: `${us.host}/p/images` },
            { name: "eu", repository: `${eu.host}/p/images` },
          ],
          layerMirrors: [{ name: "aws", bucket: "images-layers", region: "us-east-1" }],
          mutableTags: [],
          removalShare: 0.5,
          storage: { s3Endpoint: stores.s3, s3UsePathStyle: true },
        };
        return program.declare({ tool: { type: "images", args } });
      };
      const [v1, v2] = [`tool:v1 ${one.digest}`, `tool:v2 ${two.digest}`];
      const signature = `${one.digest.replace(":", "-")}.sig`;

      await declare([v1, v2]);
      const preview = succeeded(await program.run("preview", "--diff"));
      assert.match(preview, /The run will:\n {2}copy tool/);
      assert.match(engineLists(preview).attachments.join(), /^\+ signature sha256:[0-9a-f]{64} of tool:v1$/);
      succeeded(await program.run(...up));
      for (const { host } of [us, eu]) {
        const { tags } = await inspect(host, "p/images/tools/tool");
        assert.deepEqual(Object.keys(tags).sort(), [signature, "v1", "v2"].sort());
      }
      succeeded(await program.run("preview", "--expect-no-changes"));

      await fetch(`http://${eu.host}/v2/p/images/tools/tool/manifests/v1`, { method: "DELETE" });
      assert.match(succeeded(await program.run("refresh", "--yes")), new RegExp(`mirror eu: \\+ ${v1}`));
      succeeded(await program.run(...up));
      assert.equal((await inspect(eu.host, "p/images/tools/tool")).tags["v1"], one.digest);

      await declare([v2]);
      succeeded(await program.run(...up));
      for (const { host } of [us, eu]) {
        assert.deepEqual((await inspect(host, "p/images/tools/tool")).tags, { v2: two.digest });
      }
      const clean = await program.run("refresh", "--preview-only", "--expect-no-changes");
      assert.equal(clean.code, 0, clean.output);

      await declare([v2, `tool:v3 sha256:${"0".repeat(64)}`]);
      assert.match(failed(await program.run("preview")), /tool.*sha256:0{64}/);

      // 48: an emptied manifest.
      await declare([]);
      assert.match(failed(await program.run("preview")), /would remove 2 of 2 tags and digests .*confirmRemoval tool/);
      assert.match(failed(await program.run(...up)), /would remove 2 of 2 tags and digests .*confirmRemoval tool/);
      succeeded(await program.run("config", "set", "promotion:confirmRemoval", "tool"));
      assert.match(succeeded(await program.run("preview")), /remove tag tool:v2 from us, eu/);
      succeeded(await program.run(...up));
      for (const { host } of [us, eu]) {
        assert.deepEqual(await inspect(host, "p/images/tools/tool"), { tags: {} });
      }
      succeeded(await program.run("preview", "--expect-no-changes"));
      // A promotion of nothing is removed without a word.
      succeeded(await program.run("config", "rm", "promotion:confirmRemoval"));
      await program.declare({});
      succeeded(await program.run(...up));
    } finally {
      await Promise.all([staging, us, eu].map((registry) => registry.remove()));
    }
  });
});
