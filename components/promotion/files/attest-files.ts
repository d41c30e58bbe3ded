import type { Context, FilesRequest, Outcome, PromoteRun } from "../run/request.ts";
import { joinLines } from "../text/join-lines.ts";
import { fileLine, parseFileLines } from "./plan.ts";
import { isProvable } from "./proof-path.ts";

/**
 * Signs files that were promoted before promotions were signed: a run that looks again at everything that is wanted, and brings to each mirror the proof
 * that it lacks. What has a proof keeps it. Staging is not asked, and nothing is removed.
 */
export async function attestFiles(
  request: FilesRequest,
  promote: PromoteRun<FilesRequest>,
  context: Context,
): Promise<Outcome> {
  const { signing } = request;
  if (signing === undefined) throw new Error("artifacts:signing is off: there is nothing to sign with");
  const lines = [...parseFileLines(request.files)]
    .filter(([path]) => isProvable(path))
    .map(([path, sha256]) => `~ ${fileLine(path, sha256)}`);
  const incomplete = Object.fromEntries(request.mirrors.map(({ name }) => [name, joinLines(lines)]));
  const asked: FilesRequest = { ...request, staging: "", signing: { ...signing, late: true } };
  return promote(asked, { request: asked, incomplete }, context);
}
