/** Changes of the config and of the build that production survives: what is made before what, and what is kept. */
import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import type { Declared } from "../../local/graph/record-program.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare, idOf } from "../support/graph/program.ts";

const serving = /:(Certificate|CertificateMapEntry|DnsAuthorization|DnsRecord|RecordSet|Record)$/;
const isServing = ({ type }: Declared): boolean => serving.test(type);
const named = ({ type, name }: Declared): string => `${type} ${name}`;
const services = (all: readonly Declared[]): readonly Declared[] =>
  all.filter(({ type }) => type.endsWith("/service:Service"));

describe("changes that production survives", () => {
  let resources: readonly Declared[];
  before(async () => {
    resources = await declare(everything, manifests);
  });

  describe("another host", () => {
    for (const [dns, settings] of Object.entries({
      cloudflare: {},
      google: { "artifacts:dns": "google", "artifacts:zoneId": "example", "artifacts:dnssec": false },
    })) {
      it(`has a certificate, a map entry and records of its own, made before the old ones go (${dns})`, async () => {
        const config = { ...everything, "artifacts:cloudCdn": {}, ...settings };
        const other = {
          "artifacts:domain": `${"a".repeat(60)}.${"b".repeat(60)}.net`, // as long as labels in DNS are
          "artifacts:vanityHost": `registry.${"a".repeat(60)}.${"b".repeat(60)}.net`,
        };
        const old = (dns === "cloudflare" ? resources : await declare(config, manifests)).filter(isServing);
        const next = (await declare({ ...config, ...other }, manifests)).filter(isServing);
        assert.ok(old.length > 12);
        // A resource of the same logical name would be replaced, or change its name: the old one goes first.
        const names = new Set(old.map(named));
        assert.deepEqual(
          next.map(named).filter((name) => names.has(name)),
          [],
        );
        const inCloud = (all: readonly Declared[]) => all.map(({ inputs }) => String(inputs["name"]));
        const taken = new Set(inCloud(old));
        assert.deepEqual(
          inCloud(next).filter((name) => taken.has(name)),
          [],
        );
        for (const name of inCloud(next.filter(({ type }) => /certificatemanager/.test(type))))
          assert.match(name, /^[a-z][a-z0-9-]{0,62}$/);
      });
    }

    it("a vanity host that becomes the host keeps its certificate and its records", async () => {
      // artifacts.new.example.org is the vanity host first, and the host then.
      const prepared = { ...everything, "artifacts:cloudCdn": {}, "artifacts:vanityHost": "artifacts.new.example.org" };
      const switched = {
        ...everything,
        "artifacts:cloudCdn": {},
        "artifacts:domain": "new.example.org",
        "artifacts:vanityHost": "",
      };
      const of = (all: readonly Declared[]) =>
        all
          .filter((one) => isServing(one) && one.name.startsWith("artifacts.new.example.org-"))
          .map(({ type, name, inputs }) => ({ type, name, inputs }));
      const kept = of(await declare(prepared, manifests));
      assert.ok(kept.length >= 8);
      assert.deepEqual(of(await declare(switched, manifests)), kept);
    });
  });

  it("DNSSEC is protected, as taking it off breaks the zone while the registrar has its DS record", () => {
    const [zone] = resources.filter(({ type }) => type.endsWith(":ZoneDnssec"));
    assert.equal(zone?.protect, true);
    assert.equal(zone?.retained, true);
  });

  describe("a new build", () => {
    const of = (type: string, name?: string) =>
      resources.find((one) => one.type.endsWith(`:${type}`) && (name === undefined || one.name === name));

    it("reaches one region first, and is asked there before the others begin", () => {
      const canary = canaryOf(resources);
      assert.equal(canary, "redirector-us-central1");
      const [first, ...others] = services(resources).toSorted((a, b) => a.after.length - b.after.length);
      assert.ok(others.length > 0);
      assert.equal(first?.name, canary);
      for (const { after } of others) assert.ok(after.includes("redirector-canary"), after.join());
      const probe = of("ProbedCanary");
      assert.deepEqual(probe?.after, ["redirector-http-ipv4", "redirector-http-ipv6"]);
      assert.equal(probe?.inputs["address"], of("GlobalForwardingRule", "redirector-http-ipv4")?.inputs["ipAddress"]);
      assert.equal(probe?.inputs["revision"], "redirector-us-central1-00001");
      const mirrors = probe?.inputs["imageMirrors"] as string[];
      const stores = ["images-r2.example.org"]; // a store of images serves as registries do
      assert.deepEqual(
        mirrors.map((url) => new URL(url).host),
        ["us-central1-docker.pkg.dev", "europe-west1-docker.pkg.dev", ...stores],
      );
    });

    it("leaves the one before in its bucket: a run that ended red would delete it when the next has made it current again", () => {
      const builds = resources.filter(({ type }) => type.endsWith(":BucketObject"));
      assert.deepEqual(
        builds.map(({ name, retained }) => [name, retained]),
        [["redirector-archive", true]],
      );
    });

    it("reaches another one first while the first is drained", async () => {
      const drained = await declare({ ...everything, "artifacts:drainedRegions": ["us-central1"] }, manifests);
      assert.equal(canaryOf(drained), "redirector-europe-west1");
      const first = services(drained).filter(({ after }) => !after.includes("redirector-canary"));
      assert.deepEqual(
        first.map(({ name }) => name),
        ["redirector-europe-west1"],
      );
    });
  });
});

/** The one service to which port 80 leads for the name that the probe asks for. */
function canaryOf(all: readonly Declared[]): string | undefined {
  const find = (type: string, id?: unknown) =>
    all.find((one) => one.type.endsWith(`:${type}`) && (id === undefined || idOf(one.type, one.name) === id));
  const rule = all.find(({ name }) => name === "redirector-http-ipv4");
  const { hostRules = [], pathMatchers = [] } = (find(
    "URLMap",
    find("TargetHttpProxy", rule?.inputs["target"])?.inputs["urlMap"],
  )?.inputs ?? {}) as {
    hostRules?: { hosts: string[]; pathMatcher: string }[];
    pathMatchers?: { name: string; defaultService: string }[];
  };
  const host = String(find("ProbedCanary")?.inputs["host"]);
  const matcher = hostRules.find(({ hosts }) => hosts.includes(host))?.pathMatcher;
  const backend = find("BackendService", pathMatchers.find(({ name }) => name === matcher)?.defaultService);
  const [group, ...others] = (backend?.inputs["backends"] ?? []) as { group: string }[];
  assert.deepEqual(others, []);
  return (find("RegionNetworkEndpointGroup", group?.group)?.inputs["cloudRun"] as { service?: string })?.service;
}
