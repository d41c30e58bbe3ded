import type { SigningSettings } from "../../components/promotion/trust/signing-settings.ts";

/** How a stack signs with a private key in a file. */
export function keySigning(files: { readonly key: string; readonly policyFile: string }): SigningSettings {
  return {
    by: "key",
    fulcio: "",
    rekor: "",
    timestamps: "",
    identity: "",
    issuer: "",
    trustedRoot: "",
    host: "artifacts.example.org",
    repository: "example/artifacts",
    ...files,
  };
}
