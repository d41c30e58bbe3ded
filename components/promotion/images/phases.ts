import { inShare } from "../http/fair-share.ts";
import type { Phases } from "../run/engine.ts";
import { copyImage } from "./copy-image.ts";
import { removePromotedImage } from "./remove-image.ts";
import type { ImagesRun } from "./run.ts";
import { tagImage, untagImage } from "./tag-image.ts";

/** The steps of a run: copies and tags, then tags that go, then digests that go. */
export function imagePhases(run: ImagesRun): Phases {
  const { copies, retags, untags, removals } = run.plan;
  const start = <Step>(steps: readonly Step[], work: (step: Step, run: ImagesRun) => Promise<void>): Promise<void>[] =>
    steps.map((step) => run.dependencies.limit(() => work(step, run)));
  const fresh = copies.filter(({ holders }) => holders.length === 0);
  const known = copies.filter(({ holders }) => holders.length > 0);
  return {
    additions: [
      () => [
        ...start(fresh, copyImage),
        ...start(retags, tagImage),
        ...inShare(run.filling, () => start(known, copyImage)),
      ],
    ],
    removals:
      untags.length + removals.length === 0
        ? []
        : [() => start(untags, untagImage), () => start(removals, removePromotedImage)],
  };
}
