import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "mocha";
import { annotation } from "../../../components/commands/annotation.ts";
import { locatedMessage, problemLine } from "../../../components/manifests/problem.ts";
import { type EndedCommand, runArtifacts } from "../../support/run-command-lines.ts";
import { stackFile } from "../../support/stack-file.ts";

const folder = await mkdtemp(join(tmpdir(), "check-"));
const project = "description: x\nowners: {group: g@example.org}\nstaging: {images: true}\n";
const digest = `sha256:${"a".repeat(64)}`;

await write("manifests", "good", `- name: app\n  dmap:\n    "${digest}": ["v1"]\n`);
await write("warned", "p", `- name: app\n  dmap:\n    "${digest}": [1.10]\n`);
await write("broken", "p", `- name: app\n  dmap:\n    "${digest}": ["a,b%\\n::error::c"]\n    "sha256:0": []\n`);

describe("npm run check", () => {
  after(() => rm(folder, { recursive: true }));

  it("no mistakes: exit code 0, and how much there is", async () => {
    assert.deepEqual(await check([]), {
      code: 0,
      out: "manifests: no mistakes in 1 project, 1 image, 1 digest, 1 tag, 0 files\n",
      err: "",
    });
  });

  it("a warning is shown and does not fail, but with --strict it does", async () => {
    const out = `warned/p/images.yaml:3:81: warning: image "app": tag 1.10 is read as the text "1.10", but by other YAML readers as the number 1.1: quote it
warned: 1 warning in 1 project, 1 image, 1 digest, 1 tag, 0 files\n`;
    assert.deepEqual(await check(["warned"]), { code: 0, out, err: "" });
    assert.deepEqual(await check(["warned", "--strict"]), { code: 1, out, err: "" });
  });

  const lines = `broken/p/images.yaml:3:81: image "app": tag "a,b%\\u{a}::error::c" is not a tag: letters, digits, _ . - and not . or - first
broken/p/images.yaml:4:5: image "app": digest "sha256:0" has 1 hex digits instead of 64: copy it again
`;
  const end = "broken: 2 errors; without mistakes are 0 projects, 0 images, 0 digests, 0 tags, 0 files\n";

  it("mistakes: each at its place, exit code 1", async () => {
    assert.deepEqual(await check(["broken"]), { code: 1, out: lines + end, err: "" });
  });

  it("in GitHub's workflows: annotations that nothing in a manifest can break out of", async () => {
    const annotations = `::error file=broken/p/images.yaml,line=3,col=81::image "app": tag "a,b%25\\u{a}::error::c" is not a tag: letters, digits, _ . - and not . or - first
::error file=broken/p/images.yaml,line=4,col=5::image "app": digest "sha256:0" has 1 hex digits instead of 64: copy it again
`;
    assert.deepEqual(await check(["broken"], { GITHUB_ACTIONS: "true" }), {
      code: 1,
      out: lines + annotations + end,
      err: "",
    });
    assert.deepEqual(await check(["broken", "--github"]), { code: 1, out: lines + annotations + end, err: "" });
  });

  it("an annotation escapes what GitHub would read as its end or as another command", () => {
    assert.equal(
      annotation({
        severity: "warning",
        file: "a:b,c%\r\n##[add-mask]x",
        line: 1,
        column: 2,
        message: "::stop-commands::x\n%0A",
      }),
      "::warning file=a%3Ab%2Cc%25\\u{d}\\u{a}\\u{23}#[add-mask]x,line=1,col=2::::stop-commands::x\\u{a}%250A",
    );
  });

  it("a line for people begins no command of GitHub's log either", () => {
    assert.equal(
      problemLine({ severity: "error", file: "::error::x", line: 1, column: 1, message: "x" }),
      "\\u{3a}:error::x:1:1: x",
    );
  });

  it("a line says that it is a warning, unless the reader is told the severity", () => {
    const warning = { severity: "warning", file: "a.yaml", line: 2, column: 3, message: "x" } as const;
    assert.equal(problemLine(warning), "a.yaml:2:3: warning: x");
    assert.equal(locatedMessage(warning), "a.yaml:2:3: x");
  });

  it("--stack: repositories of owners that the stack lacks are mistakes, each at its place", async () => {
    await writeFile(join(folder, "Pulumi.test.yaml"), `${stackFile}  artifacts:manifests: owned\n`);
    await mkdir(join(folder, "owned/p"), { recursive: true });
    const repositories = "[{name: example/a, id: 1}, {name: stranger/b, id: 2}, {name: Example/c, id: 3}]";
    await writeFile(
      join(folder, "owned/p/project.yaml"),
      project.replace("{group: g@example.org}", `\n  group: g@example.org\n  repositories: ${repositories}`),
    );
    // Without a stack only what holds for every stack is checked.
    assert.equal((await check(["owned"])).code, 0);
    const advice = (repository: string, owner: string) =>
      `repository "${repository}" may not push: its owner is not in artifacts:githubOwners of the stack; add "${owner}" there or remove the repository`;
    const out = `owned/p/project.yaml:4:51: ${advice("stranger/b", "stranger")}
owned/p/project.yaml:4:78: ${advice("Example/c", "Example")}
owned: 2 errors; without mistakes are 0 projects, 0 images, 0 digests, 0 tags, 0 files\n`;
    assert.deepEqual(await check(["--stack", "test"]), { code: 1, out, err: "" });
  });

  it("--stack: the stack's own mistakes are reported with those of the manifests, by file and line", async () => {
    await writeFile(
      join(folder, "Pulumi.bad.yaml"),
      stackFile.replace("organization: org", "organization: Org").replace("domain:", "domian:"),
    );
    const { code, out } = await check(["broken", "--stack", "bad"]);
    assert.equal(code, 1);
    const [first, second, third, ...rest] = out.trimEnd().split("\n");
    assert.match(first ?? "", /^Pulumi\.bad\.yaml:2:1: artifacts:domain: is missing/);
    assert.match(second ?? "", /^Pulumi\.bad\.yaml:2:1: artifacts:organization: "Org" must be 2 to 20 lower-case/);
    assert.equal(third, 'Pulumi.bad.yaml:6:1: artifacts:domian: is not a setting; did you mean "artifacts:domain"?');
    assert.equal(
      `${rest.join("\n")}\n`,
      `${lines}broken: 5 errors; without mistakes are 0 projects, 0 images, 0 digests, 0 tags, 0 files\n`,
    );
  });

  it("production's stack is checked if its file is there; another one must be there", async () => {
    assert.deepEqual(await check(["--stack", "absent"]), {
      code: 1,
      out: "",
      err: "error: there is no Pulumi.absent.yaml: give the name of a stack with --stack\n",
    });
    const production = join(folder, "Pulumi.prod.yaml");
    await writeFile(production, "config:\n  gcp:project: P\n");
    try {
      const { code, out } = await check([]);
      assert.equal(code, 1);
      assert.match(out, /^Pulumi\.prod\.yaml:2:1: artifacts:organization: is missing/m);
    } finally {
      await rm(production);
    }
  });

  it("--json is one document", async () => {
    const { code, out } = await check(["broken", "--json"]);
    assert.equal(code, 1);
    const { problems, ...counts } = JSON.parse(out);
    assert.deepEqual(counts, { projects: 0, images: 0, digests: 0, tags: 0, files: 0 });
    assert.deepEqual(problems[1], {
      severity: "error",
      file: "broken/p/images.yaml",
      line: 4,
      column: 5,
      message: 'image "app": digest "sha256:0" has 1 hex digits instead of 64: copy it again',
    });
  });

  it("wrong usage prints the usage and exits with 2, a missing folder with 1", async () => {
    for (const args of [["--jsno"], ["a", "b"]]) {
      const { code, out, err } = await check(args);
      assert.equal(code, 2);
      assert.equal(out, "");
      assert.match(err, /^error: .*\nSee artifacts check --help\n$/s);
    }
    assert.deepEqual(await check(["absent"]), {
      code: 1,
      out: "",
      err: "error: there is no folder absent: give the folder of the manifests\n",
    });
    const help = await check(["--help"]);
    assert.equal(help.code, 0);
    assert.match(help.out, /^Usage: artifacts check /);
  });
});

function check(args: string[], env: Record<string, string> = {}): Promise<EndedCommand> {
  return runArtifacts(["check", ...args], { cwd: folder, env: { PATH: process.env["PATH"], ...env } });
}

async function write(set: string, name: string, images: string): Promise<void> {
  await mkdir(join(folder, set, name), { recursive: true });
  await writeFile(join(folder, set, name, "project.yaml"), project);
  await writeFile(join(folder, set, name, "images.yaml"), images);
}
