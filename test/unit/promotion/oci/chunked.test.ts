import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { ChunkedBody } from "../../../../components/promotion/oci/chunked.ts";
import { ProtocolError } from "../../../../components/promotion/oci/response-head.ts";

/** Feeds a text in pieces that end at these places; what comes after the body's end is left over. */
function read(bytes: Buffer, cuts: readonly number[]): { content: Buffer; ended: boolean; left: number } {
  const body = new ChunkedBody();
  const content: Buffer[] = [];
  const places = [...new Set(cuts.filter((cut) => cut > 0 && cut < bytes.length)), bytes.length].sort((a, b) => a - b);
  let at = 0;
  let consumed = 0;
  for (const place of places) {
    const piece = Buffer.from(bytes.subarray(at, place));
    consumed += body.feed(piece, (view) => content.push(Buffer.from(view)));
    piece.fill(0xff); // its memory is received into again
    at = place;
  }
  return { content: Buffer.concat(content), ended: body.ended, left: bytes.length - consumed };
}

it("any content, in any chunks, cut anywhere, with trailers and the next answer behind it", () => {
  const chunk = fc.record({
    bytes: fc.uint8Array({ minLength: 1, maxLength: 50 }),
    extension: fc.constantFrom("", ";a=b", ' ;x="y"', "  "),
    upper: fc.boolean(),
  });
  const trailers = fc.constantFrom("", "x-checksum: 5\r\n", "a: b\r\nc: d\r\n");
  const next = fc.constantFrom("", "HTTP/1.1 200 OK\r\n\r\n");
  fc.assert(
    fc.property(
      fc.array(chunk, { maxLength: 8 }),
      trailers,
      next,
      fc.array(fc.nat({ max: 600 }), { maxLength: 30 }),
      (chunks, trailer, after, cuts) => {
        const parts = chunks.flatMap(({ bytes, extension, upper }) => {
          const size = bytes.length.toString(16);
          return [
            Buffer.from(`${upper ? size.toUpperCase() : size}${extension}\r\n`),
            Buffer.from(bytes),
            Buffer.from("\r\n"),
          ];
        });
        const sent = Buffer.concat([...parts, Buffer.from(`0\r\n${trailer}\r\n${after}`)]);
        const got = read(sent, cuts);
        assert.deepEqual(got.content, Buffer.concat(chunks.map(({ bytes }) => Buffer.from(bytes))));
        assert.equal(got.ended, true);
        assert.equal(got.left, after.length);
      },
    ),
    { numRuns: 500 },
  );
});

it("cut off, it has not ended", () => {
  const whole = "5\r\nhello\r\n0\r\nx: y\r\n\r\n";
  for (let length = 0; length < whole.length; length++) {
    assert.equal(read(Buffer.from(whole.slice(0, length)), []).ended, false);
  }
});

describe("refused, wherever it is cut", () => {
  for (const [why, text] of [
    ["a size that is none", "x\r\n"],
    ["no size", "\r\n"],
    ["a sign", "+5\r\nhello\r\n"],
    ["0x", "0x5\r\nhello\r\n"],
    ["a size with a blank before it", " 5\r\nhello\r\n"],
    ["a size beyond all chunks", "fffffffff\r\n"],
    ["a size that ends in LF alone", "5\nhello\r\n"],
    ["a chunk longer than it says", "5\r\nhello!\r\n"],
    ["a chunk that ends in LF alone", "5\r\nhello\n0\r\n\r\n"],
    ["a control character in an extension", "5;\u0001\r\nhello\r\n"],
    ["a trailer that ends in LF alone", "0\r\nx: y\n\r\n"],
    ["an extension without end", `5;${"x".repeat(20_000)}`],
    ["trailers without end", `0\r\n${"x: y\r\n".repeat(5_000)}`],
  ] as const) {
    it(why, () => {
      assert.throws(() => read(Buffer.from(text), []), ProtocolError);
      const every = Array.from({ length: Math.min(text.length, 100) }, (_, at) => at);
      assert.throws(() => read(Buffer.from(text), every), ProtocolError);
    });
  }
});
