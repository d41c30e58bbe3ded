import assert from "node:assert/strict";
import { it } from "mocha";
import { type ContentKind, type Phases, promotionOf } from "../../../../components/promotion/run/engine.ts";
import { GrantWaits } from "../../../../components/promotion/run/grant-waits.ts";
import { MirrorRun } from "../../../../components/promotion/run/mirror-run.ts";
import { PromotionRun } from "../../../../components/promotion/run/promotion-run.ts";
import type { Context, Progress } from "../../../../components/promotion/run/request.ts";
import type { PlacedRequest } from "../../../../components/promotion/run/unplaced-mirrors.ts";

interface Words extends PlacedRequest {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

const placed = { project: "p", removalShare: 1, mirrors: [{ name: "us" }] };

/** A kind of content that only says what is done. */
class WordsRun extends PromotionRun {
  readonly all = [new MirrorRun("us", () => "unrelated")];
  readonly words: Words;
  readonly said: string[];

  constructor(words: Words, context: Context, said: string[]) {
    super({ project: "p", mirrors: [{ name: "us" }] }, context, (word) => `word ${word}`);
    this.words = words;
    this.said = said;
    this.all[0]!.total = words.add.length + words.remove.length;
  }

  phases(): Phases {
    return {
      additions: [() => this.#steps(this.words.add, "add")],
      removals: this.words.remove.length === 0 ? [] : [() => this.#steps(this.words.remove, "remove")],
    };
  }
  differencesAt(): string {
    return "";
  }

  #steps(words: readonly string[], what: string): Promise<void>[] {
    return words.map(async (word) => {
      await Promise.resolve();
      this.context.signal.throwIfAborted();
      if (word === "crash") throw new Error("a mistake of ours");
      if (word === "bad") return this.stepFailed(this.all[0]!, word, new Error("bad word"));
      this.said.push(`${what} ${word}`);
      this.stepDone(this.all[0]!);
    });
  }
}

const cdn = { failing: 0 };
const reports: Progress[] = [];
const said: string[] = [];
const kind: ContentKind<Words, Words & { readonly errors: readonly string[] }, WordsRun> = {
  plan: (words) => ({ ...words, errors: words.add.filter((word) => word === "refused") }),
  start: (words, _plan, context) => new WordsRun(words, context, said),
  phases: (run) => run.phases(),
  preview: async (run) => ({ lines: run.words.add, errors: [], warnings: [] }),
  takeInventory: async () => ({ text: "", incomplete: {}, failures: [] }),
  lines: () => "",
  emptied: ({ add, remove, mirrors }) => ({ ...placed, mirrors, add: [], remove: [...add, ...remove] }),
  newMirrors: (_run, previous) =>
    previous
      ? []
      : [{ name: "new", address: "new", mayWrite: async () => said.push("asked whether it may write") > 0 }],
  purge: async ({ mirrors }) =>
    cdn.failing === mirrors.length ? [{ cdn: "https://cdn", line: "the CDN keeps it" }] : [],
};
const promotion = promotionOf(kind, new GrantWaits());

async function run(words: Pick<Words, "add" | "remove">, stop = new AbortController()) {
  said.length = 0;
  reports.length = 0;
  const context = {
    signal: stop.signal,
    report: (progress: Progress) => void reports.push(progress),
    beforeRemoval: async () => void said.push("before removal"),
  };
  return await promotion.promote({ ...placed, ...words }, undefined, context);
}

it("adds, then calls beforeRemoval, then removes", async () => {
  const outcome = await run({ add: ["a", "b"], remove: ["c"] });
  assert.deepEqual(said, ["add a", "add b", "before removal", "remove c"]);
  assert.deepEqual(outcome.failures, []);
  assert.equal(reports.at(-1)?.done, 3);
});

it("waits for the grants of new mirrors first, where they may be new", async () => {
  said.length = 0;
  const context = { signal: new AbortController().signal, report: () => {}, awaitGrants: () => {} };
  await promotion.promote({ ...placed, add: ["a"], remove: [] }, undefined, context);
  assert.deepEqual(said, ["asked whether it may write", "add a"]);
});

it("a CDN that cannot be purged is a warning, and no failure", async () => {
  cdn.failing = 1;
  const outcome = await run({ add: ["a"], remove: [] }).finally(() => {
    cdn.failing = 0;
  });
  assert.deepEqual([outcome.unpurged, outcome.failures], [[{ cdn: "https://cdn", line: "the CDN keeps it" }], []]);
  assert.equal((await run({ add: ["a"], remove: [] })).unpurged, undefined);
});

it("a project leaves mirrors after the others have all, also by a fill; a CDN there that cannot be purged is said", async () => {
  const request = { ...placed, unplaced: [{ name: "asia" }, { name: "eu" }], add: ["a"], remove: [] };
  const previous = { request, incomplete: { asia: "- x\n", eu: "- x\n" } };
  const context = { signal: new AbortController().signal, report: () => {} };
  said.length = 0;
  const waiting = await promotion.promote(request, { ...previous, isFilling: true }, context);
  assert.deepEqual([said, waiting.incomplete], [["add a"], previous.incomplete]);
  const shown = await promotion.preview(request, { ...previous, isFilling: true }, context);
  assert.match(shown.lines[0]!, /^remove the whole project \(1 line\) from asia, eu once the fill has ended/);
  cdn.failing = 2;
  const left = await promotion.promote(request, previous, context).finally(() => {
    cdn.failing = 0;
  });
  assert.deepEqual([left.incomplete, left.unpurged], [{}, [{ cdn: "https://cdn", line: "the CDN keeps it" }]]);
  assert.deepEqual(said, ["add a", "add a", "remove a"]);
});

it("what leaves a mirror stays there until redirectors know", async () => {
  const request = { ...placed, departureSeconds: 3_600, unplaced: [{ name: "asia" }], add: ["a"], remove: [] };
  const stop = new AbortController();
  const context = {
    signal: stop.signal,
    report: () => {},
    beforeRemoval: async () => {
      said.push("before removal");
      setImmediate(() => stop.abort(new Error("stopped")));
    },
  };
  said.length = 0;
  const { failures } = await promotion.promote(request, { request, incomplete: { asia: "- x\n" } }, context);
  assert.deepEqual(said, ["add a", "before removal"]);
  assert.deepEqual(failures, ["project p: stopped with 1 step to go; the next run resumes"]);
});

it("does not call beforeRemoval without removals", async () => {
  await run({ add: ["a"], remove: [] });
  assert.deepEqual(said, ["add a"]);
});

it("a failed step stops neither the others nor the removals", async () => {
  const outcome = await run({ add: ["bad", "b"], remove: ["c"] });
  assert.deepEqual(said, ["add b", "before removal", "remove c"]);
  assert.deepEqual(outcome.failures, ["project p, word bad, mirror us: bad word"]);
});

it("a plan's errors stop the run before its first step; an unexpected error is thrown when all steps have ended", async () => {
  await assert.rejects(run({ add: ["refused"], remove: [] }), /^Error: refused$/);
  assert.deepEqual(said, []);
  await assert.rejects(run({ add: ["crash", "b"], remove: ["c"] }), /a mistake of ours/);
  assert.deepEqual(said, ["add b"]);
});

it("a stopped run returns its progress, and removes nothing", async () => {
  const stop = new AbortController();
  stop.abort(new Error("stopped"));
  const outcome = await run({ add: ["a"], remove: ["c"] }, stop);
  assert.deepEqual(said, []);
  assert.deepEqual(outcome.failures, ["project p: stopped with 2 steps to go; the next run resumes"]);
});

it("removing a project is a run with an empty request", async () => {
  said.length = 0;
  const context = { signal: new AbortController().signal, report: () => {} };
  await promotion.remove({ request: { ...placed, add: ["a"], remove: [] }, incomplete: {} }, context);
  assert.deepEqual(said, ["remove a"]);
});
