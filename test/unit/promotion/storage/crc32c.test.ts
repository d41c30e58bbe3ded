import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "mocha";
import { crc32c, encodeCrc32c } from "../../../../components/promotion/storage/crc32c.ts";

it("the examples of RFC 3720, section B.4", () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(ascending), 0x46dd794e);
  assert.equal(crc32c(ascending.toReversed()), 0x113fdb5c);
});

it("the check value of the algorithm, in the stores' form", () => {
  assert.equal(encodeCrc32c(crc32c(Buffer.from("123456789"))), "4waSgw==");
  assert.equal(encodeCrc32c(crc32c(new Uint8Array())), "AAAAAA==");
});

it("is equal in chunks and at once", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
      assert.equal(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at))), crc32c(bytes));
    }),
  );
});
