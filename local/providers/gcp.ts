import { serve } from "../../components/plugin/protocol.ts";
import { cloudAddress } from "./cloud-address.ts";
import { gcpFunctions } from "./gcp-functions.ts";
import { gcpKind, projectNumber } from "./gcp-kinds.ts";
import { emulatedProvider } from "./provider.ts";

serve(() => emulatedProvider({ name: "gcp", kind: gcpKind, functions: gcpFunctions, importedId }, cloudAddress()));

/** The import id of a service or an objective has the project's id or number; its id has the number. */
function importedId(type: string, id: string): string {
  if (!/^gcp:monitoring\/(customService|slo):/.test(type)) return id;
  return id.replace(/^projects\/[^/]+\//, `projects/${projectNumber}/`);
}
