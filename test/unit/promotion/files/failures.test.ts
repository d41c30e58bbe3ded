import assert from "node:assert/strict";
import { it } from "mocha";
import { FileFailures } from "../../../../components/promotion/files/failures.ts";
import { MirrorLost } from "../../../../components/promotion/files/mirror-files.ts";

it("a file fails at a mirror once, whatever else goes wrong with it there", () => {
  const failures = new FileFailures("kops", ["us", "eu"], new Map(), new AbortController().signal);
  const lost = new MirrorLost("nobody answers");
  assert.deepEqual(
    ["us", "us", "eu"].map((mirror) => failures.add(mirror, "a", lost)),
    [true, false, true],
  );
  failures.add("eu", "b", lost);
  failures.add("us", "c", new Error("refused"));
  failures.add("us", "c", new Error("something else"));
  assert.deepEqual([...failures.at("us")], ["a", "c"]);
  assert.deepEqual([...failures.at("nowhere")], []);
  assert.deepEqual(failures.lines(), [
    "project kops, file c, mirror us: refused",
    "project kops, mirror us: given up with 1 file to go: nobody answers",
    "project kops, mirror eu: given up with 2 files to go: nobody answers",
  ]);
});
