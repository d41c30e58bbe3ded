import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { answersComplete, problemsOf, questions, settingsOf } from "../../../components/commands/init-questions.ts";
import { readStackFile } from "../../../components/stack/stack-file.ts";
import { describeUnless } from "../../support/annotations.ts";
import { runArtifacts } from "../../support/run-command-lines.ts";

const command = join(import.meta.dirname, "../../../components/commands/artifacts.mjs");

/** What an organisation without AWS and with its names entered by hand has to say. */
const least = {
  organization: "acme",
  repository: "acme/artifacts",
  "repository-id": "987654321",
  "owner-id": "7654321",
  domain: "acme.dev",
  regions: "europe-west3, us-west1",
  project: "acme-artifacts",
  "project-number": "210987654321",
};

/** State, key and pool in a project of their own. */
const seed = { "seed-project": "acme-seed", "seed-project-number": "314159265358" };

describe("npm run init", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "init-"));
    await writeFile(join(folder, "package.json"), "{}");
    await run("new", "tool", "--owners", "tool@acme.dev");
  });
  afterEach(() => rm(folder, { recursive: true }));

  const run = (...args: string[]) => runArtifacts(args, { cwd: folder });
  const flags = (answers: Readonly<Record<string, string>>) =>
    Object.entries(answers).flatMap(([name, value]) => [`--${name}`, value]);

  it("writes a config that is accepted, says where each value is from, and prints the steps by hand", async () => {
    const { code, out, err } = await run(
      "init",
      ...flags({ ...least, approvers: "acme/infra", "alert-email": "oncall@acme.dev" }),
    );
    assert.equal(code, 0, err);
    const read = await readStackFile(join(folder, "Pulumi.prod.yaml"));
    assert.ok("config" in read, JSON.stringify(read));
    assert.deepEqual(
      read.config.gcpRegions.map(({ name }) => name),
      ["europe-west3", "us-west1"],
    );
    assert.deepEqual(read.config.dns, { dns: "none", zoneId: "" });
    assert.deepEqual(read.config.githubOwners, { acme: "7654321" });
    assert.equal(read.config.state?.bucket, "acme-artifacts-state");
    const text = await readFile(join(folder, "Pulumi.prod.yaml"), "utf8");
    assert.match(text, /^ {2}artifacts:repositoryId: "987654321" # gh api repos/m);
    assert.match(await readFile(join(folder, ".github/CODEOWNERS"), "utf8"), /@acme\/infra/);
    assert.match(
      out,
      /1\. A Google Cloud project[\s\S]*npm run bootstrap[\s\S]*pulumi stack init prod[\s\S]*pulumi up --stack prod/,
    );
    const check = await run("check");
    assert.equal(check.code, 0, check.out);
  });

  it("knows the other services of DNS, and AWS", async () => {
    const answers = {
      ...least,
      dns: "route53",
      zone: "Z0123456789EXAMPLE",
      "aws-regions": "eu-west-1",
      "aws-account": "123456789012",
    };
    const { code, err } = await run("init", ...flags(answers));
    assert.equal(code, 0, err);
    const read = await readStackFile(join(folder, "Pulumi.prod.yaml"));
    assert.ok("config" in read, JSON.stringify(read));
    assert.deepEqual(
      [read.config.dns.dns, read.config.awsRegion, read.config.awsAccount],
      ["route53", "eu-west-1", "123456789012"],
    );
  });

  it("puts state, key and pool into a seed project, where bootstrap makes them", async () => {
    const { code, out, err } = await run("init", ...flags({ ...least, ...seed }));
    assert.equal(code, 0, err);
    const read = await readStackFile(join(folder, "Pulumi.prod.yaml"));
    assert.ok("config" in read, JSON.stringify(read));
    assert.deepEqual(read.config.seed, { project: "acme-seed", projectNumber: "314159265358" });
    const bootstrap = JSON.parse((await run("bootstrap", "--json")).out) as { settings: Record<string, string> };
    assert.equal(bootstrap.settings["artifacts:seedProject"], "acme-seed");
    assert.deepEqual(read.config.state, {
      bucket: bootstrap.settings["artifacts:stateBucket"],
      key: bootstrap.settings["artifacts:stateKey"],
    });
    assert.match(out, /gcloud billing projects link acme-seed [\s\S]*npm run bootstrap/);
    const { "seed-project-number": _, ...without } = seed;
    const refused = await run("init", "--force", ...flags({ ...least, ...without }));
    assert.equal(refused.code, 1);
    assert.match(refused.err, /^error: nothing written:\n--seed-project-number: is required: its number: \S.*\n$/);
  });

  it("reports all errors and missing options at once, and writes nothing", async () => {
    const { organization: _, ...rest } = least;
    const { code, err } = await run(
      "init",
      ...flags({ ...rest, regions: "europe-west99", dns: "cloudflare", domain: "acme" }),
    );
    assert.equal(code, 1);
    assert.match(err, /^error: nothing written:$/m);
    assert.match(err, /^--organization: is required: short name/m);
    assert.match(err, /^--zone: is required: the zone/m);
    assert.match(err, /^artifacts:gcpRegions\[0\]: "europe-west99" is not a region/m);
    assert.match(err, /^artifacts:domain: "acme" must be a domain name/m);
    assert.doesNotMatch(err, /stateBucket/, "it is made of what is missing");
    assert.deepEqual((await readdir(folder)).sort(), ["manifests", "package.json"]);
  });

  it("replaces the example of this repository, and another config only with --force", async () => {
    const file = join(folder, "Pulumi.prod.yaml");
    await writeFile(file, "config:\n  artifacts:repository: example/artifacts\n");
    assert.equal((await run("init", ...flags(least))).code, 0);
    const { code, err } = await run("init", ...flags({ ...least, domain: "other.dev" }));
    assert.equal(code, 1);
    assert.match(err, /error: nothing written: Pulumi\.prod\.yaml has a config already: edit it, or give --force/);
    assert.match(await readFile(file, "utf8"), /domain: acme\.dev/);
    assert.equal((await run("init", "--force", ...flags({ ...least, domain: "other.dev" }))).code, 0);
    assert.match(await readFile(file, "utf8"), /domain: other\.dev/);
  });
});

/** `script` of util-linux gives a program a terminal. */
const noTerminal =
  process.platform === "linux" && spawnSync("script", ["--version"]).status === 0
    ? undefined
    : "no script(1) of util-linux";

describeUnless(noTerminal, "npm run init in a terminal", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "init-"));
    await mkdir(join(folder, "manifests"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Answers each question when it is asked: what is expected on the screen, and the keys that are then pressed. */
  function dialogue(...turns: readonly (readonly [expected: string, keys: string])[]) {
    const child = spawn("script", ["-qec", `${process.execPath} ${command} init`, "/dev/null"], { cwd: folder });
    const { promise, resolve } = Promise.withResolvers<{ code: number | null; screen: string; left: number }>();
    const left = [...turns];
    let screen = "";
    let seen = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      screen += chunk;
      for (;;) {
        const [expected, keys] = left[0] ?? ["", ""];
        const at = screen.indexOf(expected, seen);
        if (left.length === 0 || at < 0) return;
        seen = at + expected.length;
        left.shift();
        child.stdin.write(keys);
      }
    });
    child.once("close", (code) => resolve({ code, screen, left: left.length }));
    return promise;
  }

  it("asks for each value, says what is wrong with an answer and asks again, and writes what check accepts", async () => {
    const { code, screen, left } = await dialogue(
      ["short name of your organisation", "acme\r"],
      ["GitHub repository of your fork", "acme\r"],
      ['artifacts:repository: "acme" must be', ""],
      ["GitHub repository of your fork", "acme/artifacts\r"],
      ["its number: gh api repos", "987654321\r7654321\r"], // typed ahead
      ["who approves config and program: logins or organization/team, with commas between them [leave it out]: ", "\r"],
      ["your domain", "acme.dev\r"],
      ["[none]: ", "\r"],
      ["regions of Google Cloud", "europe-west99\r"],
      ['did you mean "europe-west9"?', ""],
      ["regions of Google Cloud", "europe-west3\r"],
      ["regions of AWS", "\r"],
      ["told of alerts", "oncall@acme.dev\r"],
      ["id of the Google Cloud project", "acme-artifacts\r"],
      ["its number: gcloud", "210987654321\r"],
      ["id of a second Google Cloud project", "acme-artifacts\r"],
      ["must be another project than gcp:project", ""],
      ["id of a second Google Cloud project", "acme-seed\r"],
      ["its number: gcloud", "314159265358\r"],
      ["Pulumi.prod.yaml: written", ""],
      ["1. A Google Cloud project", ""],
    );
    assert.deepEqual([code, left], [0, 0], screen);
    const read = await readStackFile(join(folder, "Pulumi.prod.yaml"));
    assert.ok("config" in read, JSON.stringify(read));
    const { config } = read;
    assert.deepEqual(
      [config.repository, config.githubOwners, config.host, config.gcpRegions.map(({ name }) => name)],
      ["acme/artifacts", { acme: "7654321" }, "artifacts.acme.dev", ["europe-west3"]],
    );
    assert.deepEqual(config.seed, { project: "acme-seed", projectNumber: "314159265358" });
  });

  for (const [name, keys] of [
    ["Ctrl-C", "\x03"],
    ["Ctrl-D", "\x04"],
  ] as const)
    it(`${name} in the middle writes nothing`, async () => {
      const { code, screen, left } = await dialogue(
        ["short name", "acme\r"],
        ["GitHub repository", keys],
        ["stopped, nothing written", ""],
      );
      assert.deepEqual([code, left], [1, 0], screen);
      assert.deepEqual(await readdir(folder), ["manifests"]);
    });
});

describe("the questions of npm run init", () => {
  it("ask for what is needed only", () => {
    const asked = (given: Readonly<Record<string, string>>) =>
      answersComplete(given).missing.map(({ option }) => option);
    assert.deepEqual(asked({}), Object.keys(least));
    assert.ok(asked({ dns: "google" }).includes("zone"));
    assert.ok(asked({ "aws-regions": "us-east-1" }).includes("aws-account"));
  });

  it("make a setting of two answers once both are there", () => {
    const made = (given: Readonly<Record<string, string>>) =>
      Object.keys(settingsOf(given)).filter((key) => key.startsWith("artifacts:state"));
    assert.deepEqual(made({ organization: "acme" }), []);
    assert.deepEqual(made({ project: "acme-prod" }), []);
    assert.deepEqual(made(least), ["artifacts:stateBucket", "artifacts:stateKey"]);
  });

  it("check one answer at a time, by the config's own rules", () => {
    const question = (option: string) => questions.find((one) => one.option === option) ?? assert.fail(option);
    assert.deepEqual(problemsOf(question("domain"), { domain: "acme.dev" }), []);
    assert.match(problemsOf(question("domain"), { domain: "acme" })[0] ?? "", /must be a domain name/);
    assert.match(
      problemsOf(question("zone"), { dns: "route53", zone: "x" })[0] ?? "",
      /must be the id of the hosted zone/,
    );
    assert.deepEqual(problemsOf(question("owner-id"), { repository: "acme/a", "owner-id": "7" }), []);
    assert.match(problemsOf(question("regions"), { regions: "" })[0] ?? "", /needs at least one region|is missing/);
  });
});
