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
  return {
    additions: [() => [...start(copies, copyImage), ...start(retags, tagImage)]],
    removals:
      untags.length + removals.length === 0
        ? []
        : [() => start(untags, untagImage), () => start(removals, removePromotedImage)],
  };
}
