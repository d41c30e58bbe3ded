import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ReceiveRing } from "../../../../components/promotion/oci/receive-ring.ts";

test("what must be kept is never received into, whatever comes and however late it is read", () => {
  const read = fc.record({ bytes: fc.nat({ max: 1024 * 1024 }), isAlone: fc.boolean() });
  fc.assert(
    fc.property(fc.array(read, { maxLength: 40 }), (reads) => {
      const ring = new ReceiveRing();
      let kept: { view: Uint8Array; fill: number }[] = [];
      for (const [index, { bytes, isAlone }] of reads.entries()) {
        const room = ring.room();
        assert.ok(room.length >= 32 * 1024, "there is always some room");
        const count = Math.min(bytes, room.length);
        const fill = 1 + (index % 255);
        room.fill(0); // the system may write anywhere into it
        room.fill(fill, 0, count);
        if (isAlone) kept = [];
        kept.push({ view: room.subarray(0, count), fill });
        ring.received(room, count, isAlone);
        for (const { view, fill } of kept) assert.ok(view.every((byte) => byte === fill));
      }
    }),
    { numRuns: 100 },
  );
});

test("memory is used again when nothing must be kept, after answers and after whole reads", () => {
  for (const most of [300, Number.POSITIVE_INFINITY]) {
    const ring = new ReceiveRing();
    const memories = new Set<ArrayBufferLike>();
    for (let index = 0; index < 10_000; index++) {
      const room = ring.room();
      memories.add(room.buffer);
      ring.received(room, Math.min(most, room.length), true);
    }
    assert.equal(memories.size, 1);
  }
});
