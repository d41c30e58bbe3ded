import { serve } from "../../components/plugin/protocol.ts";
import { cloudAddress } from "./cloud-address.ts";
import { cloudflareKind } from "./cloudflare-kinds.ts";
import { emulatedProvider } from "./provider.ts";

serve(() => emulatedProvider({ name: "cloudflare", kind: cloudflareKind, functions: {}, importedId }, cloudAddress()));

/** A record is imported as `<zone>/<record>`, and keeps the second as its id. */
function importedId(type: string, id: string): string {
  return type === "cloudflare:index/dnsRecord:DnsRecord" ? id.slice(id.lastIndexOf("/") + 1) : id;
}
