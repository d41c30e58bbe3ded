import { versionBefore } from "../../manifests/versions.ts";
import { tagsOf } from "./lines.ts";
import type { Copy } from "./plan.ts";
import type { ImagesRun } from "./run.ts";

/** The promoted version of the image right before a new digest, and where to read it. */
export function predecessor({ image, tags, digest }: Copy, run: ImagesRun) {
  const [canonical] = run.mirrors.values();
  const promoted = tagsOf(canonical?.lastKnown.present.get(image));
  const others = [...promoted].filter(([, other]) => other !== digest).map(([tag]) => tag);
  const tag = versionBefore(tags, others);
  if (tag === undefined) return undefined;
  const before = promoted.get(tag)!;
  const holders = [...run.mirrors.values()].filter(({ lastKnown }) => lastKnown.present.get(image)?.has(before));
  return { tag, digest: before, places: holders.map((mirror) => mirror.remote(image)) };
}
