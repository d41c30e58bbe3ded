/** Bundles of the public transparency log, and what each must give. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "mocha";
import { RefusedError } from "../../../../components/promotion/trust/refused.ts";
import { publicRoots, readRoots } from "../../../../components/promotion/trust/roots.ts";
import { verifyBundle } from "../../../../components/promotion/trust/verify-bundle.ts";
import { describeUnless } from "../../../support/annotations.ts";

const data = join(import.meta.dirname, "../../../../../shared/data-sigstore");

/** The reason of each refusal. */
const reasons: Readonly<Record<string, RegExp>> = {
  "bundle-from-wrong-instance_fail": /certificate is not from a trusted authority/,
  "checkpoint-wrong-roothash_fail": /no trusted log has its entry/,
  "dsse-invalid-sig_fail": /signature is not valid|log entry is about something else/,
  "intoto-expired-certificate_fail": /was not valid when it signed/,
  "invalid-ct-key_fail": /no trusted certificate log has its certificate/,
  "managed-key-wrong-key_fail": /signature is not valid|no public key in PEM/,
  "message-digest-mismatch_fail": /^it is about sha256:/,
};

const noBundles = existsSync(data) ? undefined : "../shared/data-sigstore is missing";

describeUnless(noBundles, "recorded bundles", () => {
  const all = noBundles === undefined ? readdirSync(data, { withFileTypes: true }) : [];
  const cases = all.filter((entry) => entry.isDirectory());
  it("there are cases of both verdicts", () => {
    assert.ok(cases.some(({ name }) => name.endsWith("_fail")) && cases.some(({ name }) => !name.endsWith("_fail")));
  });
  for (const { name } of cases)
    it(`${name} is ${name.endsWith("_fail") ? "refused" : "verified"}`, () => {
      const has = (file: string) => existsSync(join(data, name, file));
      const read = (file: string) => readFileSync(join(data, name, file));
      const content = has("artifact") ? read("artifact") : readFileSync(join(data, "a.txt"));
      const roots = has("trusted_root.json") ? readRoots(read("trusted_root.json").toString()) : publicRoots();
      const keys = has("key.pub") ? [read("key.pub").toString()] : [];
      const verify = () => verifyBundle(read("bundle.sigstore.json"), { content }, { roots, keys });
      if (name.endsWith("_fail")) {
        assert.throws(verify, (error) => {
          assert.ok(error instanceof RefusedError, String(error));
          assert.match(error.message, reasons[name]!);
          return true;
        });
        return;
      }
      const { signer, logged, time } = verify();
      if (keys.length > 0) assert.ok("key" in signer);
      else {
        assert.ok("identity" in signer);
        if (!has("trusted_root.json") || name.startsWith("rekor2"))
          assert.match(signer.identity, /^https:\/\/github\.com\/sigstore-conformance\//);
        assert.match(signer.issuer, /^https:\/\//);
        assert.ok(time !== undefined && logged.length > 0);
      }
    });

  it("a bundle with one byte changed is refused, or proves exactly the same", () => {
    const content = readFileSync(join(data, "a.txt"));
    const trust = { roots: publicRoots(), keys: [] };
    const good = readFileSync(join(data, "happy-path-v0.3", "bundle.sigstore.json"));
    const proven = JSON.stringify(verifyBundle(good, { content }, trust));
    let refused = 0;
    for (let at = 3; at < good.length; at += 131) {
      const bad = Buffer.from(good);
      bad[at] = bad[at]! ^ (1 << (at % 8));
      try {
        const verified = verifyBundle(bad, { content }, trust);
        assert.equal(
          JSON.stringify({ ...verified, logged: undefined }),
          JSON.stringify({ ...JSON.parse(proven), logged: undefined }),
        );
      } catch (error) {
        assert.ok(error instanceof RefusedError, `${at}: ${error}`);
        refused++;
      }
    }
    assert.ok(refused > good.length / 131 / 2, `${refused} refused`);
  });
});
