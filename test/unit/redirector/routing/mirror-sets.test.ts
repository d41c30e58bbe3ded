import assert from "node:assert/strict";
import { it } from "mocha";
import { parseConfig } from "../../../../redirector/config.ts";
import { MirrorSets } from "../../../../redirector/routing/mirror-sets.ts";
import { route } from "../../../../redirector/routing/route.ts";

const at = { cloud: "gcp", region: "r", latitude: 0, longitude: 0 };
const mirrors = (kind: string) => [
  { ...at, name: `${kind}-dear`, url: "https://dear.example", costClass: 2 },
  { ...at, name: `${kind}-cheap`, url: "https://cheap.example", costClass: 0, latitude: 80 },
];
const parsed = parseConfig(
  JSON.stringify({
    host: "artifacts.example.dev",
    region: { name: "r", latitude: 0, longitude: 0 },
    imageMirrors: mirrors("images"),
    fileMirrors: mirrors("files"),
    preferIn: { kops: ["cheapest", "nearest"], "kops/near": ["nearest"] },
  }),
);
assert.ok("config" in parsed);
const sets = new MirrorSets(parsed.config);

const cases: [target: string, isCheapest: boolean][] = [
  ["/v2/kops/app/manifests/v1", true],
  [`/v2/kops/app/blobs/sha256:${"0".repeat(64)}`, true],
  ["/v2/kops/app/tags/list", true],
  ["/binaries/kops/1.0/linux", true],
  ["/v2/kops/near/app/manifests/v1", false],
  ["/v2/kopsy/app/manifests/v1", false],
  ["/v2/other/kops/app/manifests/v1", false],
  ["/binaries/other/kops", false],
  ["/catalog/index.json", false],
  ["/projects/kops/", false],
  ["/healthz", false],
];
for (const [target, isCheapest] of cases) {
  it(`${target} ${isCheapest ? "goes by what kops prefers" : "goes as usual"}`, () => {
    const { images, files } = sets.of(route("GET", target, 12_288));
    const [dear, cheap] = target.startsWith("/v2") ? images : files;
    assert.equal(cheap!.rankOutside > dear!.rankOutside, isCheapest);
  });
}

it("the health of a mirror is one, whatever is preferred", () => {
  const { images } = sets.of(route("GET", "/v2/kops/app/manifests/v1", 12_288));
  sets.usual.images[0]!.healthy = false;
  assert.deepEqual(
    images.map(({ healthy }) => healthy),
    [false, true],
  );
});
