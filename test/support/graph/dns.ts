import type { Declared } from "../../../local/graph/record-program.ts";

/** A value of a DNS record, and the resource that declares it. */
export interface DeclaredRecord {
  readonly resource: Declared;
  /** Without a final dot. */
  readonly name: string;
  readonly type: string;
  /** In the form of a zone file. */
  readonly value: string;
}

/** What the program declares of records, at Cloudflare, in Cloud DNS and in Route 53. */
export function declaredDnsRecords(resources: readonly Declared[]): readonly DeclaredRecord[] {
  return resources.flatMap((resource) => {
    const { type, inputs } = resource;
    const values = valuesOf(type, inputs);
    const name = String(inputs["name"]).replace(/\.$/, "");
    return values.map((value) => ({ resource, name, type: String(inputs["type"]), value }));
  });
}

function valuesOf(type: string, inputs: Declared["inputs"]): readonly string[] {
  switch (type) {
    case "cloudflare:index/dnsRecord:DnsRecord": {
      const data = inputs["data"] as { flags: number; tag: string; value: string } | undefined;
      return [data === undefined ? String(inputs["content"]) : `${data.flags} ${data.tag} "${data.value}"`];
    }
    case "gcp:dns/recordSet:RecordSet":
      return inputs["rrdatas"] as string[];
    case "aws:route53/record:Record":
      return inputs["records"] as string[];
    default:
      return [];
  }
}
