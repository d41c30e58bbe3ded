import assert from "node:assert/strict";
import { it } from "mocha";
import { certificateProblem, describeCertificate } from "../../../local/cloud/certificates.ts";
import { Delays } from "../../../local/cloud/delays.ts";
import type { DnsRecord } from "../../../local/cloud/dns.ts";
import { CloudInventory, type Resource, type Values } from "../../../local/cloud/inventory.ts";

const locations = "projects/p/locations/global";
const make = (type: string, id: string, inputs: Values, computed: Values = {}): Resource => ({
  type,
  id,
  inputs,
  computed,
  config: {},
});
const certificate = (name: string, domains: string[], dnsAuthorizations: string[] = []) =>
  make("gcp:certificatemanager/certificate:Certificate", `${locations}/certificates/${name}`, {
    managed: { domains, dnsAuthorizations },
  });
const entry = (name: string, inputs: Values) =>
  make(
    "gcp:certificatemanager/certificateMapEntry:CertificateMapEntry",
    `${locations}/certificateMaps/m/certificateMapEntries/${name}`,
    inputs,
  );
const authorization = make(
  "gcp:certificatemanager/dnsAuthorization:DnsAuthorization",
  `${locations}/dnsAuthorizations/d`,
  {},
  { dnsResourceRecords: [{ name: "_acme-challenge.a.org.", type: "CNAME", data: "x.goog." }] },
);
const proof: DnsRecord = { name: "_ACME-challenge.a.org", type: "CNAME", content: "x.goog" };
const proxy = (inputs: Values) => make("gcp:compute/targetHttpsProxy:TargetHttpsProxy", "t", { name: "t", ...inputs });
const withMap = proxy({ certificateMap: `//certificatemanager.googleapis.com/${locations}/certificateMaps/m` });

const inventoryOf = (parts: Resource[]) => new CloudInventory("never written", [...parts, authorization], {});

function problem(
  parts: Resource[],
  host: string,
  records: DnsRecord[] = [proof],
  at = withMap,
  delays = new Delays(),
): string | undefined {
  return certificateProblem(inventoryOf(parts), records, delays, at, host);
}

it("a host needs an entry in the map: its own, a wildcard's or the primary one", () => {
  const own = certificate("own", ["a.org"], [authorization.id]);
  const parts = [own, entry("e", { hostname: "a.org", certificates: [own.id] })];
  assert.equal(problem(parts, "a.org"), undefined);
  assert.equal(problem(parts, "b.org"), "target proxy t has no certificate for b.org");
  const wild = certificate("wild", ["*.c.org"]);
  const more = [wild, entry("w", { hostname: "*.c.org", certificates: [wild.id] })];
  assert.equal(problem(more, "x.c.org"), undefined);
  assert.match(problem(more, "x.y.c.org") ?? "", /no certificate/);
  const primary = [own, entry("p", { matcher: "PRIMARY", certificates: [own.id] })];
  assert.equal(problem(primary, "a.org"), undefined);
  assert.equal(problem(primary, "z.org"), "none of the certificates of target proxy t covers z.org");
});

it("a certificate is issued only if its DNS record exists", () => {
  const own = certificate("own", ["a.org"], [authorization.id]);
  const parts = [own, entry("e", { hostname: "a.org", certificates: [own.id] })];
  assert.match(
    problem(parts, "a.org", []) ?? "",
    /own is not issued: DNS has no CNAME _acme-challenge\.a\.org -> x\.goog$/,
  );
  assert.match(problem(parts, "a.org", [{ ...proof, content: "y.goog" }]) ?? "", /not issued/);
  const dangling = certificate("own", ["a.org"], [`${locations}/dnsAuthorizations/gone`]);
  assert.match(problem([dangling, parts[1]!], "a.org") ?? "", /its DNS authorization .*gone does not exist/);
});

it("uses the classic certificates of the proxy", () => {
  const classic = make(
    "gcp:compute/managedSslCertificate:ManagedSslCertificate",
    "projects/p/global/sslCertificates/s",
    { managed: { domains: ["a.org"] } },
  );
  const at = proxy({ sslCertificates: [`https://www.googleapis.com/compute/v1/${classic.id}`] });
  assert.equal(problem([classic], "a.org", [], at), undefined);
  assert.equal(problem([classic], "b.org", [], at), "none of the certificates of target proxy t covers b.org");
});

it("the issue of a certificate takes time: questions, once the proof is there", () => {
  const own = certificate("own", ["a.org"], [authorization.id]);
  const parts = [own, entry("e", { hostname: "a.org", certificates: [own.id] })];
  const delays = new Delays({ certificate: 2 });
  delays.begin("certificate", own.id);
  const url = new URL(`http://cloud/apis/certificatemanager/v1/${own.id}`);
  const state = (records: DnsRecord[]) => {
    const { managed } = describeCertificate(inventoryOf(parts), records, delays, url) as {
      managed: { state: string; provisioningIssue?: { reason: string } };
    };
    return `${managed.state} ${managed.provisioningIssue?.reason ?? ""}`.trim();
  };
  assert.equal(state([]), "PROVISIONING AUTHORIZATION_ISSUE");
  assert.equal(state([proof]), "PROVISIONING");
  assert.match(problem(parts, "a.org", [proof], withMap, delays) ?? "", /own is PROVISIONING$/);
  assert.equal(state([proof]), "PROVISIONING");
  assert.equal(problem(parts, "a.org", [proof], withMap, delays), undefined);
  assert.equal(state([proof]), "ACTIVE");
  const gone = new URL("http://cloud/apis/certificatemanager/v1/projects/p/locations/global/certificates/gone");
  assert.equal(describeCertificate(inventoryOf(parts), [proof], delays, gone), undefined);
});
