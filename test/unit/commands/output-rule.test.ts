/** The rule of docs/commands.md on output, for every command: --json is one document of the shape that the help says, --quiet prints no notes, --verbose
 * adds to standard error alone. */
import assert from "node:assert/strict";
import { chmod, glob, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "mocha";
import { resourceCounts } from "../../../components/commands/adopt.ts";
import { commandLine, optionNames } from "../../../components/commands/command-line.ts";
import { codeowners } from "../../../components/manifests/codeowners.ts";
import { type EndedCommand, runCommandLines } from "../../support/run-command-lines.ts";
import { stackFile } from "../../support/stack-file.ts";

const stateKey = "projects/some-project/locations/us/keyRings/artifacts/cryptoKeys/state";
const root = join(import.meta.dirname, "../../..");
const line = await commandLine();

/** Commands whose result is a text for another program, as docs/commands.md says. */
const withoutJson = [
  "aws-credentials",
  "change-report",
  "completion",
  "engine-run",
  "preview-report",
  "redirector-config",
];

/** Calls that need neither a cloud nor a server, with their exit code; what stands for the Pulumi CLI is below. */
const calls: readonly (readonly [code: number, ...call: string[]])[] = [
  [0, "adopt"],
  [0, "bootstrap"],
  [0, "check"],
  [0, "codeowners"],
  [0, "cost"],
  [0, "demote", "tool", "app:v1", "--dry-run"],
  [0, "steps"],
  [0, "status"],
  [0, "upgrade", "--from", "0.2.0"],
  [0, "workflow-settings"],
  ...(["new", "promote"] as const).map((name): [number, string] => [2, name]), // called wrongly: the error is all that they print
];

/** Stands in for the Pulumi CLI: a state in which all is in place, and a run that imports. */
const pulumi = `#!/bin/sh
case "$*" in
  *export*) echo '{"deployment": {"resources": []}}' ;;
  *) printf 'Updating (prod)\\n\\nResources:\\n    + 2 created\\n    = 3 imported\\n    90 unchanged\\n\\nDuration: 3s\\n' ;;
esac
`;

describe("the output of commands", () => {
  let folder: string;
  let run: (...options: string[]) => Promise<readonly EndedCommand[]>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "output-rule-"));
    await mkdir(join(folder, "manifests/tool"), { recursive: true });
    const project = "description: x\nowners: {group: g@example.org}\nstaging: {images: true}\n";
    await writeFile(join(folder, "manifests/tool/project.yaml"), project);
    const images = `- name: app\n  dmap:\n    "sha256:${"a".repeat(64)}": ["v1"]\n`;
    await writeFile(join(folder, "manifests/tool/images.yaml"), images);
    const config = `${stackFile}  artifacts:approvers: [octo-org/infra]\n  artifacts:stateBucket: org-artifacts-state\n  artifacts:stateKey: ${stateKey}\n`;
    await writeFile(join(folder, "Pulumi.prod.yaml"), config);
    await mkdir(join(folder, ".github"));
    await writeFile(join(folder, ".github/CODEOWNERS"), codeowners("manifests", [], ["octo-org/infra"]));
    await writeFile(join(folder, "pulumi"), pulumi);
    await chmod(join(folder, "pulumi"), 0o755);
    const env = { PATH: [folder, process.env["PATH"]].join(delimiter) };
    run = (...options) =>
      runCommandLines(
        calls.map(([, ...call]) => [...call, ...options]),
        { cwd: folder, env },
      );
  });
  after(() => rm(folder, { recursive: true }));

  it("every command has --quiet, --verbose and, but for those that docs/commands.md names, --json with its shape", async () => {
    const text = await readFile(join(root, "docs/commands.md"), "utf8");
    const own = line.commands.filter((command) => optionNames(command).includes("quiet"));
    assert.ok(own.length > 20);
    for (const command of own) {
      const json = command.options.find(({ long }) => long === "--json");
      assert.equal(json === undefined, withoutJson.includes(command.name()), command.name());
      if (json === undefined) assert.ok(text.includes(`\`${command.name()}\``), command.name());
      else assert.match(json.description, /^one JSON document: \{/, command.name());
    }
  });

  it("with --json one document is printed, with the members that the help names, and nothing else", async () => {
    for (const [index, { code, out, err }] of (await run("--json")).entries()) {
      const [expected, name = ""] = calls[index]!;
      assert.equal(code, expected, `${name}: ${err}`);
      if (expected !== 0) continue;
      const document = JSON.parse(out) as Record<string, unknown>;
      const known = documented(name);
      assert.deepEqual(
        Object.keys(document).filter((member) => !known.includes(member)),
        [],
        `${name}: ${Object.keys(document).join(", ")}`,
      );
      if (name !== "adopt") assert.equal(err, "", name);
    }
  });

  it("--quiet prints results alone, --verbose adds details to standard error alone", async () => {
    const [plain, quiet, verbose] = [await run(), await run("--quiet"), await run("--verbose")];
    for (const [index, [expected, name]] of calls.entries()) {
      const [one, less, more] = [plain[index]!, quiet[index]!, verbose[index]!];
      assert.equal(more.out, one.out, name);
      if (expected === 0)
        assert.match(more.err, new RegExp(`^artifacts ${name}, Node .*\n[^]*${name} took [\\d.]+ s\n$`));
      if (name === "adopt") continue; // relays what the CLI prints
      assert.ok(less.out.length <= one.out.length, name);
      for (const text of less.out.split("\n")) assert.ok(one.out.split("\n").includes(text), `${name}: ${text}`);
    }
    const of = (name: string, ended: readonly EndedCommand[]) => ended[calls.findIndex((call) => call[1] === name)]!;
    assert.equal(of("check", quiet).out, "");
    assert.equal(of("codeowners", quiet).out, "");
    assert.equal(of("adopt", quiet).out, "resources: 2 created, 3 imported, 90 unchanged\n");
    assert.match(
      of("adopt", verbose).err,
      /^runs pulumi up --yes --skip-preview --continue-on-error --non-interactive$|^runs pulumi up /m,
    );
  });

  it("adopt --json: what the last run did, with the output of the CLI on standard error", async () => {
    const [ended] = await runCommandLines([["adopt", "--json"]], {
      cwd: folder,
      env: { PATH: [folder, process.env["PATH"]].join(delimiter) },
    });
    const { out, err } = ended ?? assert.fail();
    assert.deepEqual(JSON.parse(out), {
      complete: true,
      resources: { created: 2, imported: 3, unchanged: 90 },
      absent: [],
    });
    assert.match(err, /^Updating \(prod\)$/m);
  });

  it("bootstrap --json: the settings and the commands; schemas --json: what is written, here nothing", async () => {
    const [bootstrap, schemas] = await runCommandLines(
      [
        ["bootstrap", "--json"],
        ["schemas", "--json"],
      ],
      {
        cwd: folder,
        env: {},
      },
    );
    const { settings, steps } = JSON.parse(bootstrap!.out) as {
      settings: Record<string, string>;
      steps: { what: string; commands: string[] }[];
    };
    assert.match(settings["artifacts:stateBucket"] ?? "", /-artifacts-state$/);
    assert.match(steps[0]?.commands[0] ?? "", /^gcloud services enable artifactregistry\.googleapis\.com /);
    const { files, written } = JSON.parse(schemas!.out) as { files: string[]; written: string[] };
    assert.deepEqual([files.length, written], [11, []]);
  });

  it("a file or folder that is missing is one line, and no command of this room writes past the rule", async () => {
    const wrong = [
      ["codeowners", "--stack", "absent"],
      ["workflow-settings", "--stack", "absent"],
      ["change-report", "--before", "a", "--after", "b", "--output", "c", "--run-url", "d", "--stack", "prod"],
      ["upgrade", "--stack", "absent", "--from", "0.2.0"],
    ];
    for (const { code, out, err } of await runCommandLines(wrong, { cwd: folder, env: {} })) {
      assert.deepEqual([code, out], [1, ""]);
      assert.match(err, /^error: there is no \S+(: .*)?\n$/);
    }
    const room = join(root, "components/commands");
    for await (const file of glob("*.ts", { cwd: room })) {
      const text = await readFile(join(room, file), "utf8");
      if (file !== "output.ts") assert.doesNotMatch(text, /console\.|process\.std(out|err)\.write/, file);
    }
  });
});

it("the CLI's counts are read from what it prints at the end", () => {
  const output =
    "Updating\n    90 lies\n\nResources:\n    + 2 to create\n    +-1 to replace\n    = 3 imported\n    90 unchanged\n\nDuration";
  assert.deepEqual(resourceCounts(output), { "to create": 2, "to replace": 1, imported: 3, unchanged: 90 });
  assert.deepEqual(resourceCounts("error: no"), {});
});

/** The members at the top of the document that a command's help describes. */
function documented(name: string): string[] {
  const command = line.commands.find((one) => one.name() === name) ?? assert.fail(name);
  const { description } = command.options.find(({ long }) => long === "--json") ?? assert.fail(name);
  if (name === "workflow-settings")
    return "project host archive state identity_provider deploy_account preview_account deploy_role preview_role aws_region".split(
      " ",
    );
  let shape = /\{.*\}/.exec(description)?.[0].slice(1, -1) ?? "";
  while (/[[{][^[\]{}]*[\]}]/.test(shape)) shape = shape.replace(/[[{][^[\]{}]*[\]}]/g, "");
  return shape
    .split(";")[0]!
    .split(",")
    .map((member) => member.split(":")[0]!.trim().replaceAll('"', ""));
}
