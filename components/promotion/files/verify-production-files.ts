import { causeOf } from "../http/errors.ts";
import { CircuitBreaker } from "../run/circuit-breaker.ts";
import type { ProductionVerification, Unverified } from "../run/production-verification.ts";
import type { Context, FilesRequest } from "../run/request.ts";
import { severityInBucket } from "../storage/severity.ts";
import { currentRoots, noticeOf } from "../trust/tuf-roots.ts";
import { MirrorFiles, openBucket } from "./mirror-files.ts";
import { fileLine, parseFileLines } from "./plan.ts";
import { FileVerifier, withRefusals } from "./verify-files.ts";

/** Files whose bundles are in memory at the same time. */
const atOnce = 500;

/**
 * Verifies again a project's files, by the bundles and the signed lists that the canonical mirror has, under the policy that holds today: so a signer
 * that was taken out of the policy is found with all files that it signed. Files are verified by the manifest's digests. Reads only.
 * @param roots the roots that the verification rests on: that they are old is one of the failures.
 */
export async function verifyProductionFiles(
  request: FilesRequest,
  { signal }: Pick<Context, "signal">,
  roots: typeof currentRoots = currentRoots,
): Promise<ProductionVerification> {
  const { trust: policy, mirrors, prefix, project, storage } = request;
  const [canonical] = mirrors;
  if (policy === undefined || canonical === undefined) return { verified: 0, unverified: [], failures: [] };
  const bucket = openBucket(storage, canonical);
  const mirror = new MirrorFiles(bucket, prefix, new CircuitBreaker(severityInBucket), signal);
  const sources = (path: string) => [
    { bucket, isStaging: false, key: mirror.key(path), stat: () => mirror.stat(path) },
  ];
  const wanted = parseFileLines(request.files);
  const unverified: Unverified[] = [];
  const notice = await noticeOf(roots(policy.trustedRoot, policy.signers));
  const failures: string[] = notice === undefined ? [] : [notice];
  let verified = 0;
  const verify = async (verifier: FileVerifier, path: string): Promise<void> => {
    const line = fileLine(path, wanted.get(path)!);
    try {
      const { verdict, refusals } = await verifier.verify(path, policy);
      verified++;
      if (!verdict.satisfied) unverified.push({ line, missing: withRefusals(verdict.missing, refusals) });
    } catch (error) {
      signal.throwIfAborted();
      failures.push(`project ${project}, ${canonical.name}: ${line} cannot be verified: ${causeOf(error)}`);
    }
  };
  const newVerifier = () => new FileVerifier({ wanted, context: { signal }, request: { trust: policy }, sources });
  const all = newVerifier();
  const paths = [...wanted.keys()].filter((path) => all.covers(path));
  for (let at = 0; at < paths.length; at += atOnce) {
    // A verifier keeps what it has read.
    const verifier = newVerifier();
    await Promise.all(paths.slice(at, at + atOnce).map((path) => verify(verifier, path)));
  }
  unverified.sort((left, right) => (left.line < right.line ? -1 : 1));
  return { verified, unverified, failures: failures.sort() };
}
