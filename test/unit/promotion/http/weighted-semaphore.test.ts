import assert from "node:assert/strict";
import { it } from "mocha";
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

it("work waits until there is enough, in the order in which it came", async () => {
  const budget = new WeightedSemaphore(10);
  const [six, seven, two] = [job(), job(), job()];
  const all = [budget.with(6, six.work), budget.with(7, seven.work), budget.with(2, two.work)];
  await settle();
  assert.deepEqual([six.began, seven.began, two.began], [true, false, false], "2 would fit, but does not overtake 7");
  six.end();
  await settle();
  assert.deepEqual([seven.began, two.began], [true, true]);
  seven.end();
  two.end();
  await Promise.all(all);
});

it("more than there is takes all there is", async () => {
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
  assert.deepEqual([large.began, small.began], [false, false]);
  jobs[3]!.end();
  await settle();
  assert.deepEqual([large.began, small.began], [true, false]);
  for (const one of [...jobs, large, small]) one.end();
  await Promise.all(all);
});
