import assert from "node:assert/strict";
import { it } from "mocha";
import { angleOf, coordinatesAt, cosineBetween, parseLocation } from "../../../../redirector/client/coordinates.ts";
import { sliceOf } from "../../../../redirector/http1/byte-slice.ts";

const earthRadiusKm = 6371;

it("distances are great-circle distances", () => {
  const km = (a: [number, number], b: [number, number]): number =>
    angleOf(cosineBetween(coordinatesAt(...a), coordinatesAt(...b))) * earthRadiusKm;
  assert.ok(Math.abs(km([51.5, -0.13], [48.86, 2.35]) - 344) < 3, "London - Paris");
  assert.ok(Math.abs(km([40.71, -74.01], [35.68, 139.69]) - 10_850) < 20, "New York - Tokyo");
  assert.ok(km([-17.7, 178], [-14.3, -170.7]) < 1300, "Fiji - Samoa, over the date line");
  assert.ok(km([10, 20], [10, 20]) < 0.001);
});

it("parses the location header", () => {
  const near = (text: string, latitude: number, longitude: number): boolean => {
    const place = parseLocation(sliceOf(text));
    return place !== undefined && cosineBetween(place, coordinatesAt(latitude, longitude)) > 1 - 1e-12;
  };
  assert.ok(near("48.85,2.35", 48.85, 2.35));
  assert.ok(near(" -33.868820 , 151.209296 ", -33.86882, 151.209296));
  assert.ok(near("+1,-180", 1, -180));
  assert.ok(near("90.,0", 90, 0));
  assert.ok(near("0.000000000000000001,-0.5", 0, -0.5));
  for (const text of [
    undefined,
    "",
    ",",
    "1",
    "1,",
    "a,b",
    "91,0",
    "0,181",
    "1e1,2",
    "NaN,0",
    "1,2,3",
    "0x1,2",
    "1.2.3,4",
    ".,1",
    ".5,1",
    "-,1",
    "--1,1",
    "1 2,3",
    "\u0661,1",
    `1,${"2".repeat(80)}`,
  ]) {
    assert.equal(parseLocation(text === undefined ? undefined : sliceOf(text)), undefined, String(text));
  }
});
