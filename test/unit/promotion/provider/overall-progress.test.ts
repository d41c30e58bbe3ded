import assert from "node:assert/strict";
import { it } from "mocha";
import { overallProgress } from "../../../../components/promotion/provider/overall-progress.ts";
import { sumOf } from "../../../../components/promotion/run/mirror-run.ts";

it("one line for all promotions: the first after ten seconds, then one every half minute, the last with the final counts", () => {
  const lines: string[] = [];
  let time = 0;
  const report = overallProgress(
    (line) => lines.push(line),
    () => time,
  );
  const at = (seconds: number, run: string, us: number, eu: number, total: number): void => {
    time = seconds * 1_000;
    const mirror = (name: string, done: number) => ({ name, done, total, failed: 0, bytes: done * 1024 * 1024 });
    report(run, sumOf([mirror("us", us), mirror("eu", eu)]));
  };
  at(0, "a", 0, 0, 10);
  at(5, "b", 1, 0, 100);
  at(11, "a", 5, 1, 10);
  at(11.5, "a", 6, 1, 10); // within a second of the last sum
  at(30, "b", 20, 10, 100);
  at(42, "b", 60, 30, 100);
  at(50, "b", 90, 90, 100);
  at(60, "a", 10, 10, 10);
  at(61, "b", 100, 100, 100);
  assert.deepEqual(lines, [
    "7 of 220, 7.0 MiB, 651.6 KiB/s, about 6 min left; us 6/110, eu 1/110",
    "97 of 220, 97.0 MiB, 2.3 MiB/s, about 53 s left; us 66/110, eu 31/110",
    "220 of 220, 220.0 MiB, 3.6 MiB/s; us 110/110, eu 110/110",
  ]);
});
