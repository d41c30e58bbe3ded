const [seedOne, seedTwo] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];

/**
 * A number of 53 bits for a text, other in each process: nobody outside can choose two texts with the same one. Among 120,000 texts two are alike
 * with a probability of one in a million. Not for anything that has to be proven. (cyrb53 by bryc, public domain: two multiplicative hashes
 * of 32 bits, mixed as in MurmurHash3.)
 */
export function textHash(text: string): number {
  let one = seedOne;
  let two = seedTwo;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    one = Math.imul(one ^ code, 2_654_435_761);
    two = Math.imul(two ^ code, 1_597_334_677);
  }
  one = Math.imul(one ^ (one >>> 16), 2_246_822_507) ^ Math.imul(two ^ (two >>> 13), 3_266_489_909);
  two = Math.imul(two ^ (two >>> 16), 2_246_822_507) ^ Math.imul(one ^ (one >>> 13), 3_266_489_909);
  return 4_294_967_296 * (2_097_151 & two) + (one >>> 0);
}
