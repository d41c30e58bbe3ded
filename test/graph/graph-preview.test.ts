/** The preview of a change of the program or its config: the graphs of two real programs, compared on the emulated providers. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { after, before, describe, it } from "mocha";
import { graphReport } from "../../components/commands/graph-report.ts";
import { graphDifference } from "../../local/graph/difference.ts";
import { type GraphResource, readGraph } from "../../local/graph/graph.ts";

const root = join(import.meta.dirname, "../..");
const artifacts = join(root, "components/commands/artifacts.mjs");

describe("the preview of a change of the program", () => {
  let folder: string;
  let graph: readonly GraphResource[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "graph-preview-"));
    // A stack of its own: what Pulumi.prod.yaml of a fork says is no matter of this test.
    for (const path of ["index.ts", "package.json", "components", "redirector", "local", "Pulumi.yaml"])
      await cp(join(root, path), join(folder, path), {
        recursive: true,
        filter: (file) => !/\/(dist|node_modules)\b/.test(file.slice(root.length)),
      });
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    await cp(join(root, "test/support/organisations/manifests/both"), join(folder, "manifests"), { recursive: true });
    const stack = await readFile(join(root, "test/support/organisations/with-aws.yaml"), "utf8");
    await writeFile(join(folder, "Pulumi.prod.yaml"), stack.replace(/^ {2}artifacts:manifests: .*\n/m, ""));
    await run("graph-record", "--root", folder, "--output", join(folder, "base.json"));
    const read = readGraph(await readFile(join(folder, "base.json")));
    assert.equal(read.failure, undefined);
    graph = read.resources ?? [];
  });
  after(() => rm(folder, { recursive: true }));

  const run = async (...args: string[]) => (await promisify(execFile)(process.execPath, [artifacts, ...args])).stdout;
  const edit = async (path: string, from: string, to: string) => {
    const text = await readFile(join(folder, path), "utf8");
    assert.ok(text.includes(from), `${path}: ${from}`);
    await writeFile(join(folder, path), text.replace(from, to));
  };
  /** The graph with other inputs of one resource. */
  const changed = (name: RegExp, inputs: Readonly<Record<string, unknown>>): GraphResource[] => {
    assert.ok(graph.some((one) => name.test(one.urn)));
    return graph.map((one) => (name.test(one.urn) ? { ...one, inputs: { ...one.inputs, ...inputs } } : one));
  };

  it("shows what an edited program and config make, change and remove, and who gains which right", async () => {
    await edit("Pulumi.prod.yaml", "us-central1", "europe-west4");
    await edit(
      "components/identities/permissions.ts",
      '"iam.roles.get",',
      '"iam.roles.get", "iam.serviceAccounts.getAccessToken",',
    );
    const output = join(folder, "report");
    await run(
      "graph-preview",
      "--base",
      join(folder, "base.json"),
      "--head",
      folder,
      "--output",
      output,
      "--run-url",
      "https://example.org/run",
    );
    const comment = await readFile(join(output, "comment-1.md"), "utf8");
    assert.match(comment, /^<!-- artifacts-graph 1 -->\n### What this change does to the resources\n/);
    assert.match(comment, /\| made \| \d+ \| .*`Bucket`/);
    assert.match(comment, /- `role artifactsPreview: iam\.serviceAccounts\.getAccessToken`/);
    assert.match(comment, /- `everybody: roles\/artifactregistry\.reader on repository images in europe-west4`/);
    assert.match(comment, /^- images-us-central1 .*, which is protected: the engine refuses$/m);
    assert.match(comment, /^\+ {5}permissions: "iam\.serviceAccounts\.getAccessToken"$/m);
    assert.match(comment, /proves nothing of one that does\. Review the code\./);
  });

  it("records the aliases of a component, and what its children inherit of them", async () => {
    const rename = [
      ['new Monitoring("monitoring", {', 'new Monitoring("watch", {'],
      [
        "sentGibPerDay: config.sentGibPerDay,\n});",
        'sentGibPerDay: config.sentGibPerDay,\n}, { aliases: [{ name: "monitoring" }] });',
      ],
    ] as const;
    for (const [from, to] of rename) await edit("index.ts", from, to);
    const head = join(folder, "renamed.json");
    await run("graph-record", "--root", folder, "--output", head);
    for (const [from, to] of rename) await edit("index.ts", to, from);
    const { resources = [], failure } = readGraph(await readFile(head));
    assert.equal(failure, undefined);
    const watching = resources.filter(({ urn }) => urn.includes("artifacts:monitoring:Monitoring$"));
    assert.ok(watching.length > 10);
    const {
      made,
      removed,
      changed: followed,
    } = await graphDifference(
      graph.filter(({ urn }) => urn.includes("artifacts:monitoring:Monitoring$")),
      watching,
    );
    assert.deepEqual(
      { made, removed, followed: followed.length },
      { made: [], removed: [], followed: watching.length },
    );
  });

  it("a program that fails is said, in place of a difference", async () => {
    await edit("index.ts", "await trimSdkStartup();", 'throw new Error("<!-- ``` the program says");');
    const output = join(folder, "report");
    await run("graph-preview", "--base", join(folder, "base.json"), "--head", folder, "--output", output);
    const comment = await readFile(join(output, "comment-1.md"), "utf8");
    assert.match(
      comment,
      /### This change of the program cannot be previewed\n\nThe program of this change declares no resources/,
    );
    assert.match(comment, /^````diff\n<!-- ``` the program says\n````$/m);
  });

  it("a record that is missing, no file or no graph is a failure", async () => {
    const output = join(folder, "report");
    await symlink("/etc/passwd", join(folder, "link.json"));
    await writeFile(join(folder, "odd.json"), '{"resources": [{"urn": 1}]}');
    for (const [record, said] of [
      ["missing.json", /ENOENT/],
      ["link.json", /is no file/],
      ["odd.json", /resource 0 lacks urn/],
    ] as const) {
      await run(
        "graph-preview",
        "--base",
        join(folder, "base.json"),
        "--head",
        join(folder, record),
        "--output",
        output,
      );
      assert.match(await readFile(join(output, "comment-1.md"), "utf8"), said);
    }
  });

  it("no change is no difference", async () => {
    const difference = await graphDifference(graph, graph);
    assert.ok(Object.values(difference).every((list: readonly unknown[]) => list.length === 0));
    const { title, summary } = graphReport({ failures: {}, difference: copy(difference) });
    assert.match(`${title}\n${summary}`, /no difference to the resources\nNo resource is made, changed or removed\./);
  });

  it("tells a replacement from a change in place", async () => {
    const moved = await graphDifference(graph, changed(/:Bucket::files-gcp-us-central1$/, { location: "ASIA" }));
    assert.deepEqual(moved.changed, [
      {
        type: "gcp:storage/bucket:Bucket",
        name: "files-gcp-us-central1",
        lines: ['- location: "US-CENTRAL1"', '+ location: "ASIA"'],
        replaces: ["location"],
      },
    ]);
    const labelled = await graphDifference(graph, changed(/:Bucket::files-gcp-us-central1$/, { labels: { a: "b" } }));
    assert.deepEqual(labelled.changed[0]?.replaces, []);
    const { details } = graphReport({ failures: {}, difference: copy(moved) });
    assert.match(
      details[0]?.text ?? "",
      /^! files-gcp-us-central1 \(gcp:storage\/bucket:Bucket\), for location\n- {5}location: "US-/,
    );
  });

  it("follows a resource that its aliases, or those of its component, find under another name", async () => {
    const name = /:Bucket::files-gcp-us-central1$/;
    const bucket = graph.find(({ urn }) => name.test(urn))!;
    const urn = bucket.urn.replace(/::.*/, "::renamed");
    const renamed = graph.map((one) =>
      one === bucket ? { ...one, urn, name: "renamed", formerUrns: [bucket.urn] } : one,
    );
    const { made, removed, changed: followed } = await graphDifference(graph, renamed);
    assert.deepEqual({ made, removed }, { made: [], removed: [] });
    assert.deepEqual(followed[0]?.lines, [`- urn: ${bucket.urn}`, `+ urn: ${urn}`]);
    // One that is still declared is nobody's former self: a second one is made.
    const beside = await graphDifference(graph, [
      ...graph,
      { ...bucket, urn, name: "renamed", formerUrns: [bucket.urn] },
    ]);
    assert.deepEqual([beside.made.map((one) => one.name), beside.removed, beside.changed], [["renamed"], [], []]);
  });

  it("says who gains and loses rights, by bindings, policies and the conditions on tokens", async () => {
    const gains = async (name: RegExp, inputs: Readonly<Record<string, unknown>>) =>
      (await graphDifference(graph, changed(name, inputs))).gained;
    assert.deepEqual(
      await gains(/Binding::staging-full-writer$/, { members: ["group:full@example.org", "allUsers"] }),
      ["everybody: roles/artifactregistry.writer on repository staging-full in us"],
    );
    const bound = graph.find(({ urn }) => /BucketPolicy/.test(urn))!;
    const policy = String(bound.inputs["policy"]).replace('"s3:GetObject"', '"s3:*"');
    assert.match((await gains(/BucketPolicy/, { policy })).join(), /policy of .*"s3:\*"/);
    const condition = { attributeCondition: 'assertion.repository_owner_id in ["8"]' };
    assert.deepEqual(await gains(/WorkloadIdentityPoolProvider/, condition), [
      'tokens of GitHub: attributeCondition: "assertion.repository_owner_id in [\\"8\\"]"',
    ]);
    const role = graph.find(({ urn }) => /aws:iam\/role:Role::identities-preview$/.test(urn))!;
    const assumeRolePolicy = String(role.inputs["assumeRolePolicy"]).replaceAll("refs/heads/main", "refs/heads/*");
    assert.match(
      (await gains(/aws:iam\/role:Role::identities-preview$/, { assumeRolePolicy })).join(),
      /may be taken: .*refs\/heads\/\*/,
    );
  });

  it("says what the real providers would refuse of the change", async () => {
    const { refused } = await graphDifference(graph, changed(/:Bucket::files-gcp-us-central1$/, { nonsense: "x" }));
    assert.match(refused.join(), /files-gcp-us-central1: gcp:storage\/bucket:Bucket: .*nonsense/);
  });

  it("nothing that a program names leaves its place in the comment", async () => {
    const hostile = "`x`\n```\n### No changes\n<!-- |";
    const more = { ...graph[0]!, urn: hostile, name: hostile, type: `t:${hostile}` };
    const binding = graph.find(({ urn }) => /Binding::staging-full-writer$/.test(urn))!;
    const grant = { ...binding, urn: "other", inputs: { ...binding.inputs, members: [hostile] } };
    const { summary } = graphReport({
      failures: {},
      difference: copy(await graphDifference(graph, [...graph, more, grant])),
    });
    assert.doesNotMatch(summary, /^(```|### )/m);
    const [row = ""] = /^\| made .*$/m.exec(summary) ?? [];
    assert.equal(row.match(/\|/g)?.length, 4, row);
  });
});

/** As the comparison hands it over. */
function copy(
  difference: Awaited<ReturnType<typeof graphDifference>>,
): Parameters<typeof graphReport>[0]["difference"] {
  return JSON.parse(JSON.stringify(difference)) as Parameters<typeof graphReport>[0]["difference"];
}
