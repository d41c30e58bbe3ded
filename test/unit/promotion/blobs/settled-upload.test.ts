import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { settledUpload } from "../../../../components/promotion/blobs/settled-upload.ts";

const location = new URL("https://registry.example/v2/app/blobs/uploads/1");

describe("the offset to resume an upload from", () => {
  const cases: { what: string; sent: number; offsets: (number | undefined)[]; settled: boolean; pauses: number[] }[] = [
    { what: "all that was sent is there", sent: 9, offsets: [9], settled: true, pauses: [] },
    { what: "it has said the same twice", sent: 9, offsets: [5, 5], settled: true, pauses: [250] },
    { what: "it grows, then stands still", sent: 9, offsets: [1, 3, 5, 5], settled: true, pauses: [250, 500, 1_000] },
    { what: "it grows up to all that was sent", sent: 9, offsets: [1, 3, 9], settled: true, pauses: [250, 500] },
    {
      what: "it never stands still",
      sent: 9,
      offsets: [1, 2, 3, 4, 5],
      settled: false,
      pauses: [250, 500, 1_000, 2_000],
    },
    { what: "nothing has arrived", sent: 9, offsets: [0, 0], settled: true, pauses: [250] },
    { what: "the upload is unknown", sent: 9, offsets: [undefined], settled: true, pauses: [] },
    { what: "the upload is dropped meanwhile", sent: 9, offsets: [1, undefined], settled: true, pauses: [250] },
  ];
  for (const { what, sent, offsets, settled, pauses } of cases) {
    it(what, async () => {
      const answers = offsets.map((offset) => (offset === undefined ? undefined : { offset, location }));
      const last = answers.at(-1);
      const waited: number[] = [];
      const found = await settledUpload(
        sent,
        async () => {
          assert.ok(answers.length > 0, "asks no more than it has to");
          return answers.shift();
        },
        async (milliseconds) => void waited.push(milliseconds),
      );
      assert.deepEqual([found, waited, answers], [{ settled, status: last }, pauses, []]);
    });
  }
});
