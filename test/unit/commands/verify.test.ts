/** `artifacts verify` on files: recorded bundles of the public log, and what is wrong with a call. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { digestOf } from "../../../components/promotion/oci/digest.ts";
import { itUnless } from "../../support/annotations.ts";
import { pemOf, testKeyPair, testSigstore } from "../../support/sigstore.ts";

const root = join(import.meta.dirname, "../../..");
const data = join(root, "../shared/data-sigstore");
const noBundles = existsSync(data) ? undefined : "../shared/data-sigstore is missing";
const beacon =
  "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const issuer = "https://token.actions.githubusercontent.com";

interface Ended {
  readonly code: number;
  readonly text: string;
}

describe("artifacts verify", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "artifacts-verify-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("a file and its bundle beside it, by key; another key, another type and a missing bundle are refused with the reason", async () => {
    const [key, other] = [testKeyPair(), testKeyPair()];
    const file = join(folder, "tool");
    await writeFile(file, "content");
    const bundle = await (await testSigstore()).bundle({ digest: digestOf(Buffer.from("content")), key });
    await writeFile(`${file}.sigstore.json`, bundle);
    await writeFile(join(folder, "key.pub"), pemOf(key));
    await writeFile(join(folder, "other.pub"), pemOf(other));
    const by = (name: string) => ["--key", join(folder, name)];
    const [good, wrong, type, lost, who, image] = await verifyAll([
      [file, ...by("key.pub")],
      [file, ...by("other.pub")],
      [file, ...by("key.pub"), "--type", "https://slsa.dev/provenance/v1"],
      [file, ...by("key.pub"), "--bundle", join(folder, "none.json")],
      [file],
      ["no-image", ...by("key.pub")],
    ]);
    assert.equal(good!.code, 0, good!.text);
    assert.match(
      good!.text,
      /^https:\/\/sigstore\.dev\/cosign\/sign\/v1, says a trusted key, in no log\n.*: verified, sha256:/,
    );
    assert.equal(wrong!.code, 1);
    assert.match(wrong!.text, /is not verified: nothing that is verified signs it; the signature is not valid/);
    assert.equal(type!.code, 1);
    assert.match(type!.text, /it has no attestation of type https:\/\/slsa\.dev\/provenance\/v1 by this signer/);
    assert.equal(lost!.code, 1);
    assert.match(lost!.text, /the bundle cannot be read: ENOENT/);
    assert.equal(who!.code, 2);
    assert.match(who!.text, /say who must have signed: --key FILE, or --identity/);
    assert.equal(image!.code, 1);
    assert.match(image!.text, /no-image is neither a file nor an image/);
  });

  it("a file by the promotion's proof beside it, which the project's own bundle does not hide; without any it says so", async () => {
    const [project, promoter] = [testKeyPair(), testKeyPair()];
    const sigstore = await testSigstore();
    const file = join(folder, "promoted");
    const digest = digestOf(Buffer.from("promoted"));
    const predicateType = "https://slsa.dev/verification_summary/v1";
    await writeFile(file, "promoted");
    await writeFile(`${file}.sigstore.json`, await sigstore.bundle({ digest, key: project }));
    const proof = await sigstore.bundle({ digest, key: promoter, predicateType, predicate: {} });
    await writeFile(`${file}.promotion.sigstore.json`, proof);
    await writeFile(join(folder, "promotions.pub"), pemOf(promoter));
    await writeFile(join(folder, "bare"), "bare");
    const by = ["--key", join(folder, "promotions.pub")];
    const [good, typed, bare] = await verifyAll([
      [file, ...by],
      [file, ...by, "--type", predicateType],
      [join(folder, "bare"), ...by],
    ]);
    assert.equal(good!.code, 0, good!.text);
    assert.match(good!.text, /^https:\/\/slsa\.dev\/verification_summary\/v1, says a trusted key/);
    assert.equal(typed!.code, 0, typed!.text);
    assert.equal(bare!.code, 1);
    assert.match(bare!.text, /bare has no bundle beside it: neither .*bare\.sigstore\.json nor .*bare\.promotion\./);
  });

  itUnless(noBundles, "every recorded bundle gets its verdict, and is refused to another identity", async () => {
    const cases = readdirSync(data, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const calls = cases.map(({ name }) => {
      const own = (file: string) => join(data, name, file);
      const signer = existsSync(own("key.pub"))
        ? ["--key", own("key.pub")]
        : ["--identity", beacon, "--issuer", issuer];
      return [
        existsSync(own("artifact")) ? own("artifact") : join(data, "a.txt"),
        "--bundle",
        own("bundle.sigstore.json"),
        ...signer,
        ...(existsSync(own("trusted_root.json")) ? ["--trusted-root", own("trusted_root.json")] : []),
      ];
    });
    const ended = await verifyAll(calls);
    for (const [index, { name }] of cases.entries())
      assert.equal(ended[index]!.code, name.endsWith("_fail") ? 1 : 0, `${name}: ${ended[index]!.text}`);
    const others = calls.map((call) => call.map((word) => (word === beacon ? `${beacon}x` : word)));
    const foreign = await verifyAll(others.filter((call) => call.includes(`${beacon}x`)));
    for (const { code, text } of foreign) assert.equal(code, 1, text);
    assert.ok(foreign.some(({ text }) => text.includes(`is not verified: it is signed by ${beacon}`)));
  });
});

/** Calls the command several times in one process, which is faster than a process for each. */
async function verifyAll(calls: readonly (readonly string[])[]): Promise<Ended[]> {
  const script = `
    const { runCommandLine } = await import(${JSON.stringify(join(root, "components/commands/command-line.ts"))});
    const write = process.stdout.write.bind(process.stdout);
    const ended = [];
    for (const args of ${JSON.stringify(calls)}) {
      const is = { code: 0, text: "" };
      process.stdout.write = process.stderr.write = (text) => { is.text += text; return true; };
      process.exitCode = 0;
      await runCommandLine(["verify", ...args]);
      ended.push({ ...is, code: process.exitCode });
    }
    process.exitCode = 0;
    write(JSON.stringify(ended));`;
  const { promise, resolve, reject } = Promise.withResolvers<Ended[]>();
  execFile(process.execPath, ["--input-type=module", "--eval", script], (error, out) =>
    error === null ? resolve(JSON.parse(out) as Ended[]) : reject(error),
  );
  return promise;
}
