import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { commandLine } from "../../../components/commands/command-line.ts";
import { completionsOf } from "../../../components/commands/completion.ts";

const artifacts = join(import.meta.dirname, "../../../components/commands/artifacts.mjs");
const line = await commandLine();

const cases: readonly (readonly [words: readonly string[], found: readonly string[]])[] = [
  [["pro"], ["promote"]],
  [["preview-r"], []],
  [
    ["sync", "--m"],
    ["--manifests", "--mirror"],
  ],
  [
    ["new", "x", "--staging", ""],
    ["both", "files", "images"],
  ],
  [
    ["completion", ""],
    ["bash", "fish", "zsh"],
  ],
  [["promote", "x", "y", "--dr"], ["--dry-run"]],
  [["nothing", ""], []],
];

describe("completion", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "completion's "));
    await mkdir(join(folder, "manifests/some tool"), { recursive: true });
    await mkdir(join(folder, "manifests/semver"));
    await writeFile(join(folder, "Pulumi.prod.yaml"), "");
  });
  after(() => rm(folder, { recursive: true }));

  for (const [words, found] of cases)
    it(`artifacts ${words.join(" ")}|`, () => assert.deepEqual(completionsOf(line, words), found));

  for (const [shell, probe] of Object.entries({
    bash: `COMP_WORDS=(artifacts promote s); COMP_CWORD=2; _artifacts; printf '%s\\n' "\${COMPREPLY[@]}"; COMP_WORDS=(artifacts promote '$(touch hit)' --st); COMP_CWORD=3; _artifacts; printf '%s\\n' "\${COMPREPLY[@]}"`,
    fish: "complete -C 'artifacts promote s'; complete -C 'artifacts promote x --st'",
    zsh: "compadd() { print -l -- $found }; words=(artifacts promote s); CURRENT=3; _artifacts; words=(artifacts promote x --st); CURRENT=4; _artifacts",
  }))
    it(`${shell} offers projects and options, and runs nothing of what is typed`, function () {
      if (spawnSync(shell, ["-c", "exit"]).error) {
        console.warn(`SKIPPED: completion in ${shell}: it is not installed`);
        this.skip();
      }
      const script = execFileSync(process.execPath, [artifacts, "completion", shell], { encoding: "utf8" });
      const { stdout, stderr } = spawnSync(shell, ["-c", `${script}\n${probe}`], { cwd: folder, encoding: "utf8" });
      assert.deepEqual(
        stdout.split("\n").filter((word) => word !== ""),
        ["semver", "some tool", "--stack", "--staging"],
        stderr,
      );
      assert.equal(spawnSync("test", ["-e", join(folder, "hit")]).status, 1);
    });
});
