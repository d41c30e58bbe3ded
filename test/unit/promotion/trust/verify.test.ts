import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign as signRaw } from "node:crypto";
import { before, describe, it } from "mocha";
import { RefusedError } from "../../../../components/promotion/trust/refused.ts";
import { readRoots } from "../../../../components/promotion/trust/roots.ts";
import { largestBundle, type Trust, verifyBundle } from "../../../../components/promotion/trust/verify-bundle.ts";
import { verifyCosignLayer } from "../../../../components/promotion/trust/verify-cosign.ts";
import {
  pemOf,
  type SignedLayer,
  type TestSigstore,
  testIdentity,
  testIssuer,
  testKeyPair,
  testSigstore,
} from "../../../support/sigstore.ts";

const digest = `sha256:${"1".repeat(64)}`;
const other = `sha256:${"2".repeat(64)}`;

let sigstore: TestSigstore;
let stranger: TestSigstore;
let trust: Trust;
const key = testKeyPair();

/** A bundle's JSON, which a test may make anything of. */
// biome-ignore lint/suspicious/noExplicitAny: the tests make it wrong on purpose
type Json = any;

/** A change of a bundle's JSON. */
function changed(bundle: string, change: (json: Json) => void): string {
  const json = JSON.parse(bundle);
  change(json);
  return JSON.stringify(json);
}

const material = (json: Json) => json.verificationMaterial;

describe("verification", () => {
  before(async () => {
    [sigstore, stranger] = [await testSigstore(), await testSigstore()];
    trust = { roots: readRoots(sigstore.root), keys: [pemOf(key)] };
  });

  describe("valid", () => {
    it("a keyless bundle: who signed, about what, when, in which log", async () => {
      const predicate = { buildType: "x" };
      const text = await sigstore.bundle({ digest, predicateType: "https://slsa.dev/provenance/v1", predicate });
      const { signer, statement, time, logged } = verifyBundle(text, { digest }, trust);
      assert.deepEqual(signer, { identity: testIdentity, issuer: testIssuer, build: {} });
      assert.deepEqual(statement, { predicateType: "https://slsa.dev/provenance/v1", predicate });
      assert.ok(time && Math.abs(time.getTime() - Date.now()) < 60_000);
      assert.match(logged.join(), /^https:\/\/rekor\.example\.org #\d+$/);
    });
    it("a bundle by key", async () => {
      const { signer, logged } = verifyBundle(await sigstore.bundle({ digest, key }), { digest }, trust);
      assert.deepEqual([signer, logged], [{ key: pemOf(key) }, []]);
    });
    it("the second of two keys", async () => {
      const keys = [pemOf(testKeyPair()), pemOf(key)];
      assert.deepEqual(verifyBundle(await sigstore.bundle({ digest, key }), { digest }, { ...trust, keys }).signer, {
        key: pemOf(key),
      });
    });
    it("cosign's older signature, keyless and by key", async () => {
      const keyless = verifyCosignLayer(await sigstore.signature({ digest }), digest, trust);
      assert.deepEqual(keyless.signer, { identity: testIdentity, issuer: testIssuer, build: {} });
      assert.equal(keyless.statement, undefined);
      assert.equal(keyless.logged.length, 1);
      const byKey = verifyCosignLayer(await sigstore.signature({ digest, key }), digest, trust);
      assert.deepEqual(byKey.signer, { key: pemOf(key) });
    });
    it("cosign's older attestation", async () => {
      const layer = await sigstore.attestation({ digest, predicateType: "https://spdx.dev/Document" });
      assert.equal(verifyCosignLayer(layer, digest, trust).statement?.predicateType, "https://spdx.dev/Document");
    });
    it("an Ed25519 key", async () => {
      const { publicKey, privateKey } = generateKeyPairSync("ed25519");
      const layer = await sigstore.signature({ digest, key });
      const signature = signRaw(null, layer.bytes, privateKey).toString("base64");
      const keys = [publicKey.export({ type: "spki", format: "pem" }).toString()];
      const signed = { ...layer, annotations: { "dev.cosignproject.cosign/signature": signature } };
      assert.deepEqual(verifyCosignLayer(signed, digest, { ...trust, keys }).signer, { key: keys[0] });
    });
  });

  describe("an invalid bundle", () => {
    const wrong: [string, () => Promise<string | Buffer>, RegExp][] = [
      [
        "with thousands of log entries",
        async () =>
          changed(await sigstore.bundle({ digest }), (json) => {
            const [entry] = material(json).tlogEntries;
            material(json).tlogEntries = Array.from({ length: 33 }, () => entry);
          }),
        /^it has 33 log entries, more than 32$/,
      ],
      [
        "with thousands of timestamps",
        async () =>
          changed(await sigstore.bundle({ digest }), (json) => {
            const rfc3161Timestamps = Array.from({ length: 33 }, () => ({ signedTimestamp: "" }));
            material(json).timestampVerificationData = { rfc3161Timestamps };
          }),
        /^it has 33 timestamps, more than 32$/,
      ],
      ["about another digest", () => sigstore.bundle({ digest: other }), /^it is about sha256:2222/],
      [
        "by the right key about another digest",
        () => sigstore.bundle({ digest: other, key }),
        /^it is about sha256:2222/,
      ],
      ["by another key", () => sigstore.bundle({ digest, key: testKeyPair() }), /^the signature is not valid/],
      [
        "by an authority that nobody trusts, with the right identity",
        () => stranger.bundle({ digest }),
        /^its certificate is not from a trusted authority/,
      ],
      [
        "with the right log entry and a certificate of the same identity that nobody issued",
        async () => {
          const forged = await stranger.certificate(testKeyPair().publicKey, testIdentity, testIssuer);
          return changed(await sigstore.bundle({ digest }), (json) => {
            material(json).certificate.rawBytes = forged.toString("base64");
          });
        },
        /^its certificate is not from a trusted authority/,
      ],
      [
        "with the signature AAAA",
        async () =>
          changed(await sigstore.bundle({ digest }), (json) => (json.dsseEnvelope.signatures[0].sig = "AAAA")),
        /^its log entry is about something else/,
      ],
      [
        "by key, with the signature AAAA",
        async () =>
          changed(await sigstore.bundle({ digest, key }), (json) => (json.dsseEnvelope.signatures[0].sig = "AAAA")),
        /^the signature is not valid/,
      ],
      [
        "that is in no log, and has no time",
        async () => changed(await sigstore.bundle({ digest }), (json) => (material(json).tlogEntries = [])),
        /^nothing proves when it was signed/,
      ],
      [
        "with the entry of another log",
        async () => {
          const theirs = JSON.parse(await stranger.bundle({ digest }));
          return changed(await sigstore.bundle({ digest }), (json) => {
            material(json).tlogEntries = material(theirs).tlogEntries;
          });
        },
        /^no trusted log has promised its entry|^its log entry is about something else|no trusted log/,
      ],
      [
        "with the entry of another signature",
        async () => {
          const second = JSON.parse(await sigstore.bundle({ digest }));
          return changed(await sigstore.bundle({ digest }), (json) => {
            material(json).tlogEntries = material(second).tlogEntries;
          });
        },
        /^its log entry is about something else/,
      ],
      [
        "with a promise that the log did not make",
        async () =>
          changed(await sigstore.bundle({ digest }), (json) => {
            material(json).tlogEntries[0].integratedTime = "1700000000";
          }),
        /^(no trusted log has promised its entry|its certificate is not from a trusted authority, or was not valid)/,
      ],
      [
        "with another statement under the same signature",
        async () =>
          changed(await sigstore.bundle({ digest: other }), (json) => {
            const text = Buffer.from(json.dsseEnvelope.payload, "base64").toString().replaceAll("2222", "1111");
            json.dsseEnvelope.payload = Buffer.from(text).toString("base64");
          }),
        /^(the signature is not valid|its log entry is about something else)/,
      ],
      ["cut off", async () => (await sigstore.bundle({ digest })).slice(0, 900), /is not JSON, or was cut off$/],
      ["JSON of something else", async () => '{"sig":"demo"}', /^it is no Sigstore bundle: /],
      ["no JSON object", async () => "[]", /^it is no Sigstore bundle: /],
      ["null", async () => "null", /^it is no Sigstore bundle: /],
      ["nothing", async () => "", /^it is no Sigstore bundle: /],
      [
        "10 MB",
        async () => Buffer.alloc(10_000_000, " "),
        new RegExp(`^it has 10000000 bytes, more than .*${largestBundle}`),
      ],
    ];
    for (const [name, make, why] of wrong)
      it(name, async () => {
        const text = await make();
        refusedFor(() => verifyBundle(text, { digest }, trust), why);
      });

    it("signed with a certificate that was expired at the time of the log entry", async () => {
      const late = await testSigstore(new Date(), new Date(Date.now() + 3_600_000));
      const text = await late.bundle({ digest });
      refusedFor(
        () => verifyBundle(text, { digest }, { roots: readRoots(late.root), keys: [] }),
        /^its certificate is not from a trusted authority, or was not valid when it signed/,
      );
    });

    it("by key, when no key is trusted", async () => {
      const text = await sigstore.bundle({ digest, key });
      refusedFor(
        () => verifyBundle(text, { digest }, { ...trust, keys: [] }),
        /^it is signed with a key, and no key is/,
      );
    });

    it("a message signature, when only the digest is known", async () => {
      const content = Buffer.from("content");
      const about = `sha256:${createHash("sha256").update(content).digest("hex")}`;
      const messageDigest = { algorithm: "SHA2_256", digest: createHash("sha256").update(content).digest("base64") };
      const signature = signRaw("sha256", content, key.privateKey).toString("base64");
      const text = changed(await sigstore.bundle({ digest, key }), (json) => {
        delete json.dsseEnvelope;
        json.messageSignature = { messageDigest, signature };
      });
      assert.deepEqual(verifyBundle(text, { content }, trust).signer, { key: pemOf(key) });
      refusedFor(() => verifyBundle(text, { digest: about }, trust), /of which only the digest is known$/);
      refusedFor(() => verifyBundle(text, { content: Buffer.from("other") }, trust), /^it is about sha256:/);
    });

    it("a statement about several digests is valid for each of them, and no other", async () => {
      const text = await sigstore.bundle({ digest, key });
      refusedFor(() => verifyBundle(text, { digest: other }, trust), /^it is about sha256:1111/);
    });
  });

  describe("an invalid layer of cosign's older format", () => {
    const altered = async (change: (layer: SignedLayer) => Partial<SignedLayer>, signing: object = {}) => {
      const layer = await sigstore.signature({ digest, ...signing });
      return { ...layer, ...change(layer) };
    };
    const annotation = (name: string, value: string) => (layer: SignedLayer) => ({
      annotations: { ...layer.annotations, [name]: value },
    });
    const wrong: [string, () => Promise<SignedLayer>, RegExp][] = [
      [
        "a self-signed certificate with somebody's identity, the signature AAAA, the bundle {}",
        async () => {
          const forged = await stranger.certificate(testKeyPair().publicKey, testIdentity, testIssuer);
          const pem = `-----BEGIN CERTIFICATE-----\n${forged.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
          return altered(() => ({
            annotations: {
              "dev.cosignproject.cosign/signature": "AAAA",
              "dev.sigstore.cosign/certificate": pem,
              "dev.sigstore.cosign/bundle": "{}",
            },
          }));
        },
        /^its log entry has no body, promise or log$/,
      ],
      [
        "the same without a bundle",
        async () => {
          const forged = await stranger.certificate(testKeyPair().publicKey, testIdentity, testIssuer);
          const pem = `-----BEGIN CERTIFICATE-----\n${forged.toString("base64").replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
          return altered(() => ({
            annotations: { "dev.cosignproject.cosign/signature": "AAAA", "dev.sigstore.cosign/certificate": pem },
          }));
        },
        /^nothing proves when it was signed/,
      ],
      [
        "by the right key about another image",
        () => sigstore.signature({ digest: other, key }),
        /^it is about sha256:2222/,
      ],
      [
        "by the right workflow about another image",
        () => sigstore.signature({ digest: other }),
        /^it is about sha256:2222/,
      ],
      ["by another key", () => altered(() => ({}), { key: testKeyPair() }), /^the signature is not valid/],
      ["no signature", () => altered(() => ({ annotations: {} })), /^it has no signature$/],
      [
        "a signature that is no base64",
        () => altered(annotation("dev.cosignproject.cosign/signature", "\u0000"), { key }),
        /^(its annotations are no signature|the signature is not valid)/,
      ],
      [
        "a certificate that is none",
        () => altered(annotation("dev.sigstore.cosign/certificate", "x")),
        /^its certificate cannot be read$/,
      ],
      [
        "a log entry that is none",
        () => altered(annotation("dev.sigstore.cosign/bundle", "[")),
        /^it is not JSON, or was cut off$/,
      ],
      [
        "another payload under the same signature",
        () => altered(({ bytes }) => ({ bytes: Buffer.from(bytes.toString().replace("tool", "evil")) }), { key }),
        /^the signature is not valid/,
      ],
    ];
    for (const [name, make, why] of wrong)
      it(name, async () => {
        const layer = await make();
        refusedFor(() => verifyCosignLayer(layer, digest, trust), why);
      });
  });

  it("a changed byte of a signature, a statement or a certificate never verifies as something else", async () => {
    const good = Buffer.from(await sigstore.bundle({ digest }));
    const proven = JSON.stringify(verifyBundle(good, { digest }, trust));
    let refused = 0;
    let tried = 0;
    for (let at = 5; at < good.length; at += 61) {
      const bad = Buffer.from(good);
      bad[at] = bad[at]! ^ (1 << (at % 8));
      tried++;
      try {
        assert.equal(JSON.stringify(verifyBundle(bad, { digest }, trust)), proven, `byte ${at}`);
      } catch (error) {
        assert.ok(error instanceof RefusedError, `byte ${at}: ${String(error)}`);
        refused++;
      }
    }
    assert.ok(refused > tried * 0.6, `${refused} of ${tried} are refused`);
  });
});

function refusedFor(verify: () => unknown, why: RegExp): void {
  assert.throws(verify, (error) => {
    assert.ok(error instanceof RefusedError, String(error));
    assert.match(error.message, why);
    return true;
  });
}
