import { proofSigner } from "../../components/promotion/catalogue/proof-signer.ts";
import type { SigningSettings } from "../../components/promotion/trust/signing-settings.ts";
import { proofCommands } from "../../redirector/catalogue/page/proof-commands.ts";

/** The command by which the catalogue's page verifies, with cosign, what the promotion signed; as words without the program's name. */
export async function pageCosignCommand(
  { host, repository, digest }: { readonly host: string; readonly repository: string; readonly digest: string },
  signing: SigningSettings,
): Promise<string[]> {
  const attestations = [{ attached: "referrer", predicateType: "https://slsa.dev/verification_summary/v1" }] as const;
  const version = { digest, tags: [], mediaType: "", platforms: [], signatures: [], attestations, sboms: [] };
  const shown = proofCommands({ host, project: "tool", repository }, version, await proofSigner(signing));
  const [line] = shown.flatMap(({ line: each }) => (each.startsWith("cosign ") ? [each] : []));
  // What is quoted has no blank in it.
  return (line ?? "")
    .split(" ")
    .slice(1)
    .map((word) => word.replaceAll("'", ""));
}
