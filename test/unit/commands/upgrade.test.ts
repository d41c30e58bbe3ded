import assert from "node:assert/strict";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { changesSince } from "../../../components/commands/release-changes.ts";
import { runArtifacts } from "../../support/run-command-lines.ts";
import { stackFile } from "../../support/stack-file.ts";

describe("npm run upgrade", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "upgrade-"));
    await mkdir(join(folder, "manifests/tool"), { recursive: true });
    await writeFile(join(folder, "Pulumi.prod.yaml"), `${stackFile}  artifacts:logOneIn: 50\n`);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const run = (...args: string[]) => runArtifacts(["upgrade", ...args], { cwd: folder });

  it("names what the manifests of the release are wrong in by new rules, and what is done by hand", async () => {
    const project =
      "description: x\nowners: {group: g@example.org, repositories: [example/tool]}\nstaging: {images: true}\n";
    await writeFile(join(folder, "manifests/tool/project.yaml"), project);
    const { code, out } = await run("--from", "0.2.0");
    assert.equal(code, 0);
    assert.match(out, /^manifests\/tool\/project\.yaml:2:\d+: .*"example\/tool" is known by its name alone/m);
    assert.match(out, /^The first deployment is an owner's.*:\n {2}npm ci .*\n {2}pulumi up --stack prod$/m);
    assert.match(out, /^ {2}npx artifacts engine-pin$/m);
    assert.match(out, /^ {2}gh api --method PUT repos\/example\/artifacts\/environments\/newcomers$/m);
    const { out: json } = await run("--from", "0.2.0", "--json");
    const told = JSON.parse(json) as Record<string, unknown[]>;
    assert.deepEqual(
      [told["config"]?.length, told["manifests"]?.length, told["state"]?.length, told["byHand"]?.length],
      [1, 1, 1, 4],
    );
    assert.match((await run("--from", "9.0.0")).out, /known by its name alone.*Then: npm run rehearse/s);
  });

  it("takes the config of the release as it is", async () => {
    // As the release had it, without what was commented.
    const release = join(import.meta.dirname, "../../support/releases/0.2.0/Pulumi.prod.yaml");
    await copyFile(release, join(folder, "Pulumi.prod.yaml"));
    const { out } = await run("--from", "0.2.0", "--json");
    assert.deepEqual((JSON.parse(out) as { config: unknown[] }).config, []);
  });

  it("names config keys with their lines, and the commands that repair the state", async () => {
    const { code, out } = await run("--from", "0.2.0");
    assert.equal(code, 0);
    assert.match(out, /^Pulumi\.prod\.yaml:\d+.*logOneIn.*logSampleRate: 0\.02/m);
    assert.match(
      out,
      /^CAA records at Cloudflare have numeric flags.*\n {2}pulumi stack export --stack prod --file state\.json\n/m,
    );
    assert.match(out, /^ {2}npm run upgrade -- --from 0\.2\.0 --state state\.json$/m);
  });

  it("repairs a state in place, once", async () => {
    const record = (flags: unknown) => ({
      type: "cloudflare:index/dnsRecord:DnsRecord",
      urn: "urn:pulumi:prod::artifacts::x$cloudflare:index/dnsRecord:DnsRecord::domain-caa-pki.goog",
      inputs: { data: { flags, tag: "issue" }, ttl: 300 },
      outputs: { data: { flags, tag: "issue" }, id: "1" },
    });
    const other = { type: "gcp:storage/bucket:Bucket", urn: "b", inputs: { data: { flags: "0" } } };
    const file = join(folder, "state.json");
    const stateOf = (flags: unknown) => ({ version: 3, deployment: { resources: [record(flags), other] } });
    await writeFile(file, JSON.stringify(stateOf("0")));
    const first = await run("--from", "0.2.0", "--state", file);
    assert.equal(first.code, 0, first.err);
    assert.match(first.out, /^mended urn:.*domain-caa-pki\.goog$/m);
    assert.deepEqual(JSON.parse(await readFile(file, "utf8")), stateOf(0));
    assert.match((await run("--from", "0.2.0", "--state", file)).out, /nothing to mend/);
  });

  it("requires the release if git does not know it", async () => {
    const { code, err } = await run();
    assert.equal(code, 2);
    assert.match(err, /--from VERSION is required/);
    assert.match((await run("--from", "latest")).err, /--from is a version such as 0\.2\.0/);
    assert.match((await run("--from", "0.2.0", "--stack", "absent")).err, /there is no Pulumi\.absent\.yaml/);
  });
});

it("the changes of a release apply to stacks deployed before it", () => {
  assert.equal(changesSince("0.1.0").length, changesSince("0.2.0").length);
  assert.ok(changesSince("0.2.0").length > 0);
  assert.deepEqual(changesSince("9.0.0"), []);
});
