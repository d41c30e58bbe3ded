import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "mocha";
import type { Client } from "../../../../redirector/client/client.ts";
import { angleOf, coordinatesAt, cosineBetween } from "../../../../redirector/client/coordinates.ts";
import type { Preference } from "../../../../redirector/config.ts";
import {
  chooseMirror,
  type Mirror,
  type MirrorSite,
  mirrorOf,
  mirrorsOf,
  underPreference,
} from "../../../../redirector/mirrors/mirrors.ts";

const iowa = site("iowa", "gcp", 41.26, -95.86);
const belgium = site("belgium", "gcp", 50.45, 3.82);
const tokyo = site("tokyo", "gcp", 35.68, 139.69);
const paris = site("paris", "aws", 48.86, 2.35);
const berlin: Client = { cloud: "", region: "", place: coordinatesAt(52.52, 13.4) };

it("chooses the nearest mirror, then the second and third nearest", () => {
  const mirrors = [iowa, belgium, tokyo].map((site) => mirrorOf(site));
  assert.deepEqual(namesInTurn(mirrors, berlin), ["belgium", "iowa", "tokyo"]);
});

it("prefers a healthy mirror in the client's cloud to a nearer one of another cloud", () => {
  const mirrors = [iowa, belgium, paris].map((site) => mirrorOf(site));
  const inAws: Client = { cloud: "aws", region: "x", place: coordinatesAt(41.26, -95.86) };
  assert.deepEqual(namesInTurn(mirrors, inAws), ["paris", "iowa", "belgium"]);
});

it("a weight attracts clients from farther away; 0 makes a mirror the last resort", () => {
  const heavy = mirrorOf({ ...iowa, weight: 20 });
  assert.deepEqual(namesInTurn([heavy, mirrorOf(belgium)], berlin), ["iowa", "belgium"]);
  const drained = mirrorOf({ ...belgium, weight: 0 });
  assert.deepEqual(namesInTurn([mirrorOf(iowa), drained, mirrorOf(tokyo)], berlin), ["iowa", "tokyo", "belgium"]);
});

it("a mirror in several places is as far away as the nearest of them", () => {
  const europe = { ...site("europe", "gcp", 40.42, -3.7), alsoAt: [{ latitude: 52.5, longitude: 13.4 }] };
  assert.deepEqual(
    namesInTurn(
      [belgium, europe].map((each) => mirrorOf(each)),
      berlin,
    ),
    ["europe", "belgium"],
  );
  const { alsoAt: _, ...madrid } = europe;
  assert.deepEqual(
    namesInTurn(
      [belgium, madrid].map((each) => mirrorOf(each)),
      berlin,
    ),
    ["belgium", "europe"],
  );
});

it("without a healthy mirror chooses the canonical one; without mirrors, none", () => {
  const mirrors = [iowa, belgium].map((site) => mirrorOf(site));
  for (const mirror of mirrors) mirror.healthy = false;
  assert.equal(chooseMirror(mirrors, berlin)?.site.name, "iowa");
  assert.equal(chooseMirror([], berlin), undefined);
});

it("of equally near mirrors chooses the earlier one", () => {
  const twins = [mirrorOf({ ...belgium, name: "first" }), mirrorOf({ ...belgium, name: "second" })];
  assert.deepEqual(namesInTurn(twins, berlin), ["first", "second"]);
});

it("what is preferred decides, in its order: the cloud, the cost, the distance", () => {
  const [s3, r2, google] = [
    { ...paris, name: "s3", costClass: 1 },
    { ...tokyo, name: "r2", cloud: "other", costClass: 0 },
    { ...belgium, name: "google", costClass: 2 },
  ];
  const clients = {
    berlin,
    aws: { cloud: "aws", region: "x", place: coordinatesAt(35, 139) },
    google: { cloud: "gcp", region: "x", place: coordinatesAt(35, 139) },
  };
  const cases: [prefer: Preference, client: keyof typeof clients, names: string][] = [
    [["same-cloud", "nearest"], "berlin", "google s3 r2"],
    [["same-cloud", "nearest"], "aws", "s3 r2 google"],
    [["same-cloud", "cheapest", "nearest"], "berlin", "r2 s3 google"],
    [["same-cloud", "cheapest", "nearest"], "aws", "s3 r2 google"],
    [["same-cloud", "cheapest", "nearest"], "google", "google r2 s3"],
    // Inside its own cloud a client costs nothing, as at R2: the distance decides between the two.
    [["cheapest", "nearest"], "aws", "r2 s3 google"],
    [["cheapest", "same-cloud", "nearest"], "aws", "s3 r2 google"],
    [["nearest"], "berlin", "google s3 r2"],
    [["nearest"], "aws", "r2 google s3"],
  ];
  for (const [prefer, client, names] of cases) {
    const mirrors = [google, s3, r2].map((site) => mirrorOf(site, prefer));
    assert.equal(namesInTurn(mirrors, clients[client]).join(" "), names, `${prefer.join()} for ${client}`);
  }
  const drained = mirrorOf({ ...r2, weight: 0 }, ["cheapest", "nearest"]);
  assert.deepEqual(namesInTurn([drained, mirrorOf(google, ["cheapest", "nearest"])], berlin), ["google", "r2"]);
});

it("by kind: registries or buckets first, before the distance", () => {
  const sites: MirrorSite[] = [
    { ...belgium, kind: "registry" },
    { ...iowa, kind: "objects" },
    { ...paris, kind: "objects" },
  ];
  const cases: [prefer: Preference, names: string][] = [
    [["buckets", "nearest"], "paris iowa belgium"],
    [["registries", "nearest"], "belgium paris iowa"],
  ];
  for (const [prefer, names] of cases)
    assert.equal(namesInTurn(mirrorsOf(sites, prefer), berlin).join(" "), names, prefer.join());
});

it("by share: the clients of its part go to a mirror wherever they are, all others on by what follows", () => {
  const sites = [belgium, { ...tokyo, share: 20 }, { ...iowa, share: 30 }, { ...paris, costClass: 1 }];
  const inAws = { cloud: "aws", region: "x", place: coordinatesAt(48, 2) };
  const cases: [prefer: Preference, client: Client, names: string][] = [
    [["shares", "same-cloud", "nearest"], { ...berlin, ticket: 0 }, "tokyo belgium paris iowa"],
    [["shares", "same-cloud", "nearest"], { ...berlin, ticket: 19.9 }, "tokyo belgium paris iowa"],
    [["shares", "same-cloud", "nearest"], { ...berlin, ticket: 20 }, "iowa belgium paris tokyo"],
    [["shares", "same-cloud", "nearest"], { ...berlin, ticket: 50 }, "belgium paris iowa tokyo"],
    [["shares", "same-cloud", "nearest"], berlin, "belgium paris iowa tokyo"],
    [["shares", "same-cloud", "nearest"], { ...inAws, ticket: 0 }, "tokyo paris belgium iowa"],
    // Of clients inside a cloud none, if the cloud comes first.
    [["same-cloud", "shares", "nearest"], { ...inAws, ticket: 0 }, "paris tokyo belgium iowa"],
    [["same-cloud", "shares", "nearest"], { ...berlin, ticket: 0 }, "tokyo belgium paris iowa"],
    [["cheapest", "shares", "nearest"], { ...berlin, ticket: 0 }, "tokyo belgium iowa paris"],
    // Shares that nothing prefers do not count.
    [["same-cloud", "nearest"], { ...berlin, ticket: 0 }, "belgium paris iowa tokyo"],
  ];
  for (const [prefer, client, names] of cases) {
    const what = `${prefer.join()} for ${client.ticket} in ${client.cloud}`;
    assert.equal(namesInTurn(mirrorsOf(sites, prefer), client).join(" "), names, what);
  }
  const drained = mirrorsOf([belgium, { ...tokyo, share: 20, weight: 0 }], ["shares", "nearest"]);
  assert.deepEqual(namesInTurn(drained, { ...berlin, ticket: 0 }), ["belgium", "tokyo"]);
});

it("a mirror under another preference has its own rank, and the health that is probed", () => {
  const mirrors = mirrorsOf([belgium, { ...paris, costClass: 1 }, { ...tokyo, share: 100 }], ["nearest"]);
  const cheapest = mirrors.map((mirror) => underPreference(mirror, ["cheapest", "nearest"]));
  const shared = mirrors.map((mirror) => underPreference(mirror, ["shares", "nearest"]));
  const client = { ...berlin, ticket: 7 };
  const names = () => [mirrors, cheapest, shared].map((list) => chooseMirror(list, client)?.site.name);
  assert.deepEqual(names(), ["belgium", "belgium", "tokyo"]);
  mirrors[0]!.healthy = false;
  mirrors[2]!.healthy = false;
  assert.deepEqual(names(), ["paris", "paris", "paris"]);
  mirrors[2]!.healthy = true;
  assert.deepEqual(names(), ["paris", "tokyo", "tokyo"]);
});

it("any mirrors and client: the nearest healthy one of its rank, independent of losing another one", () => {
  const anySite = fc.record({
    cloud: fc.constantFrom("gcp", "aws"),
    latitude: fc.double({ min: -90, max: 90, noNaN: true }),
    longitude: fc.double({ min: -180, max: 180, noNaN: true }),
    weight: fc.constantFrom(0, 0.5, 1, 3),
    healthy: fc.boolean(),
  });
  const anyClient = fc.record({
    cloud: fc.constantFrom("", "gcp", "aws", "azure"),
    latitude: fc.double({ min: -90, max: 90, noNaN: true }),
    longitude: fc.double({ min: -180, max: 180, noNaN: true }),
  });
  fc.assert(
    fc.property(
      fc.array(anySite, { minLength: 1, maxLength: 12 }),
      anyClient,
      (sites, { cloud, latitude, longitude }) => {
        const mirrors = sites.map((each, index) => {
          const mirror = mirrorOf({
            ...site(`m${index}`, each.cloud, each.latitude, each.longitude),
            weight: each.weight,
          });
          mirror.healthy = each.healthy;
          return mirror;
        });
        const client: Client = { cloud, region: "", place: coordinatesAt(latitude, longitude) };
        const chosen = chooseMirror(mirrors, client);
        assert.ok(chosen);
        const healthy = mirrors.filter((mirror) => mirror.healthy);
        if (healthy.length === 0) {
          assert.equal(chosen, mirrors[0]);
          return;
        }
        assert.ok(chosen.healthy);
        for (const other of healthy)
          assert.ok(!better(other, chosen, client), `${other.site.name} is better than ${chosen.site.name}`);
        for (const other of healthy) {
          if (other === chosen) continue;
          other.healthy = false;
          assert.equal(chooseMirror(mirrors, client), chosen);
          other.healthy = true;
        }
      },
    ),
  );
});

/** Straight from the words of the rule. */
function better(a: Mirror, b: Mirror, client: Client): boolean {
  const rank = (mirror: Mirror): number => (mirror.site.weight === 0 ? 2 : mirror.site.cloud === client.cloud ? 0 : 1);
  if (rank(a) !== rank(b)) return rank(a) < rank(b);
  const cost = (mirror: Mirror): number =>
    angleOf(cosineBetween(mirror.place, client.place)) / (mirror.site.weight || 1);
  return cost(a) < cost(b);
}

function site(name: string, cloud: string, latitude: number, longitude: number): MirrorSite {
  return { name, url: `https://${name}.example`, cloud, latitude, longitude, weight: 1 };
}

/** The choices as one mirror after another fails. */
function namesInTurn(mirrors: readonly Mirror[], client: Client): string[] {
  const names: string[] = [];
  while (mirrors.some((mirror) => mirror.healthy)) {
    const chosen = chooseMirror(mirrors, client);
    assert.ok(chosen?.healthy);
    names.push(chosen.site.name);
    chosen.healthy = false;
  }
  return names;
}
