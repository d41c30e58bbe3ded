import { serveProvider } from "../../components/plugin/protocol.ts";
import { cloudAddress } from "./cloud-address.ts";
import { emulations } from "./emulations.ts";
import { emulatedProvider } from "./provider.ts";

serveProvider(() => emulatedProvider(emulations.cloudflare, cloudAddress()));
