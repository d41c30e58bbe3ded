import { serveProvider } from "../../components/plugin/protocol.ts";
import type { Values } from "../cloud/inventory.ts";
import { cloudAddress } from "./cloud-address.ts";
import { cloudflareKind } from "./cloudflare-kinds.ts";
import { emulatedProvider } from "./provider.ts";

serveProvider(() =>
  emulatedProvider({ name: "cloudflare", kind: cloudflareKind, functions: {}, stored }, cloudAddress()),
);

/** Cloudflare answers the flags of a CAA record as a number, whatever was sent. */
function stored(type: string, inputs: Values): Values {
  if (type !== "cloudflare:index/dnsRecord:DnsRecord" || inputs["data"] === undefined) return inputs;
  const data = inputs["data"] as Values;
  return data["flags"] === undefined ? inputs : { ...inputs, data: { ...data, flags: Number(data["flags"]) } };
}
