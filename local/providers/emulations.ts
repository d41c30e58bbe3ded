/** What differs between the emulated providers of the clouds. */
import type { Values } from "../cloud/inventory.ts";
import { awsFunctions } from "./aws-functions.ts";
import { awsKind } from "./aws-kinds.ts";
import { cloudflareKind } from "./cloudflare-kinds.ts";
import { gcpFunctions } from "./gcp-functions.ts";
import { gcpKind } from "./gcp-kinds.ts";
import type { Emulation } from "./provider.ts";

export const emulations: Readonly<Record<"gcp" | "aws" | "cloudflare", Emulation>> = {
  gcp: { name: "gcp", kind: gcpKind, functions: gcpFunctions },
  aws: { name: "aws", kind: awsKind, functions: awsFunctions, importedId: withoutRegion },
  cloudflare: { name: "cloudflare", kind: cloudflareKind, functions: {}, stored },
};

/** The import id of a resource in another region than the provider's is `<id>@<region>` (pulumi-aws 7, "Enhanced region support"). */
function withoutRegion(id: string): string {
  return id.replace(/@[a-z]+(-[a-z]+)+-\d+$/, "");
}

/** Cloudflare answers the flags of a CAA record as a number, whatever was sent. */
function stored(type: string, inputs: Values): Values {
  if (type !== "cloudflare:index/dnsRecord:DnsRecord" || inputs["data"] === undefined) return inputs;
  const data = inputs["data"] as Values;
  return data["flags"] === undefined ? inputs : { ...inputs, data: { ...data, flags: Number(data["flags"]) } };
}
