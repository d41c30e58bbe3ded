import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "mocha";
import { loadManifests } from "../../../components/manifests/load.ts";
import { type EndedCommand, runArtifacts } from "../../support/run-command-lines.ts";
import { stackFile } from "../../support/stack-file.ts";

const folder = await mkdtemp(join(tmpdir(), "new-"));

describe("npm run new", () => {
  after(() => rm(folder, { recursive: true }));

  it("the shortest call writes a project that is valid", async () => {
    const { code, out } = await run("tool", "--owners", "tool@example.org");
    assert.equal(code, 0);
    assert.match(out, /^manifests\/tool\/project\.yaml: written/);
    const { projects, problems } = await loadManifests(join(folder, "manifests"));
    assert.deepEqual(problems, []);
    assert.deepEqual(projects[0]?.staging, { images: true, files: false, retentionDays: 90 });
  });

  it("says where the staging area will be, and writes the workflow of the project's own repository", async () => {
    await writeFile(join(folder, "Pulumi.prod.yaml"), stackFile);
    const { code, out, err } = await run("third", "--owners", "g@example.org", "--staging", "both", "--ci", "github");
    assert.deepEqual({ code, err }, { code: 0, err: "" });
    assert.match(out, /^Staging area for images: us-docker\.pkg\.dev\/some-project\/staging-third\/IMAGE:TAG$/m);
    assert.match(out, /^Staging area for files: {2}gs:\/\/org-staging-third\/PATH$/m);
    const workflow = await readFile(join(folder, "release-third.yml"), "utf8");
    assert.match(
      workflow,
      /workload_identity_provider: projects\/\d+\/locations\/global\/workloadIdentityPools\/github\/providers\/actions$/m,
    );
    assert.match(workflow, /IMAGE: us-docker\.pkg\.dev\/some-project\/staging-third\/third$/m);
    assert.match(workflow, /cosign sign --yes "\$IMAGE@/);
    assert.match(workflow, /gcloud storage cp .* "gs:\/\/org-staging-third\/\$TAG\/"/);
    const again = await run("fourth", "--owners", "g@example.org", "--ci", "github", "--json");
    assert.deepEqual(JSON.parse(again.out), {
      project: "fourth",
      file: "manifests/fourth/project.yaml",
      staging: { repository: "us-docker.pkg.dev/some-project/staging-fourth" },
      workflow: "release-fourth.yml",
    });
    await rm(join(folder, "manifests/fourth"), { recursive: true });
    const taken = await run("fourth", "--owners", "g@example.org", "--ci", "github");
    assert.match(taken.err, /^error: nothing written: release-fourth\.yml already exists/);
    await assert.rejects(readFile(join(folder, "manifests/fourth/project.yaml")), { code: "ENOENT" });
  });

  it("every option is written as it was given, whatever YAML would make of it", async () => {
    const said = [
      "--description",
      'yes: it\'s # a "tool"',
      "--contact",
      "#tool",
      "--repository",
      "example/tool=12",
      "--repository",
      "example/1.10=34",
    ];
    const more = [
      "--staging",
      "both",
      "--retention-days",
      "7",
      "--image-prefix",
      "",
      "--file-prefix",
      "1.10",
      "--mutable-tag",
      "*-dev",
      "--mutable-file",
      "*/latest.txt",
      "--removal-share",
      "0.1",
      "--approver",
      "octocat",
      "--approver",
      "octo-org/123",
    ];
    assert.equal((await run("other", "--owners", "other@example.org", ...said, ...more)).code, 0);
    const { projects, problems } = await loadManifests(join(folder, "manifests"));
    assert.deepEqual(problems, []);
    assert.deepEqual(
      projects.find(({ name }) => name === "other"),
      {
        name: "other",
        description: 'yes: it\'s # a "tool"',
        contact: "#tool",
        owners: {
          group: "other@example.org",
          repositories: [
            { name: "example/tool", id: "12", workflow: "artifacts.yml", refs: ["tags"] },
            { name: "example/1.10", id: "34", workflow: "artifacts.yml", refs: ["tags"] },
          ],
        },
        approvers: ["octocat", "octo-org/123"],
        staging: { images: true, files: true, retentionDays: 7 },
        imagePrefix: "",
        imagePrefixes: [""],
        filePrefix: "1.10",
        shares: [],
        mutableTags: ["*-dev"],
        mutableFiles: ["*/latest.txt"],
        removalShare: 0.1,
        withdrawn: [],
        images: [],
        files: [],
      },
    );
  });

  it("a mistake writes nothing and is reported", async () => {
    for (const [args, expected] of [
      [["Bad", "--owners", "g@example.org"], /"Bad" is not a project name/],
      [["../up", "--owners", "g@example.org"], /is not a project name/],
      [["bad", "--owners", "nobody"], /group "nobody" is not a mail address/],
      [["bad", "--owners", "g@example.org", "--removal-share", "20%"], /removalShare must be a share from 0 to 1/],
      [
        ["bad", "--owners", "g@example.org", "--image-prefix", "tool"],
        /imagePrefix "tool" is also used by project "tool"/,
      ],
      [["tool", "--owners", "g@example.org"], /already exists/],
    ] as const) {
      const { code, out, err } = await run(...args);
      assert.equal(code, 1, err);
      assert.equal(out, "");
      assert.match(err, expected);
    }
    assert.deepEqual((await readdir(join(folder, "manifests"))).sort(), ["other", "third", "tool"]);
    assert.match(await readFile(join(folder, "manifests/tool/project.yaml"), "utf8"), /tool@example\.org/);
    assert.match(
      (await run("next", "--owners", "g@example.org", "--ci", "github", "--stack", "absent")).err,
      /^error: nothing written: --ci needs the config of the stack, Pulumi\.absent\.yaml/,
    );
    for (const args of [
      ["bad"],
      ["a", "b", "--owners", "g@example.org"],
      ["bad", "--owners", "g@example.org", "--staging", "none"],
      ["--owner", "x"],
    ])
      assert.equal((await run(...args)).code, 2);
  });
});

function run(...args: string[]): Promise<EndedCommand> {
  return runArtifacts(["new", ...args], { cwd: folder });
}
