import assert from "node:assert/strict";
import { it } from "mocha";
import { Channel } from "../../../../components/promotion/blobs/channel.ts";

const chunk = (size: number, fill = 1) => Buffer.alloc(size, fill);

it("returns what was written, in order, and ends", async () => {
  const channel = new Channel();
  channel.write(chunk(3, 1));
  channel.write(chunk(0));
  channel.write(chunk(2, 2));
  channel.end();
  assert.deepEqual(Buffer.concat(await Array.fromAsync(channel)), Buffer.from([1, 1, 1, 2, 2]));
  assert.equal(channel.closed, true);
});

it("is full until its reader has read something", async () => {
  const channel = new Channel();
  while (!channel.full) channel.write(chunk(100_000));
  let hasRoom = false;
  const room = channel.room().then(() => {
    hasRoom = true;
  });
  await Promise.resolve();
  assert.equal(hasRoom, false);
  const reader = channel[Symbol.asyncIterator]();
  await reader.next();
  await room;
  assert.equal(channel.full, false);
});

it("throws an error at its reader instead of the rest", async () => {
  const channel = new Channel();
  channel.write(chunk(1));
  channel.fail(new Error("broken"));
  await assert.rejects(Array.fromAsync(channel), /broken/);
});

it("releases the writer when the reader has ended", async () => {
  const channel = new Channel();
  while (!channel.full) channel.write(chunk(100_000));
  const room = channel.room();
  channel.close();
  await room;
  channel.write(chunk(100_000));
  assert.deepEqual([channel.full, channel.closed], [false, true]);
});
