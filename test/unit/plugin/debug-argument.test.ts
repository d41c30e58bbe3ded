import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { it } from "mocha";
import { asksForDebug, debugArgument } from "../../../components/plugin/debug-argument.ts";
import { skip } from "../../support/annotations.ts";

for (const [commandLine, expected] of [
  ["pulumi up --debug", true],
  ["/usr/bin/pulumi up --yes -d", true],
  ["pulumi up --debug=true", true],
  ["pulumi up --debug=false", false],
  ["pulumi up --diff", false],
  ["pulumi-language-nodejs --debug", false],
  ["", false],
] as const) {
  it(`${commandLine || "no command line"}: ${expected ? "debug messages" : "none"}`, () => {
    assert.equal(asksForDebug(commandLine.split(" ")), expected);
  });
}

it("ARTIFACTS_TRACE=1 asks for debug messages, whatever started the process", () => {
  assert.equal(debugArgument(1, { ARTIFACTS_TRACE: "1" }), true);
  assert.equal(debugArgument(1, {}), false);
});

it("the command line of the CLI is found through the language host between them", function () {
  if (process.platform !== "linux") skip(this, "command lines of parents are read from /proc, which Linux has");
  const file = join(import.meta.dirname, "../../../components/plugin/debug-argument.ts");
  const program = `import(${JSON.stringify(file)}).then(({ debugArgument }) => console.log(debugArgument()))`;
  // Two processes that stay: bash replaces itself by its last command, so each has one more.
  const host = `"${process.execPath}" -e '${program}'; true`;
  const started = (flag: string): string => {
    const script = `bash -c "$1"; true`;
    const { stdout } = spawnSync("bash", ["-c", script, "pulumi", host, flag], {
      argv0: "pulumi",
      encoding: "utf8",
      env: { PATH: process.env["PATH"] },
    });
    return stdout.trim();
  };
  assert.equal(started("--debug"), "true");
  assert.equal(started("--diff"), "false");
});
