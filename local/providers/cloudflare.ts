import { serve } from "../../components/plugin-protocol.ts";
import { cloudAddress } from "./cloud-address.ts";
import { cloudflareKind } from "./cloudflare-kinds.ts";
import { emulatedProvider } from "./provider.ts";

serve(() => emulatedProvider({ name: "cloudflare", kind: cloudflareKind, functions: {} }, cloudAddress()));
