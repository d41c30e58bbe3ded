/** Whole redirectors: which share of the clients goes where, and what a path prefers. */
import assert from "node:assert/strict";
import { it } from "mocha";
import { type App, createApp } from "../../../../redirector/app.ts";
import { emptyTable } from "../../../../redirector/cloud-ranges/table.ts";
import { parseConfig, type RedirectorConfig } from "../../../../redirector/config.ts";
import type { ExistenceCheck, Presence } from "../../../../redirector/mirrors/existence.ts";
import { RequestMetrics } from "../../../../redirector/telemetry/metrics.ts";
import { asked } from "../../../support/redirector/asked.ts";
import { silentLog } from "../../../support/redirector/silent-log.ts";

const at = { cloud: "gcp", region: "r", latitude: 0 } as const;
const mirror = (name: string, longitude: number, more = {}) => ({
  ...at,
  name,
  url: `https://${name}.example/v2/p`,
  longitude,
  ...more,
});

/** A redirector near `near`; the longitude is that of its instance. */
function redirector(
  longitude: number,
  holds: (check: ExistenceCheck) => Presence | Promise<Presence> = () => "present",
) {
  const config = {
    host: "h.example",
    region: { name: "r", latitude: 0, longitude },
    prefer: ["shares", "same-cloud", "nearest"],
    preferIn: { kops: ["nearest"] },
    imageMirrors: [mirror("canonical", 170), mirror("near", 0), mirror("far", 90, { share: 20 })],
  };
  return createApp((parseConfig(JSON.stringify(config)) as { config: RedirectorConfig }).config, {
    ranges: emptyTable,
    holds,
    metrics: new RequestMetrics(),
    log: silentLog,
    leaving: () => undefined,
  });
}

async function sentTo(app: App, address: string, target = "/v2/app/manifests/v1"): Promise<string | undefined> {
  const header = (name: string) => (name === "x-forwarded-for" ? `${address}, 10.0.0.1` : undefined);
  const { location } = await app.handle(asked("GET", target, header));
  return location && new URL(location).hostname.split(".")[0];
}

const networks = Array.from({ length: 500 }, (_, n) => `10.${n >> 8}.${n & 255}`);

it("a fifth of the networks goes to the mirror with that share, from every instance and with all requests of a pull", async () => {
  const [one, other] = [redirector(0), redirector(40)];
  let far = 0;
  for (const network of networks) {
    const first = await sentTo(one, `${network}.1`);
    if (first === "far") far++;
    for (const target of ["/v2/app/manifests/v1", `/v2/app/blobs/sha256:${"0".repeat(64)}`, "/v2/other/manifests/v2"])
      assert.equal(await sentTo(other, `${network}.77`, target), first, network);
  }
  assert.ok(far > 75 && far < 125, `${far} of 500`);
});

it("a path that prefers the nearest has no shares, checked at once or later", async () => {
  for (const holds of [() => "present" as const, async () => "present" as const])
    for (const network of networks.slice(0, 50))
      assert.equal(await sentTo(redirector(0, holds), `${network}.1`, "/v2/kops/app/manifests/v1"), "near");
});

it("what the mirror of a share lacks is found elsewhere, and a mirror that fails has no share", async () => {
  const app = redirector(0, async ({ asked: name }) => (name === "far" ? "absent" : "present"));
  const sent = new Set(await Promise.all(networks.map((network) => sentTo(app, `${network}.1`))));
  assert.deepEqual([...sent].sort(), ["canonical", "near"]);
  const failing = redirector(0);
  failing.mirrors.images[2]!.healthy = false;
  const other = new Set(await Promise.all(networks.map((network) => sentTo(failing, `${network}.1`))));
  assert.deepEqual([...other], ["near"]);
});

it("shares that add up to 100 are 100 in whatever order the mirrors are, and more are refused", () => {
  const errorsOf = (...shares: number[]) => {
    const imageMirrors = shares.map((share, index) => mirror(`m${index}`, index, { share }));
    const region = { name: "r", latitude: 0, longitude: 0 };
    const parsed = parseConfig(JSON.stringify({ host: "h.example", region, imageMirrors }));
    return "errors" in parsed ? parsed.errors : [];
  };
  assert.deepEqual(errorsOf(0.2, 0.4, 99.4), []);
  assert.deepEqual(errorsOf(0.2, 99.4, 0.4), []);
  assert.match(errorsOf(0.2, 0.4, 99.5)[0] ?? "", /the shares are 100\.1 percent/);
});
