/** A fork edits three things. Its own tests are green whatever these hold, and a newer upstream merges without a conflict. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { adopt, adoptersPaths, copyCheckout } from "../support/adopter.ts";

/** The tests that read config, manifests, documents or demo: if one binds to a fork's own files, it is among these. */
const binding = [
  ...["unit/stack", "unit/seed/", "unit/documents", "unit/workflows", "graph/organisations"],
  ...["check", "bootstrap", "workflow-settings"].map((name) => `unit/commands/${name}`),
];

describe("an adopter", () => {
  let checkout: string;

  before(async () => {
    checkout = await mkdtemp(join(tmpdir(), "adopter-"));
    await copyCheckout(checkout);
    await git("init", "--quiet", "--initial-branch=upstream");
    await git("config", "user.email", "adopter@acme.dev");
    await git("config", "user.name", "Adopter");
    await commit("the release that the adopter forked");
    await git("checkout", "--quiet", "-b", "main");
    await adopt(checkout);
    await commit("our organisation");
  });
  after(() => rm(checkout, { recursive: true }));

  it("edits nothing but what is a fork's own", async () => {
    const { out } = await git("diff", "--name-only", "upstream", "main");
    const changed = out.trim().split("\n");
    assert.ok(changed.length > 3);
    assert.deepEqual(
      changed.filter((path) => !isAdopters(path)),
      [],
    );
  });

  it("checks its config and manifests: npm run check finds no mistake, then each one with its line", async () => {
    const good = await node("components/commands/artifacts.mjs", "check");
    assert.deepEqual(
      [good.code, good.out],
      [0, `manifests: no mistakes in 1 project, 1 image, 1 digest, 1 tag, 1 file\n`],
    );
    const file = join(checkout, "Pulumi.prod.yaml");
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace("us-west1", "us-west99").replace("acme.dev", "acme"));
    const bad = await node("components/commands/artifacts.mjs", "check");
    await writeFile(file, text);
    assert.equal(bad.code, 1);
    assert.match(bad.out, /^Pulumi\.prod\.yaml:\d+:1: artifacts:gcpRegions\[1\]: "us-west99" is not a region/m);
    assert.match(bad.out, /^Pulumi\.prod\.yaml:\d+:1: artifacts:domain: "acme" must be a domain name/m);
  });

  it("its npm test is green where tests read config, manifests and documents", async () => {
    const { code, out } = await node("test/run.ts", ...binding);
    assert.equal(
      code,
      0,
      out
        .split("\n")
        .filter((line) => /✖|Error|failed/.test(line))
        .join("\n") || out,
    );
    assert.match(out, /^\d{3} passed, 0 failed/m);
  });

  it("merges a newer upstream that changed every other file", async () => {
    await git("checkout", "--quiet", "upstream");
    const { out } = await git("ls-files", "-z");
    const upstreams = out.split("\0").filter((path) => path !== "" && !isAdopters(path));
    assert.ok(upstreams.length > 400);
    await Promise.all(upstreams.map((path) => appendFile(join(checkout, path), "\nof a newer release\n")));
    await commit("a newer release");
    await git("checkout", "--quiet", "main");
    await git("merge", "--quiet", "--no-edit", "upstream");
    const merged = (await git("diff", "--name-only", "upstream", "main")).out.trim().split("\n");
    assert.deepEqual(
      merged.filter((path) => !isAdopters(path)),
      [],
    );
    assert.match(await readFile(join(checkout, "Pulumi.prod.yaml"), "utf8"), /artifacts:organization: acme/);
    assert.match(await readFile(join(checkout, "README.md"), "utf8"), /of a newer release\n$/);
  });

  const commit = async (subject: string): Promise<void> => {
    await git("add", "--all", "--", ".", ":!node_modules");
    await git("commit", "--quiet", "--message", subject);
  };

  const git = async (...args: string[]): Promise<{ out: string }> => {
    const { code, out } = await command("git", args);
    assert.equal(code, 0, `git ${args.join(" ")}\n${out}`);
    return { out };
  };

  const node = (file: string, ...args: string[]) => command(process.execPath, [join(checkout, file), ...args]);

  /** Runs a program in the adopter's checkout to its end. */
  const command = (file: string, args: readonly string[]): Promise<{ code: number; out: string }> =>
    new Promise((resolve) => {
      execFile(file, args, { cwd: checkout, maxBuffer: 1 << 26 }, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), out: out + err }),
      );
    });
});

function isAdopters(path: string): boolean {
  return adoptersPaths.some((own) => path === own || (own.endsWith("/") && path.startsWith(own)));
}
