import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { changesSince } from "../../../components/commands/release-changes.ts";
import { stackFile } from "../../support/stack-file.ts";

const command = join(import.meta.dirname, "../../../components/commands/artifacts.mjs");

describe("npm run upgrade", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "upgrade-"));
    await writeFile(join(folder, "Pulumi.prod.yaml"), `${stackFile}  artifacts:logOneIn: 50\n`);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const run = (...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      execFile(process.execPath, [command, "upgrade", ...args], { cwd: folder }, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code), out, err }),
      );
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
