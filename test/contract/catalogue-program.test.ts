/** The catalogue's entries on the real engine, after the promotions that they list. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { readDocument } from "../../components/catalogue/formats.ts";
import { catalogueLines } from "../support/catalogue-lines.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { type DeclaredPromotions, PromotionProgram } from "../support/promotion-program.ts";
import { succeeded } from "../support/promotion-world.ts";

let stores: ObjectStores;
const sha256 = (content: string) => createHash("sha256").update(content).digest("hex");

describe("catalogue entries driven by the engine", function () {
  this.timeout(40 * 60_000); // up to 20 commands of the CLI a test, each of which takes 2 s, or 20 s beside other loads
  before(async () => {
    stores = await startObjectStores();
    await stores.makeBucket("gcs", "staging");
  });
  after(() => stores.stop());

  const up = ["up", "--yes", "--skip-preview", "--continue-on-error"] as const;

  it("the life of an entry: written after its promotion; a failed promotion only unlists; drift; removal", async () => {
    for (const bucket of ["us", "eu"]) await stores.makeBucket("gcs", bucket);
    for (const path of ["v1/a", "v1/b", "v2/a"]) await stores.stage("staging", path, path);
    const program = await PromotionProgram.make(join(stores.folder, "program"));
    const tools = { "v1/a": "v1/a", "v1/b": "v1/b" };

    // Two projects; one cannot be promoted and so is not listed.
    await program.declare({ ...project("tools", tools), ...project("bad", { "v9/a": "nowhere" }) });
    assert.doesNotMatch((await program.run("preview", "--diff")).output, /catalog.*wrote/);
    const first = await program.run(...up);
    assert.notEqual(first.code, 0, first.output);
    assert.deepEqual(await listed(), { tools: 2 });
    assert.deepEqual(await listed("eu"), { tools: 2 });

    await program.declare(project("tools", tools));
    succeeded(await program.run(...up));
    succeeded(await program.run("preview", "--expect-no-changes"));
    const generation = async () => (await stores.served("us", "catalog/index.json"))?.headers.get("x-goog-generation");
    const before = await generation();
    succeeded(await program.run(...up));
    assert.equal(await generation(), before, "no change is no write");

    // The preview shows a summary of the change: the promotion shows the lines.
    const more = { ...tools, "v2/a": "v2/a" };
    await program.declare(project("tools", more));
    const preview = succeeded(await program.run("preview", "--diff"));
    assert.match(preview, /~ promotion:index:CatalogueEntry: \(update\)/);
    assert.match(preview, /~ content *: "[0-9a-f]{8}" => "[0-9a-f]{8}"/);
    assert.doesNotMatch(preview, /H4sI/, "the packed lines are for the state");
    succeeded(await program.run(...up));
    assert.deepEqual(await listed(), { tools: 3 });

    // A failing promotion lists nothing new, and unlists at once what it removed. Reverting restores everything.
    const { "v1/b": _, ...less } = more;
    const entryOf = async () => String((await stores.served("us", "catalog/projects/tools.json"))?.bytes);
    const whole = await entryOf();
    await program.declare(project("tools", { ...less, "v3/a": "nowhere" }));
    assert.notEqual((await program.run(...up)).code, 0);
    assert.equal(await stores.served("us", "binaries/tools/v1/b"), undefined);
    assert.deepEqual([await listed(), await listed("eu")], [{ tools: 2 }, { tools: 2 }]);
    await stores.stage("staging", "v1/b", "v1/b");
    await program.declare(project("tools", more));
    succeeded(await program.run(...up));
    assert.deepEqual(await listed(), { tools: 3 });
    assert.equal(await entryOf(), whole);
    succeeded(await program.run("refresh", "--preview-only", "--expect-no-changes"));
    await program.declare(project("tools", { ...more, "v3/a": "nowhere" }));
    assert.notEqual((await program.run(...up)).code, 0);
    assert.deepEqual(await listed(), { tools: 3 });
    await program.declare(project("tools", more));
    succeeded(await program.run(...up));
    assert.deepEqual(await listed(), { tools: 3 });
    succeeded(await program.run("preview", "--expect-no-changes"));

    // A damaged mirror: a refresh reports it, the next run repairs it.
    await stores.stage("eu", "catalog/index.json", "{}");
    const refreshed = succeeded(await program.run("refresh", "--yes"));
    assert.match(refreshed, /The catalogue is not as it was written in eu/);
    succeeded(await program.run(...up));
    assert.deepEqual(await listed("eu"), { tools: 3 });
    succeeded(await program.run("refresh", "--preview-only", "--expect-no-changes"));

    // A changed description alone is a change, too.
    await program.declare(project("tools", more, "Better described"));
    assert.match(succeeded(await program.run("preview", "--diff")), /~ description *: "tools" => "Better described"/);
    succeeded(await program.run(...up));
    assert.match(String((await stores.served("eu", "catalog/projects/tools.json"))?.bytes), /Better described/);

    succeeded(await program.run("config", "set", "promotion:confirmRemoval", "*"));
    await program.declare({});
    succeeded(await program.run(...up));
    assert.deepEqual(await listed(), {});
    assert.equal(await stores.served("us", "catalog/projects/tools.json"), undefined);
  });

  it("a run that is killed at its first removal has already unlisted it; the next run lists what exists", async () => {
    const mirrors = ["killed-us", "killed-eu"];
    for (const bucket of mirrors) await stores.makeBucket("gcs", bucket);
    for (const path of ["v1/a", "v1/b", "v2/a"]) await stores.stage("staging", path, path);
    const proxy = await startFaultyProxy(new URL(stores.gcs).host);
    const program = await PromotionProgram.make(join(stores.folder, "killed"));
    const declare = (files: Readonly<Record<string, string>>) =>
      program.declare(project("tools", files, "tools", { gcs: `http://${proxy.host}`, mirrors }));
    const perBucket = <T>(of: (bucket: string) => Promise<T>) => Promise.all(mirrors.map(of));
    const linesOf = async (bucket: string) => {
      const lines = await catalogueLines(async (key) => (await stores.served(bucket, key))?.bytes);
      return [...lines.join("\n").matchAll(/^file\ttools\tbinaries\/tools\/(\S+)/gm)].map(([, path]) => path);
    };
    try {
      await declare({ "v1/a": "v1/a", "v1/b": "v1/b" });
      succeeded(await program.run(...up));
      assert.deepEqual(await perBucket(linesOf), [
        ["v1/a", "v1/b"],
        ["v1/a", "v1/b"],
      ]);

      const removing = Promise.withResolvers<void>();
      proxy.inject((method, url) => {
        if (method !== "DELETE" || !decodeURIComponent(url).includes("binaries/tools/")) return undefined;
        removing.resolve();
        return { kind: "hang" };
      });
      await declare({ "v1/a": "v1/a", "v2/a": "v2/a" });
      const run = program.start(...up);
      const at = await Promise.race([removing.promise.then(() => "removing"), run.ended.then(({ output }) => output)]);
      assert.equal(at, "removing");
      run.child.kill("SIGKILL");
      await run.ended; // and everything that it had started
      assert.deepEqual(await perBucket(linesOf), [["v1/a"], ["v1/a"]]);
      for (const path of ["v1/b", "v2/a"])
        assert.deepEqual(
          await perBucket(async (bucket) => String((await stores.served(bucket, `binaries/tools/${path}`))?.bytes)),
          [path, path],
        );

      proxy.inject(() => undefined);
      succeeded(await program.run("cancel", "--yes"));
      succeeded(await program.run(...up));
      assert.deepEqual(await perBucket(linesOf), [
        ["v2/a", "v1/a"],
        ["v2/a", "v1/a"],
      ]);
      assert.deepEqual(await perBucket((bucket) => stores.served(bucket, "binaries/tools/v1/b")), [
        undefined,
        undefined,
      ]);
      succeeded(await program.run("preview", "--expect-no-changes"));
    } finally {
      await proxy.close();
    }
  });
});

/** A project with files, each `path -> content`, and its entry. */
function project(
  name: string,
  files: Readonly<Record<string, string>>,
  description = name,
  { gcs = stores.gcs, mirrors = ["us", "eu"] } = {},
): DeclaredPromotions {
  const lines = Object.entries(files).map(([path, content]) => `${path} sha256:${sha256(content)}\n`);
  const common = {
    project: name,
    files: lines.sort().join(""),
    summary: `${lines.length} files`,
    mirrors: mirrors.map((bucket) => ({ name: bucket, kind: "gcs", bucket, region: "us-central1" })),
    storage: { gcsEndpoint: `${gcs}/storage/v1/` },
  };
  return {
    [name]: { type: "files", args: { ...common, prefix: name, staging: "staging", removalShare: 1 } },
    [`${name}-entry`]: {
      type: "entry",
      args: {
        ...common,
        description,
        contact: "",
        imagePrefix: name,
        filePrefix: name,
        images: "",
        registry: "127.0.0.1:1/images",
      },
      after: [name],
    },
  };
}

async function listed(bucket = "us"): Promise<Record<string, number>> {
  const index = await stores.served(bucket, "catalog/index.json");
  const { projects } = readDocument("index", String(index?.bytes ?? "")) ?? assert.fail("no index");
  return Object.fromEntries(projects.map(({ name, files }) => [name, files?.files ?? 0]));
}
