import assert from "node:assert/strict";
import { it } from "mocha";
import { inShare } from "../../../../components/promotion/http/fair-share.ts";
import { WeightedSemaphore } from "../../../../components/promotion/http/weighted-semaphore.ts";

/** Work that ends when it is told to. */
function job(): { work: () => Promise<void>; end: () => void; began: boolean } {
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const self = {
    began: false,
    end: () => end(),
    work: () => {
      self.began = true;
      return ended;
    },
  };
  return self;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("work of one share waits until there is enough: small before large, else in the order in which it came", async () => {
  const budget = new WeightedSemaphore(10); // 1 of them is the lane for what is new
  const [six, seven, eight, two] = [job(), job(), job(), job()];
  const all = [
    budget.with(6, six.work),
    budget.with(7, seven.work),
    budget.with(8, eight.work),
    budget.with(2, two.work),
  ];
  await settle();
  assert.deepEqual([six.began, seven.began, eight.began, two.began], [true, false, false, true]);
  six.end();
  await settle();
  assert.deepEqual([seven.began, eight.began], [true, false]);
  two.end();
  await settle();
  assert.equal(eight.began, false);
  seven.end();
  await settle();
  assert.equal(eight.began, true);
  eight.end();
  await Promise.all(all);
});

it("shares take turns; one that holds nothing comes first, in the lane that is kept free for it", async () => {
  const budget = new WeightedSemaphore(8);
  const [fill, other, fresh] = [{}, {}, {}];
  const order: string[] = [];
  const ends: (() => void)[] = [];
  const start = (share: object, name: string): Promise<void> =>
    inShare(share, () =>
      budget.with(1, async () => {
        order.push(name);
        await new Promise<void>((resolve) => ends.push(resolve));
      }),
    );
  const all = Array.from({ length: 100 }, (_, index) => start(fill, `fill ${index}`));
  await settle();
  assert.equal(order.length, 7, "an eighth is never a fill's");
  all.push(start(fresh, "fresh"));
  await settle();
  assert.deepEqual(order.splice(0), [...[0, 1, 2, 3, 4, 5, 6].map((index) => `fill ${index}`), "fresh"]);
  all.push(...["a", "b"].map((name) => start(other, name)), start(fresh, "fresh too"));
  for (let index = 0; index < 5; index++) {
    ends.shift()!();
    await settle();
  }
  // The first to end gives the lane back, and to the share that holds nothing.
  assert.deepEqual(order.splice(0), ["a", "fill 7", "fresh too", "b"]);
  while (order.length < 92) {
    ends.shift()?.();
    await settle();
  }
  for (const end of ends) end();
  await Promise.all(all);
});

it("more than there is takes all that one share may have", async () => {
  const budget = new WeightedSemaphore(10);
  assert.equal(await budget.with(1_000, async () => "done"), "done");
  assert.equal(await budget.with(10, async () => "again"), "again");
});

it("work that fails gives back what it took", async () => {
  const budget = new WeightedSemaphore(1);
  await assert.rejects(
    budget.with(1, async () => {
      throw new Error("no");
    }),
    /no/,
  );
  assert.equal(await budget.with(1, async () => "done"), "done");
});

it("grows while work waits for it and it may, as far as it may, and not for what needs more", async () => {
  let mayGrow = false;
  const budget = new WeightedSemaphore(2, { most: 5, mayGrow: () => mayGrow });
  const jobs = Array.from({ length: 7 }, job);
  const all = jobs.map(({ work }) => budget.with(1, work));
  const began = () => jobs.filter((one) => one.began).length;
  await settle();
  assert.equal(began(), 2);
  jobs[0]!.end();
  await settle();
  assert.equal(began(), 3);
  mayGrow = true;
  jobs[1]!.end();
  await settle();
  assert.equal(began(), 7, "two have ended, five are under way");
  const [large, small] = [job(), job()];
  all.push(budget.with(2, large.work), budget.with(1, small.work));
  await settle();
  assert.deepEqual([large.began, small.began], [false, false], "no more than 5");
  jobs[2]!.end();
  await settle();
  assert.deepEqual([large.began, small.began], [false, true], "small before large");
  jobs[3]!.end();
  await settle();
  assert.equal(large.began, false);
  jobs[4]!.end();
  await settle();
  assert.equal(large.began, true);
  for (const one of [...jobs, large, small]) one.end();
  await Promise.all(all);
});
