import { serve } from "../../components/plugin/protocol.ts";
import { cloudAddress } from "./cloud-address.ts";
import { cloudflareKind } from "./cloudflare-kinds.ts";
import { emulatedProvider } from "./provider.ts";

serve(() => emulatedProvider({ name: "cloudflare", kind: cloudflareKind, functions: {}, importedId }, cloudAddress()));

/** The import id of a record is `<zone>/<record>`; its id is `<record>`. */
function importedId(type: string, id: string): string {
  return type === "cloudflare:index/dnsRecord:DnsRecord" ? id.slice(id.lastIndexOf("/") + 1) : id;
}
