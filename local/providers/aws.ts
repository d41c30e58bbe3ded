import { serveProvider } from "../../components/plugin/protocol.ts";
import { awsFunctions } from "./aws-functions.ts";
import { awsKind } from "./aws-kinds.ts";
import { cloudAddress } from "./cloud-address.ts";
import { emulatedProvider } from "./provider.ts";

serveProvider(() =>
  emulatedProvider({ name: "aws", kind: awsKind, functions: awsFunctions, importedId: withoutRegion }, cloudAddress()),
);

/** The import id of a resource in another region than the provider's is `<id>@<region>` (pulumi-aws 7, "Enhanced region support"). */
function withoutRegion(id: string): string {
  return id.replace(/@[a-z]+(-[a-z]+)+-\d+$/, "");
}
