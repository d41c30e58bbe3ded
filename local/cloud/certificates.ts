import type { Delays } from "./delays.ts";
import type { DnsRecord } from "./dns.ts";
import type { CloudInventory, Resource } from "./inventory.ts";
import { object, objects, texts } from "./values.ts";

const certificateType = "gcp:certificatemanager/certificate:Certificate";

/** Whether a new resource is a certificate, whose issue takes time. */
export function isManagedCertificate({ type, inputs }: Pick<Resource, "type" | "inputs">): boolean {
  return type === certificateType && inputs["managed"] !== undefined;
}

/**
 * Answers a GET of Certificate Manager's API, v1, `/apis/certificatemanager/v1/<name>`; undefined for another path or another certificate.
 * A certificate is issued once its proof is in the DNS, and some questions later.
 */
export function describeCertificate(
  inventory: CloudInventory,
  records: readonly DnsRecord[],
  delays: Delays,
  url: URL,
): object | undefined {
  const [, name] = /^\/apis\/certificatemanager\/v1\/(projects\/.+)$/.exec(url.pathname) ?? [];
  const found = name === undefined ? undefined : inventory.find(certificateType, name);
  if (found === undefined) return undefined;
  const domains = texts(object(found.inputs["managed"])["domains"]);
  const problem = missingProof(inventory, records, found);
  const issue = { reason: "AUTHORIZATION_ISSUE", details: problem };
  if (problem !== undefined) return { name, managed: { domains, state: "PROVISIONING", provisioningIssue: issue } };
  return { name, managed: { domains, state: delays.asked("certificate", found.id) ? "ACTIVE" : "PROVISIONING" } };
}

/**
 * Why a TLS handshake for a host would fail at a target HTTPS proxy; undefined if a certificate covers the host. A managed certificate counts as
 * issued if its DNS authorization's record exists, so a program without the record fails.
 */
export function certificateProblem(
  inventory: CloudInventory,
  records: readonly DnsRecord[],
  delays: Delays,
  proxy: Resource,
  host: string,
): string | undefined {
  const name = `target proxy ${String(proxy.inputs["name"])}`;
  const classic = texts(proxy.inputs["sslCertificates"]).map((id) => byId(inventory, id));
  const fromMap = certificatesOfMap(inventory, proxy.inputs["certificateMap"], host);
  const certificates = [...classic, ...fromMap].filter((certificate) => certificate !== undefined);
  if (certificates.length === 0) return `${name} has no certificate for ${host}`;
  const covering = certificates.filter((certificate) => domains(certificate).some((domain) => covers(domain, host)));
  if (covering.length === 0) return `none of the certificates of ${name} covers ${host}`;
  const problems = covering.map(
    (certificate) =>
      missingProof(inventory, records, certificate) ??
      (delays.holds("certificate", certificate.id) ? undefined : `certificate ${certificate.id} is PROVISIONING`),
  );
  return problems.includes(undefined) ? undefined : problems[0];
}

/** Selects the entry of the host itself, else the wildcard entry of its parent, else the primary one (Certificate Manager, "certificate selection"). */
function certificatesOfMap(inventory: CloudInventory, reference: unknown, host: string): (Resource | undefined)[] {
  if (typeof reference !== "string") return [];
  const map = reference.slice(Math.max(reference.indexOf("projects/"), 0));
  const entries = inventory
    .list("gcp:certificatemanager/certificateMapEntry:CertificateMapEntry")
    .filter(({ id }) => id.startsWith(`${map}/`));
  const entry =
    entries.find(({ inputs }) => inputs["hostname"] === host) ??
    entries.find(({ inputs }) => covers(String(inputs["hostname"] ?? ""), host)) ??
    entries.find(({ inputs }) => inputs["matcher"] === "PRIMARY");
  return texts(entry?.inputs["certificates"]).map((id) => byId(inventory, id));
}

function domains({ inputs, computed }: Resource): string[] {
  const managed = texts(object(inputs["managed"])["domains"]);
  return managed.length > 0 ? managed : texts(computed["sanDnsnames"] ?? computed["subjectAlternativeNames"]);
}

function missingProof(
  inventory: CloudInventory,
  records: readonly DnsRecord[],
  certificate: Resource,
): string | undefined {
  for (const id of texts(object(certificate.inputs["managed"])["dnsAuthorizations"])) {
    const authorization = byId(inventory, id);
    if (authorization === undefined) return `certificate ${certificate.id}: its DNS authorization ${id} does not exist`;
    for (const wanted of objects(authorization.computed["dnsResourceRecords"])) {
      const [name, data] = [normalName(String(wanted["name"])), normalName(String(wanted["data"]))];
      const found = records.some(
        (record) =>
          record.type === wanted["type"] && normalName(record.name) === name && normalName(record.content) === data,
      );
      if (!found)
        return `certificate ${certificate.id} is not issued: DNS has no ${String(wanted["type"])} ${name} -> ${data}`;
    }
  }
  return undefined;
}

function covers(domain: string, host: string): boolean {
  return domain === host || (domain.startsWith("*.") && domain.slice(1) === host.slice(host.indexOf(".")));
}

/** Normalizes a DNS name: lower case, no final dot (RFC 1034 section 3.1). */
function normalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

function byId(inventory: CloudInventory, reference: string): Resource | undefined {
  const id = reference.slice(Math.max(reference.indexOf("projects/"), 0));
  return inventory.list().find((resource) => resource.id === id);
}
