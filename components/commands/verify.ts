import { readFile, stat } from "node:fs/promises";
import { Command } from "@commander-js/extra-typings";
import { proofPath } from "../promotion/files/proof-path.ts";
import { causeOf } from "../promotion/http/errors.ts";
import { WeightedSemaphore } from "../promotion/http/weighted-semaphore.ts";
import type { VerificationDependencies } from "../promotion/images/verify-attachments.ts";
import { verifyReference } from "../promotion/images/verify-reference.ts";
import { digestOf, isDigest } from "../promotion/oci/digest.ts";
import { repositoryAt } from "../promotion/oci/repository.ts";
import { Transport } from "../promotion/oci/transport.ts";
import { attachmentMemory } from "../promotion/run/limits.ts";
import { digestSource, tagSource } from "../promotion/text/oci-grammar.ts";
import { printable } from "../promotion/text/printable.ts";
import { bundlesIn } from "../promotion/trust/bundles-in.ts";
import { isTrusted, keysOf, type SignerRule, type TrustPolicy } from "../promotion/trust/policy.ts";
import { RefusedError } from "../promotion/trust/refused.ts";
import { printVerified } from "../promotion/trust/report.ts";
import { type Roots, readRoots } from "../promotion/trust/roots.ts";
import { printSigner } from "../promotion/trust/signer.ts";
import { currentRoots } from "../promotion/trust/tuf-roots.ts";
import { largestBundle, type Signed, type Verified, verifyBundle } from "../promotion/trust/verify-bundle.ts";
import { asking, CommandError, UsageError } from "./command.ts";
import { interruptible } from "./interruptible.ts";
import { printError, printJson, printResult } from "./output.ts";
import { repeated } from "./repeated.ts";
import { traceDescription, traceIfAsked } from "./trace-option.ts";

/** `artifacts verify`. */
export const verifyCommand = new Command("verify")
  .summary("verify who signed an image or a file")
  .description(
    "Verifies that somebody signed an image or a file, or made statements about it, with the code that the promotion uses: certificate, time, transparency log, signature, and that it is about this content. Exit code 1: it is not verified, with the reason.",
  )
  .argument("<image-or-file>", "HOST/NAME:TAG or HOST/NAME@sha256:..., or the path of a file")
  .option(
    "--bundle <file>",
    "the Sigstore bundle, or several, one a line; default for a file FILE.sigstore.json and FILE.promotion.sigstore.json, for an image what is attached",
  )
  .option("--key <file>", "signed with this public key (PEM)")
  .option("--identity <identity>", "signed by this identity, with --issuer; * stands for any characters")
  .option("--issuer <url>", "who vouches for the identity, e.g. https://token.actions.githubusercontent.com")
  .option("--type <predicate>", "an attestation of this predicate type must be there (may be repeated)", repeated, [])
  .option("--trusted-root <file>", "the roots of a private Sigstore (trusted_root.json); default the public instance's")
  .option("--trace", traceDescription)
  .option("--json", "one JSON document: {digest, verified, signed: [text], reasons: [text]}")
  .action(async (what, values) => {
    traceIfAsked(values.trace);
    const signers = [await signerOf(values)];
    const roots = await rootsOf(values.trustedRoot, signers);
    const policy: TrustPolicy = { mode: "require", signers, predicates: values.type };
    const isFile = (await stat(what).catch(() => undefined))?.isFile() === true;
    const found = isFile
      ? await verifyFile(what, values.bundle, policy, roots)
      : await verifyImage(what, values.bundle, policy, roots);
    const { digest, verified, refusals } = found;
    const missing = missingOf(policy, verified);
    const by = verified.filter(({ signer }) => isTrusted(signer, signers)).map(printVerified);
    const name = printable(what, 300);
    const reasons = missing.length === 0 ? [] : [...missing, ...refusals];
    printJson({ digest, verified: missing.length === 0, signed: by, reasons });
    for (const line of new Set(by)) printResult(line);
    if (missing.length > 0) throw new CommandError(`${name} is not verified: ${reasons.join("; ")}`);
    printResult(`${name}: verified, ${digest}`);
  });

interface Found {
  readonly digest: string;
  /** What was verified, whoever signed it. */
  readonly verified: readonly Verified[];
  /** Why what was found counts for nothing. */
  readonly refusals: readonly string[];
}

async function verifyFile(path: string, bundle: string | undefined, policy: TrustPolicy, roots: Roots): Promise<Found> {
  const content = await readFile(path);
  const digest = digestOf(content);
  const beside = [`${path}.sigstore.json`, proofPath(path)];
  const there = await Promise.all(
    beside.map(async (file) => ((await stat(file).catch(() => undefined))?.isFile() ? [file] : [])),
  );
  const files = bundle === undefined ? there.flat() : [bundle];
  if (files.length === 0)
    throw new CommandError(
      `${printable(path, 300)} has no bundle beside it: neither ${beside.map((file) => printable(file, 300)).join(" nor ")}`,
    );
  const found = await Promise.all(
    files.map(async (file) => {
      const one = verifyOne({ content }, digest, await given("the bundle", file), policy, roots);
      return {
        ...one,
        refusals: files.length === 1 ? one.refusals : one.refusals.map((why) => `${printable(file, 300)}: ${why}`),
      };
    }),
  );
  return {
    digest,
    verified: found.flatMap(({ verified }) => verified),
    refusals: found.flatMap(({ refusals }) => refusals),
  };
}

async function verifyImage(
  reference: string,
  bundle: string | undefined,
  policy: TrustPolicy,
  roots: Roots,
): Promise<Found> {
  const { uri, version } = parseReference(reference);
  if (bundle !== undefined && !isDigest(version))
    throw new UsageError("--bundle with an image needs the image's digest: HOST/NAME@sha256:...");
  if (bundle !== undefined)
    return verifyOne({ digest: version }, version, await given("the bundle", bundle), policy, roots);
  const dependencies: VerificationDependencies = { roots, memory: new WeightedSemaphore(attachmentMemory) };
  const transport = new Transport();
  try {
    const found = await interruptible((signal) =>
      asking(uri, () =>
        verifyReference({ transport, repository: repositoryAt(uri), signal }, version, policy, dependencies),
      ),
    );
    if (found === undefined) throw new CommandError(`there is no ${printable(reference, 300)}`);
    const { attachments } = found.verification;
    return {
      digest: found.digest,
      verified: attachments.flatMap(({ verified }) => verified),
      refusals: [...new Set(attachments.flatMap(({ refusals }) => refusals))],
    };
  } finally {
    await transport.close();
  }
}

function verifyOne(signed: Signed, digest: string, bundle: Buffer, policy: TrustPolicy, roots: Roots): Found {
  const verified: Verified[] = [];
  const refusals: string[] = [];
  for (const one of bundle.length > largestBundle ? [bundle] : bundlesIn(bundle.toString("utf8"))) {
    try {
      verified.push(verifyBundle(one, signed, { roots, keys: keysOf(policy) }));
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      refusals.push(error.message);
    }
  }
  return { digest, verified, refusals };
}

/** What was asked for and nothing proves. */
function missingOf({ signers, predicates }: TrustPolicy, verified: readonly Verified[]): string[] {
  const trusted = verified.filter(({ signer }) => isTrusted(signer, signers));
  const others = new Set(verified.map(({ signer }) => printSigner(signer)));
  if (trusted.length === 0 && others.size > 0) return [`it is signed by ${[...others].slice(0, 3).join(", ")}`];
  if (trusted.length === 0) return ["nothing that is verified signs it"];
  return predicates
    .filter((predicate) => !trusted.some(({ statement }) => statement?.predicateType === predicate))
    .map((predicate) => `it has no attestation of type ${printable(predicate, 200)} by this signer`);
}

async function signerOf(values: {
  readonly key?: string;
  readonly identity?: string;
  readonly issuer?: string;
}): Promise<SignerRule> {
  const { key, identity, issuer } = values;
  if (key !== undefined && identity === undefined && issuer === undefined)
    return { key: (await given("the key", key)).toString("utf8") };
  if (key === undefined && identity !== undefined && issuer !== undefined)
    return identity.includes("*") ? { identityPattern: identity, issuer } : { identity, issuer };
  throw new UsageError("say who must have signed: --key FILE, or --identity IDENTITY and --issuer URL");
}

async function rootsOf(file: string | undefined, signers: readonly SignerRule[]): Promise<Roots> {
  if (file === undefined) {
    const { roots, notice } = await currentRoots("", signers);
    if (notice !== undefined) printError(notice);
    return roots;
  }
  const text = (await given("the trusted root", file)).toString("utf8");
  try {
    return readRoots(text);
  } catch (error) {
    throw new CommandError(`${file}: ${causeOf(error)}`);
  }
}

async function given(what: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new CommandError(`${what} cannot be read: ${causeOf(error)}`);
  }
}

function parseReference(text: string): { readonly uri: string; readonly version: string } {
  const [, uri, tag, digest] = referencePattern.exec(text) ?? [];
  const version = digest ?? tag;
  if (uri === undefined || version === undefined)
    throw new CommandError(
      `${printable(text, 300)} is neither a file nor an image: write HOST/NAME:TAG or HOST/NAME@sha256:...`,
    );
  return { uri, version };
}

const referencePattern = new RegExp(`^([^\\s@]+?/[^\\s:@]+)(?::(${tagSource}))?(?:@(${digestSource}))?$`);
