import { createHash } from "node:crypto";
import pLimit from "p-limit";
import { fileKey, objectPath } from "../../../redirector/object-paths.ts";
import { openedOnce } from "../trust/opened-once.ts";
import { isOwnProof } from "../trust/own-proof.ts";
import type { SignerRule } from "../trust/policy.ts";
import { promotionCircumstances } from "../trust/promotion-circumstances.ts";
import { summaryType, summaryWithRecord } from "../trust/promotion-statements.ts";
import { signProof } from "../trust/sign-proof.ts";
import type { SigningSettings } from "../trust/signing-settings.ts";
import type { StatementSigner } from "../trust/statement-signer.ts";
import { currentRoots } from "../trust/tuf-roots.ts";
import { isAbout, type Trust } from "../trust/verify-bundle.ts";
import type { FileVerification } from "./verify-files.ts";

/** A file whose promotion is proven. */
interface ToProve {
  readonly path: string;
  /** Hex. */
  readonly sha256: string;
  readonly request: { readonly project: string; readonly prefix: string; readonly staging: string };
  readonly settings: SigningSettings;
  /** What mirrors have in the proof's place, the canonical one's first. */
  found(): AsyncIterable<Buffer>;
  /** What the project's policy says; asked only if something is signed. */
  verify(): Promise<(FileVerification & { readonly builtByNamed: boolean }) | undefined>;
}

/** A proof, and its hex digest. */
export interface FileProof {
  readonly bytes: Buffer;
  readonly sha256: string;
}

/**
 * The promotion's own proof of a file, a Sigstore bundle: one that a mirror has, else a new one, so that a run which was stopped is completed with the
 * proof that it left. Where nothing is signed, what the signer of today did not sign is kept: an earlier key may have.
 * @param maySign false: nothing is signed.
 * @param open opens the settings' signer.
 * @throws Error if it cannot be signed, or if another identity than the settings' signs it: then the file is promoted nowhere.
 */
export async function fileProofOf(
  what: ToProve,
  maySign: boolean,
  open: OpenSigner = openSigner,
): Promise<FileProof | undefined> {
  const { settings, sha256 } = what;
  const resourceUri = resourceUriOf(what);
  let kept: Buffer | undefined;
  for await (const bytes of what.found()) {
    // What is carried on needs no signer: without Cloud KMS its rule is unknown, and what is there is kept.
    const opened = await opening(open, settings, maySign);
    if (opened) {
      const { rule } = opened;
      const wanted = { digest: `sha256:${sha256}`, predicateType: summaryType, resourceUri, rule };
      if (isOwnProof(bytes, wanted, await trustOf(settings, rule))) return proofIn(bytes);
    }
    if (isAbout(bytes, `sha256:${sha256}`)) kept ??= bytes;
  }
  if (!maySign) return kept && proofIn(kept);
  return await atOnce(async () => {
    const [statement, signer] = await Promise.all([statementOf(what, resourceUri), open(settings)]);
    return proofIn(await signProof(signer, statement, `sha256:${sha256}`, await trustOf(settings, signer.rule)));
  });
}

type OpenSigner = (settings: SigningSettings) => Promise<StatementSigner>;

async function opening(
  open: OpenSigner,
  settings: SigningSettings,
  isNeeded: boolean,
): Promise<StatementSigner | undefined> {
  if (isNeeded) return await open(settings);
  return await open(settings).catch(() => undefined);
}

/** What this signer's proofs are verified with. */
async function trustOf({ trustedRoot }: SigningSettings, rule: SignerRule): Promise<Trust> {
  const { roots } = await currentRoots(trustedRoot, [rule]);
  return { roots, keys: "key" in rule ? [rule.key] : [] };
}

function proofIn(bytes: Buffer): FileProof {
  return { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

async function statementOf(what: ToProve, resourceUri: string): Promise<object> {
  const { path, sha256, request, settings } = what;
  const [found, circumstances] = await Promise.all([what.verify(), promotionCircumstances(settings)]);
  const inputs = found?.bundles ?? new Map<string, string>();
  return summaryWithRecord({
    ...circumstances,
    resourceUri,
    digests: [`sha256:${sha256}`],
    source: request.staging === "" ? "" : `gs://${request.staging}/${path}`,
    tags: [],
    project: request.project,
    time: new Date(),
    verdict: found?.verdict,
    builtByNamed: found?.builtByNamed ?? false,
    attestations: [...inputs].map(([bundle, hex]) => ({ uri: resourceUriOf({ ...what, path: bundle }), sha256: hex })),
  });
}

/** What users download. */
function resourceUriOf({ path, request, settings }: Pick<ToProve, "path" | "request" | "settings">): string {
  return `https://${settings.host}${objectPath(fileKey(request.prefix, path))}`;
}

const openSigner = openedOnce();
/** Signatures at the same time: each may ask an authority, a log and a key service. */
const atOnce = pLimit(8);
