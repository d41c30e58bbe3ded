import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { it } from "mocha";
import { attachmentFacts, bundleClaims } from "../../../components/catalogue/attachment-facts.ts";
import { certificateIdentity } from "../../../components/catalogue/certificate.ts";

// Certificates made with OpenSSL that have Fulcio's extensions: of a workflow, and in the older form of a person.
const workflow = `-----BEGIN CERTIFICATE-----
MIICFDCCAbmgAwIBAgIUUCVgsrennMxvPqYjA/1ZQ8gH+PMwCgYIKoZIzj0EAwIw
GTEXMBUGA1UECgwOdGVzdCBvZiBub2JvZHkwIBcNMjYxMTI0MDI1NTEwWhgPMjEy
NjEwMzEwMjU1MTBaMBkxFzAVBgNVBAoMDnRlc3Qgb2Ygbm9ib2R5MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEq5wfNivotMkeBn2I4qrkB4n+IAmsYBjTOxlyAh7y
j8h7Hpkq+1fOFJWtOoZwiqLuxZV0rOVGeds2fN372a3plaOB3DCB2TBaBgNVHREB
Af8EUDBOhkxodHRwczovL2dpdGh1Yi5jb20vZXhhbXBsZS9zZW12ZXIvLmdpdGh1
Yi93b3JrZmxvd3MvcmVsZWFzZS55bWxAcmVmcy90YWdzL3YxMB8GCisGAQQBg78w
AQEEEWh0dHBzOi8vdG9rZW4ub2xkMDsGCisGAQQBg78wAQgELQwraHR0cHM6Ly90
b2tlbi5hY3Rpb25zLmdpdGh1YnVzZXJjb250ZW50LmNvbTAdBgNVHQ4EFgQUu/x5
yK91Mhg1kyOUtUwoS0zH6HQwCgYIKoZIzj0EAwIDSQAwRgIhAJXmB+8B5NEA7ssr
fZH0VTj+2rQNVf6bu3tCg3qogw2+AiEA+XggMJChLHD8PkHdLMzK5P4TPlbaVc4Z
gcNRV+lew9s=
-----END CERTIFICATE-----`;
const person = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUGF0MSEnWijzckYDkQ6aYFhq6HzAwCgYIKoZIzj0EAwIw
GTEXMBUGA1UECgwOdGVzdCBvZiBub2JvZHkwIBcNMjYxMTI0MDI1NTEwWhgPMjEy
NjEwMzEwMjU1MTBaMBkxFzAVBgNVBAoMDnRlc3Qgb2Ygbm9ib2R5MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAERXqYE3Kwn6kTz3vt8DnVG4+M13zRKLRFmZuIPakL
/VT7F4ASFJ/nnJmESh8rmQBXyWXZtDjPA+zrMTololowHKNlMGMwIQYDVR0RAQH/
BBcwFYETcmVsZWFzZUBleGFtcGxlLm9yZzAfBgorBgEEAYO/MAEBBBFodHRwczov
L3Rva2VuLm9sZDAdBgNVHQ4EFgQUiRHNKvM0Qkm9dqPbbeq2fwCj51AwCgYIKoZI
zj0EAwIDSAAwRQIgeEc6/3qOtyeRWDzINLvyk4c/8B2TzzjoAZJdRhdQ1vMCIQDJ
szrP8+DxZFPFOq9yBxTl3Abu7J+Q698Ur3i1BJsAVA==
-----END CERTIFICATE-----`;
const ofWorkflow = {
  identity: "https://github.com/example/semver/.github/workflows/release.yml@refs/tags/v1",
  issuer: "https://token.actions.githubusercontent.com",
};

it("reads identity and issuer of a certificate", () => {
  assert.deepEqual(certificateIdentity(workflow), ofWorkflow);
  assert.deepEqual(certificateIdentity(new X509Certificate(workflow).raw), ofWorkflow);
  assert.deepEqual(certificateIdentity(person), { identity: "release@example.org", issuer: "https://token.old" });
});

it("an invalid certificate has no identity", () => {
  const der = new X509Certificate(workflow).raw;
  for (const text of ["", "x", workflow.slice(0, 200)]) assert.deepEqual(certificateIdentity(text), {});
  for (let length = 0; length < der.length; length += 7)
    assert.deepEqual(certificateIdentity(der.subarray(0, length)), {});
  // A changed byte may change the result but never throws.
  for (let at = 0; at < der.length; at++) {
    const changed = Buffer.from(der);
    changed[at] = changed[at]! ^ 0xff;
    certificateIdentity(changed);
  }
});

it("a certificate that was made to end where a length is read has no such extension", () => {
  const der = new X509Certificate(person).raw;
  // The signature, which nobody has verified, ends as the extension of the repository begins.
  for (const end of ["0482", "0481", "04"]) {
    const extension = Buffer.from(`060a2b0601040183bf30010c${end}`, "hex");
    const made = Buffer.concat([der.subarray(0, der.length - extension.length), extension]);
    assert.deepEqual(certificateIdentity(made), { identity: "release@example.org", issuer: "https://token.old" }, end);
  }
});

it("reads the signer from cosign's tag and from a bundle", () => {
  const version = `sha256:${"f".repeat(64)}`;
  const annotations = { "dev.sigstore.cosign/certificate": workflow };
  const cosign = { subject: version, tag: "sha256-f.sig", manifest: { layers: [{ annotations }] } };
  const rawBytes = new X509Certificate(workflow).raw.toString("base64");
  const artifactType = "application/vnd.dev.sigstore.bundle.v0.3+json";
  const claims = (verificationMaterial: object) => bundleClaims(Buffer.from(JSON.stringify({ verificationMaterial })));
  const bundle = {
    subject: version,
    manifest: { artifactType, layers: [] },
    bundle: claims({ certificate: { rawBytes } }),
  };
  const older = {
    ...bundle,
    bundle: claims({ x509CertificateChain: { certificates: [{ rawBytes }] } }),
  };
  const signaturesOf = (attachment: Parameters<typeof attachmentFacts>[2][number]) =>
    attachmentFacts(version, {}, [attachment], new Map()).signatures;
  const [tag, referrer] = [
    { attached: "tag", format: "cosign" } as const,
    { attached: "referrer", format: "sigstore" } as const,
  ];
  assert.deepEqual(signaturesOf(cosign), [{ ...tag, logged: false, ...ofWorkflow }]);
  assert.deepEqual(signaturesOf(bundle), [{ ...referrer, logged: false, ...ofWorkflow }]);
  assert.deepEqual(signaturesOf(older), [{ ...referrer, logged: false, ...ofWorkflow }]);
  assert.deepEqual(
    signaturesOf({ subject: version, manifest: bundle.manifest }),
    [referrer],
    "a bundle that was not read",
  );

  // With an entry in the transparency log.
  const entered = { ...annotations, "dev.sigstore.cosign/bundle": '{"SignedEntryTimestamp":""}' };
  const logged = { ...cosign, manifest: { layers: [{ annotations: entered }] } };
  assert.deepEqual(signaturesOf(logged), [{ ...tag, logged: true, ...ofWorkflow }]);
  const tlogEntries = [{ logIndex: "1" }];
  const loggedBundle = { ...bundle, bundle: claims({ certificate: { rawBytes }, tlogEntries }) };
  assert.deepEqual(signaturesOf(loggedBundle), [{ ...referrer, logged: true, ...ofWorkflow }]);
});
