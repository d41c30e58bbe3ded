import fc from "fast-check";

const codePoint = fc
  .oneof(fc.integer({ min: 0, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff })) // no halves of surrogate pairs
  .map(
    (code) => String.fromCodePoint(code),
    // So that fast-check can put in strings that it knows as dangerous, such as __proto__.
    (text) => (typeof text === "string" ? text.codePointAt(0)! : Number.NaN),
  );

/**
 * Text of any code points, as `fc.string({ unit: "binary" })` makes. That one takes over a second of processor time in each process, because it
 * makes a table of all code points first.
 */
export function anyText(constraints: {
  readonly minLength?: number;
  readonly maxLength: number;
}): fc.Arbitrary<string> {
  return fc.string({ unit: codePoint, ...constraints });
}
