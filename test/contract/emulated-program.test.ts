/** A whole program on the real engine and the emulated cloud: resources change only if the program changes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { after, before, describe, it } from "mocha";
import type { Address } from "../../local/cloud/address.ts";
import type { Resource } from "../../local/cloud/inventory.ts";
import { ControlApi } from "../../local/control-api.ts";
import { installProviders } from "../../local/providers/install.ts";
import { languageHostEnvironment, toolPath } from "../../local/tools/tools.ts";
import { echoSource, type TestCloud, testCloud } from "../support/emulated-cloud.ts";
import { builtTools } from "../support/programs.ts";

await builtTools("pulumi");

const commandLine = join(import.meta.dirname, "../../components/commands/artifacts.mjs");
const preload = join(import.meta.dirname, "../../components/stack/sdk-preload.ts");
const common = ["--non-interactive", "--color", "never"];
const options = [...common, "--suppress-progress", "--stack", "local"];

let t: TestCloud;
let program: string;
let environment: NodeJS.ProcessEnv;
let engine: string;

describe("a program on the emulated cloud", () => {
  before(async () => {
    [t, engine] = await Promise.all([testCloud(), toolPath("pulumi")]);
    program = join(t.dir, "program");
    await cp(join(import.meta.dirname, "emulated-program"), program, { recursive: true });
    await symlink(join(import.meta.dirname, "../../node_modules"), join(program, "node_modules"));
    await writeFile(join(program, "package.json"), '{"type":"module"}');
    // As in the Pulumi.yaml of this project: what the SDK loads for others takes longer than this program.
    const options = { typescript: false, nodeargs: `--stack-trace-limit=0 --import ${preload}` };
    const project = { name: "emulated", main: "index.ts", runtime: { name: "nodejs", options } };
    await writeFile(join(program, "Pulumi.yaml"), JSON.stringify(project)); // JSON is YAML
    await writeFile(join(program, "service.tar.gz"), await echoSource("1"));
    const settings = { "gcp:project": "demo", "aws:region": "us-east-1", "emulated:greeting": "hello" };
    await writeFile(join(program, "Pulumi.local.yaml"), JSON.stringify({ config: settings }));
    await mkdir(join(t.dir, "state"));
    environment = {
      ...process.env,
      ...languageHostEnvironment(),
      ...t.cloud.environment,
      PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
      PULUMI_HOME: join(t.dir, "home"),
      PULUMI_BACKEND_URL: `file://${join(t.dir, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_SKIP_CHECKPOINTS: "true",
    };
    installProviders(join(t.dir, "home"));
    await pulumi("stack", "init", "local");
  });
  after(() => t.end());

  it("creates everything without a warning; the next preview and refresh find no change", async () => {
    const output = await pulumi("up", "--yes", "--skip-preview");
    assert.match(output, /\+ \d+ created/);
    assert.doesNotMatch(output, /warning/i);
    await pulumi("preview", "--expect-no-changes", "--diff");
    await pulumi("refresh", "--preview-only", "--expect-no-changes");
  });

  it("the host name resolves to the service", async () => {
    const resolved = await fetch(`${t.cloud.control}/v1/resolve?host=artifacts.example.org`);
    const { port } = (await resolved.json()) as Address;
    const answer = (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as { env: { REGION: string } };
    assert.equal(answer.env.REGION, "hello");
  });

  it("a change of the program changes only the affected resources", async () => {
    const output = await pulumi("up", "--yes", "--skip-preview", "--config", "emulated:greeting=good day");
    assert.match(output, /~ 2 updated\n +\d+ unchanged/);
    await pulumi("preview", "--expect-no-changes");
  });

  it("a replacement whose deletion is refused: the run ends red and names it, and the next one replaces it", async () => {
    const control = new ControlApi(t.cloud.control);
    await control.faults([
      {
        type: ":Bucket$",
        id: "^moving$",
        operations: ["delete"],
        status: 503,
        message: "Error 503: out",
      },
    ]);
    const up = ["up", "--yes", "--skip-preview", "--config", "emulated:location=EU"];
    // The engine alone never ends here (pulumi/pulumi#16373).
    const ended = await run(
      process.execPath,
      [commandLine, "engine-run", "--engine", engine, "--", ...up, "--continue-on-error", ...options],
      { ...environment, ARTIFACTS_STALLED_AFTER: "1" },
    );
    assert.equal(ended.code, 1, ended.output);
    assert.match(
      ended.output,
      /^error: gcp:storage\/bucket:Bucket moving could not be deleted to be replaced\. The engine waits for it for ever .*: nothing has happened for 1 s, so this run is stopped\. .*run the same again$/m,
    );
    assert.match(ended.output, /^ +error: Error 503: out$/m, "the engine's own report follows");
    await control.faults([]);
    assert.match(await pulumi(...up), /\+-1 replaced/); // the state is not locked
  });

  it("destroys everything", async () => {
    await pulumi("destroy", "--yes", "--skip-preview");
    const left = (await (await fetch(`${t.cloud.control}/v1/resources`)).json()) as Resource[];
    assert.deepEqual(left, []);
  });
});

/** Runs the CLI. Fails the test if the CLI fails. */
async function pulumi(...args: string[]): Promise<string> {
  const { code, output } = await run(engine, [...args, ...(args[0] === "stack" ? common : options)], environment);
  assert.equal(code, 0, `pulumi ${args.join(" ")}\n${output}`);
  return output;
}

async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  const child = spawn(command, args, { cwd: program, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk;
    });
  }
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}
