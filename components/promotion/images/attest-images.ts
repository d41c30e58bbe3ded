import type { Context, ImagesRequest, Outcome, PromoteRun } from "../run/request.ts";
import { readImageLines } from "./lines.ts";

/**
 * Signs what was promoted before promotions were signed: a run that looks again at everything that is wanted, and brings to each mirror the proof that
 * it lacks. What has a proof keeps it. Staging is not asked, and nothing is removed.
 */
export async function attestImages(
  request: ImagesRequest,
  promote: PromoteRun<ImagesRequest>,
  context: Context,
): Promise<Outcome> {
  const { signing } = request;
  if (signing === undefined) throw new Error("artifacts:signing is off: there is nothing to sign with");
  const digests = [...readImageLines(request.images)].flatMap(([image, all]) =>
    [...all.keys()].map((digest) => `~ ${image}@${digest}\n`),
  );
  const incomplete = Object.fromEntries(request.mirrors.map(({ name }) => [name, digests.sort().join("")]));
  const asked: ImagesRequest = { ...request, staging: "", layerMirrors: [], signing: { ...signing, late: true } };
  return promote(asked, { request: asked, incomplete }, context);
}
