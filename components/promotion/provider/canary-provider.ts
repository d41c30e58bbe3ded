import { z } from "zod";
import { compareInputs } from "../../plugin/properties.ts";
import type { ResourceLog, ResourceProvider } from "../../plugin/protocol.ts";
import { awaitedResource, type Pause, realPause } from "./awaited-resource.ts";
import { type Canary, type CanaryFindings, probeCanary } from "./canary-probe.ts";

/** The resource type of a probed canary. */
export const probedCanaryType = "promotion:index:ProbedCanary";

/**
 * How long a run waits for the revision to be the one that answers, ms. Neither Cloud Run's traffic nor a load balancer changes at once
 * (documentation, "Rollbacks, gradual rollouts, and traffic migration"; "URL maps overview": some minutes for a new one).
 */
const patience = 10 * 60_000;

/** ms between rounds until it answers. The last is repeated. */
const pauses = [250, 500, 1_000, 2_000, 4_000, 8_000] as const;

/** Rounds in a row that must be right: while traffic moves, one may have been answered by the revision before. */
const rightRounds = 3;

/** Wrong rounds after which a revision is bad: an instance that has just started may find a mirror slow. */
const wrongRounds = 6;

/** What the provider needs beyond its log. */
interface CanaryDependencies {
  readonly probe: (canary: Canary, signal: AbortSignal) => Promise<CanaryFindings>;
  readonly pause: Pause;
}

const real: CanaryDependencies = { probe: probeCanary(), pause: realPause };

/** The provider of `ProbedCanary`: its creation, and each change, ends when the canary's new revision answers right. */
export function canaryProvider(
  log: Pick<ResourceLog, "status">,
  { probe, pause }: CanaryDependencies = real,
): ResourceProvider {
  const stop = new AbortController();
  return {
    ...awaitedResource(stop, { name: "a probed canary", does: "probes it", input: "revision" }),

    diff({ oldInputs, news }) {
      // Which image and file are asked for is no reason to ask again.
      const { image: _, file: __, ...before } = oldInputs;
      const { image: ___, file: ____, ...now } = news;
      return { changed: compareInputs(before, now) };
    },

    async create({ urn, inputs, preview }) {
      if (!preview) await answersRight(urn, schema.parse(inputs));
      return { id: preview ? "" : "canary", outputs: {} };
    },

    async update({ urn, inputs, preview }) {
      if (!preview) await answersRight(urn, schema.parse(inputs));
      return { outputs: {} };
    },
  };

  /** @throws Error if the revision answers wrong, or does not answer in time. */
  async function answersRight(urn: string, canary: Canary): Promise<void> {
    let [right, wrong, waited] = [0, 0, 0];
    for (let round = 0; right < rightRounds; round++) {
      const asked = performance.now();
      const answers = await probe(canary, stop.signal);
      stop.signal.throwIfAborted();
      waited += performance.now() - asked; // packets that are dropped take as long as the pauses
      right = answers.kind === "right" ? right + 1 : 0;
      wrong = answers.kind === "wrong" ? wrong + 1 : 0;
      if (answers.kind === "wrong" && wrong >= wrongRounds)
        throw new Error(
          `the new revision ${canary.revision} of the redirector answers wrong: ${answers.what}. ${kept}`,
        );
      if (answers.kind !== "right" && waited >= patience)
        throw new Error(
          `the new revision ${canary.revision} of the redirector does not answer ${answers.kind === "wrong" ? "right " : ""}after ${Math.round(waited / 1000)} s: ${answers.what}. ${kept}`,
        );
      if (answers.kind !== "right") void log.status(urn, `asking the new revision: ${answers.what}`);
      const ms = answers.kind === "right" ? pauses[0] : pauses[Math.min(round, pauses.length - 1)]!;
      if (right < rightRounds) await pause(ms, stop.signal);
      waited += ms;
    }
  }
}

const kept =
  "It serves its own region alone, the other regions keep theirs: correct it, or revert its commit, and run `pulumi up` (docs/operating.md)";

const schema = z.object({
  address: z.string().min(1),
  host: z.string().min(1),
  revision: z.string().transform((name) => name.slice(name.lastIndexOf("/") + 1)),
  image: z.string().optional(),
  file: z.string().optional(),
  imageMirrors: z.array(z.string()),
  fileMirrors: z.array(z.string()),
});
