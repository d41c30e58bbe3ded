import { serveProvider } from "../../components/plugin/protocol.ts";
import { cloudAddress } from "./cloud-address.ts";
import { gcpFunctions } from "./gcp-functions.ts";
import { gcpKind } from "./gcp-kinds.ts";
import { emulatedProvider } from "./provider.ts";

serveProvider(() => emulatedProvider({ name: "gcp", kind: gcpKind, functions: gcpFunctions }, cloudAddress()));
