import { imageName } from "../../../redirector/object-paths.ts";
import { causeOf } from "../http/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { repositoryAt } from "../oci/repository.ts";
import { listTags } from "../oci/tags.ts";
import type { ProductionVerification, Unverified } from "../run/production-verification.ts";
import type { Context, ImagesRequest } from "../run/request.ts";
import type { Dependencies } from "./dependencies.ts";
import { readImageLines } from "./lines.ts";
import { verifyPresent } from "./verify-reference.ts";

/**
 * Verifies again what the canonical mirror has of a project's images, under the policy that holds today: so a signer that was taken out of the
 * policy is found with all that it signed. Reads only.
 */
export async function verifyProduction(
  request: ImagesRequest,
  { transport, limit, roots, attachmentMemory }: Dependencies,
  { signal }: Context,
): Promise<ProductionVerification> {
  const { trust: policy, mirrors, prefix, project } = request;
  const [canonical] = mirrors;
  if (policy === undefined || canonical === undefined) return { verified: 0, unverified: [], failures: [] };
  const unverified: Unverified[] = [];
  const failures: string[] = [];
  let verified = 0;
  const failed = (what: string, error: unknown) => {
    signal.throwIfAborted();
    failures.push(`project ${project}, ${canonical.name}: ${what} cannot be verified: ${causeOf(error)}`);
  };
  // The rest of the audit is not lost for roots that are refused.
  const rooted = roots(policy.trustedRoot, policy.signers);
  const current = await rooted.catch((error: unknown) => failed("its images", error));
  if (current === undefined) return { verified, unverified, failures };
  if (current.notice !== undefined) failures.push(current.notice);
  const dependencies = { roots: current.roots, memory: attachmentMemory };
  await Promise.all(
    [...readImageLines(request.images)].map(async ([image, digests]) => {
      const at = { transport, repository: repositoryAt(canonical.repository, imageName(prefix, image)), signal };
      const tags = await listTags(at).catch((error: unknown) => failed(image, error));
      if (tags === undefined || tags.unknown) return;
      const one = async (digest: Digest) => {
        try {
          const { verdict } = await verifyPresent(at, digest, policy, dependencies, tags);
          verified++;
          if (!verdict.satisfied) unverified.push({ line: `${image}@${digest}`, missing: verdict.missing });
        } catch (error) {
          failed(`${image}@${digest}`, error);
        }
      };
      await Promise.all([...digests.keys()].map((digest) => limit(() => one(digest))));
    }),
  );
  unverified.sort((left, right) => (left.line < right.line ? -1 : 1));
  return { verified, unverified, failures: failures.sort() };
}
