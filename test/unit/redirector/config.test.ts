import assert from "node:assert/strict";
import { it } from "mocha";
import { parseConfig, type RedirectorConfigInput } from "../../../redirector/config.ts";

const mirror = {
  name: "a",
  url: "https://a.example/v2/p/images",
  cloud: "gcp",
  region: "us-central1",
  latitude: 41,
  longitude: -95,
} as const;
const least: RedirectorConfigInput = {
  host: "artifacts.example.dev",
  region: { name: "us-central1", latitude: 41, longitude: -95 },
  imageMirrors: [mirror],
};

it("a minimal configuration gets all defaults", () => {
  const result = parseConfig(JSON.stringify(least));
  assert.ok("config" in result);
  assert.equal(result.config.trustedHops, 1);
  assert.equal(result.config.imageMirrors[0]?.weight, 1);
  assert.equal(result.config.layerClients, "same-cloud");
  assert.equal(result.config.log.clientAddress, "network");
  assert.equal(result.config.metricsPort, undefined);
});

const wrong: [string, unknown, RegExp][] = [
  ["not JSON", undefined, /is not JSON/],
  ["no object", [], /expected object/],
  ["no mirrors", { ...least, imageMirrors: [] }, /at least one of imageMirrors and fileMirrors/],
  ["an unknown key", { ...least, mirrors: [] }, /Unrecognized key: "mirrors"/],
  ["a name twice", { ...least, fileMirrors: [mirror] }, /fileMirrors\[0\].name: "a" is used twice/],
  ["a name with a space", withMirror({ name: "a b" }), /imageMirrors\[0\].name: must be .* \(it is "a b"\)/],
  ["no URL", withMirror({ url: "a.example/v2" }), /url: must be an absolute http\(s\) URL/],
  ["another scheme", withMirror({ url: "ftp://a.example" }), /url: must be an absolute/],
  ["a slash at the end", withMirror({ url: "https://a.example/" }), /url: must not end with a slash/],
  ["a query", withMirror({ url: "https://a.example/v2?x" }), /url: must not have a query/],
  ["a fragment", withMirror({ url: "https://a.example/v2#" }), /url: must not have a query or fragment/],
  ["a password", withMirror({ url: "https://u:p@a.example/v2" }), /url: must not hold a user name/],
  ["dot segments", withMirror({ url: "https://a.example/x/../v2" }), /url: must be written as https:\/\/a.example\/v2/],
  [
    "upper case in the host",
    withMirror({ url: "https://A.example/v2" }),
    /url: must be written as https:\/\/a.example\/v2/,
  ],
  [
    "a space in the URL",
    withMirror({ url: "https://a.example/v 2" }),
    /url: must be written as https:\/\/a.example\/v%202/,
  ],
  [
    "a line break in the URL",
    withMirror({ url: "https://a.example/v\n2" }),
    /url: must be written as https:\/\/a.example\/v2/,
  ],
  ["no latitude", withMirror({ latitude: 91 }), /latitude: .*<=90 \(it is 91\)/],
  ["a share of less than none", withMirror({ share: -1 }), /imageMirrors\[0\].share: .*>=0/],
  [
    "shares of more than all clients",
    {
      ...least,
      imageMirrors: [
        { ...mirror, share: 60 },
        { ...mirror, name: "b", share: 50 },
      ],
    },
    /imageMirrors: the shares are 110 percent/,
  ],
  ["a preference that does not end", { ...least, prefer: ["shares"] }, /prefer: must end with nearest/],
  ["a preference in no path", { ...least, preferIn: { "/x/": ["nearest"] } }, /preferIn.\/x\/: Invalid key/],
  ["a preference in a path", { ...least, preferIn: { x: ["dear", "nearest"] } }, /preferIn.x\[0\]: Invalid option/],
  ["a page that is none", { ...least, pages: { home: "javascript:alert(1)" } }, /pages.home: must be an absolute/],
  ["half a hop", { ...least, trustedHops: 0.5 }, /trustedHops: .*int/],
  ["more than all logged", { ...least, log: { sample: 2 } }, /log.sample: .*<=1/],
];

for (const [name, value, expected] of wrong) {
  it(`refused: ${name}`, () => {
    const result = parseConfig(value === undefined ? "{" : JSON.stringify(value));
    assert.ok("errors" in result);
    assert.equal(result.errors.length, 1, result.errors.join("\n"));
    assert.match(result.errors[0] ?? "", expected);
  });
}

it("reports all errors at once, without quoting long values", () => {
  const result = parseConfig(
    JSON.stringify({
      ...least,
      host: "",
      trustedHops: -1,
      imageMirrors: [{ ...mirror, url: `ftp://${"x".repeat(500)}` }],
    }),
  );
  assert.ok("errors" in result);
  assert.equal(result.errors.length, 3);
  assert.ok(result.errors.every((error) => error.length < 250));
});

it("does not parse a text above the length limit", () => {
  const result = parseConfig(" ".repeat(300_000));
  assert.ok("errors" in result);
  assert.match(result.errors[0] ?? "", /300000 characters/);
});

function withMirror(change: Record<string, unknown>): unknown {
  return { ...least, imageMirrors: [{ ...mirror, ...change }] };
}
