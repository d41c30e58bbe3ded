import assert from "node:assert/strict";
import { it } from "mocha";
import { clientAddress } from "../../../../redirector/client/client-address.ts";
import { sliceOf, textOf } from "../../../../redirector/http1/byte-slice.ts";

const rows: [string | undefined, number, string | undefined][] = [
  ["1.1.1.1,10.0.0.1", 1, "1.1.1.1"],
  ["1.1.1.1, 10.0.0.1", 1, "1.1.1.1"],
  ["9.9.9.9,1.1.1.1,10.0.0.1", 1, "1.1.1.1"],
  ["9.9.9.9,1.1.1.1,10.0.0.2,10.0.0.1", 2, "1.1.1.1"],
  ["1.1.1.1", 0, "1.1.1.1"],
  ["9.9.9.9,1.1.1.1", 0, "1.1.1.1"],
  ["1.1.1.1", 1, undefined],
  ["1.1.1.1,2.2.2.2", 2, undefined],
  [",10.0.0.1", 1, undefined],
  [",", 1, undefined],
  [",,", 1, undefined],
  ["a,,10.0.0.1", 1, undefined],
  [" ,10.0.0.1", 1, undefined],
  ["", 1, "peer"],
  [undefined, 1, "peer"],
  ["1.1.1.1:8080,10.0.0.1", 1, "1.1.1.1"],
  ["[2001:db8::1]:8080,10.0.0.1", 1, "2001:db8::1"],
  ["[2001:db8::1],10.0.0.1", 1, "2001:db8::1"],
  ["2001:db8::1,10.0.0.1", 1, "2001:db8::1"],
  ["[2001:db8::1,10.0.0.1", 1, "[2001:db8::1"],
];

for (const [header, hops, expected] of rows) {
  it(`${JSON.stringify(header)} with ${hops} trusted hops: ${expected}`, () => {
    const given = header === undefined ? undefined : sliceOf(header);
    // As it stands among other headers, which are none of its business.
    const among = given && { bytes: sliceOf(`9.9.9.9,[${header}],:9`).bytes, from: 9, to: 9 + given.to };
    for (const piece of [given, among]) {
      const address = clientAddress(piece, sliceOf("peer"), hops);
      assert.equal(address && textOf(address), expected);
    }
  });
}
