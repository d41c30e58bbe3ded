import type { Address } from "./address.ts";
import { type Behaviour, type CloudParts, ConflictError } from "./behaviours/behaviour.ts";
import type { CloudInventory, Resource, Values } from "./inventory.ts";

/** A record of the emulated DNS: at Cloudflare, in Cloud DNS, in Route 53, or entered by hand. */
export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  readonly content: string;
}

/** The type token of a DNS record. */
export const recordType = "cloudflare:index/dnsRecord:DnsRecord";

/** The type of a record that a person enters in a zone of their own. No program declares it. */
export const handEnteredType = "rehearsal:index:HandEnteredRecord";

/** `cloudflare:index/dnsRecord:DnsRecord`: ids are random; Cloudflare refuses a second record with the same content (error 81058). */
export function dnsRecord({ inventory }: CloudParts): Behaviour {
  const identity = ({ inputs }: Resource): string =>
    JSON.stringify([
      inputs["zoneId"],
      inputs["type"],
      String(inputs["name"]).toLowerCase(),
      inputs["content"],
      inputs["data"],
    ]);
  return {
    async create(record) {
      const same = inventory.list(recordType).find((other) => identity(other) === identity(record));
      if (same !== undefined) throw new ConflictError('{"code":81058,"message":"An identical record already exists."}');
      return {};
    },
  };
}

/** All DNS records. */
export function zoneRecords(inventory: CloudInventory): DnsRecord[] {
  return Object.entries(valuesOf).flatMap(([type, values]) =>
    inventory.list(type).flatMap(({ inputs }) =>
      values(inputs).map((value) => ({
        name: withoutFinalDot(String(inputs["name"])).toLowerCase(),
        type: String(inputs["type"]),
        content: withoutFinalDot(String(value ?? "")),
      })),
    ),
  );
}

/** The values in a resource of each type of records. */
const valuesOf: Readonly<Record<string, (inputs: Values) => readonly unknown[]>> = {
  [recordType]: (inputs) => [inputs["content"]],
  [handEnteredType]: (inputs) => [inputs["content"]],
  "gcp:dns/recordSet:RecordSet": (inputs) => inputs["rrdatas"] as readonly unknown[],
  "aws:route53/record:Record": (inputs) => inputs["records"] as readonly unknown[],
};

function withoutFinalDot(name: string): string {
  return name.endsWith(".") ? name.slice(0, -1) : name;
}

/**
 * Resolves `host:port`: follows CNAMEs to A and AAAA records, then to the load balancer with that address. Throws an error that names the
 * missing link.
 */
export function resolve(
  records: readonly DnsRecord[],
  addresses: readonly Address[],
  host: string,
  port: number,
): Address {
  let name = host.toLowerCase();
  for (let hops = 0; hops < 8; hops++) {
    const alias = records.find((record) => record.type === "CNAME" && record.name === name);
    if (alias === undefined) break;
    name = alias.content.toLowerCase();
  }
  const found = records.filter((record) => record.name === name && (record.type === "A" || record.type === "AAAA"));
  if (found.length === 0) throw new Error(`DNS: no A or AAAA record for ${name}`);
  const contents = found.map((record) => record.content);
  const at = addresses.find(({ address, addressPort }) => contents.includes(address) && addressPort === port);
  if (at === undefined) throw new Error(`Nothing listens on port ${port} of ${contents.join(", ")} (${host})`);
  return at;
}
