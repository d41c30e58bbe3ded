/** Changes of the config and of the build that production survives: what is made before what, and what is kept. */
import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import type { Declared } from "../../local/graph/record-program.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";

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
        const config = { ...everything, ...settings };
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
      const prepared = { ...everything, "artifacts:vanityHost": "artifacts.new.example.org" };
      const switched = { ...everything, "artifacts:domain": "new.example.org", "artifacts:vanityHost": "" };
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
    it("reaches one region first", () => {
      const [canary, ...others] = services(resources).toSorted((a, b) => a.after.length - b.after.length);
      assert.ok(others.length > 0);
      assert.equal(canary?.name, "redirector-us-central1");
      for (const { after } of others) assert.ok(after.includes(canary!.name), after.join());
    });

    it("reaches another one first while the first is drained", async () => {
      const drained = services(
        await declare({ ...everything, "artifacts:drainedRegions": ["us-central1"] }, manifests),
      );
      const after = Object.fromEntries(
        drained.map(({ name, after }) => [name, after.filter((one) => /redirector-.*-/.test(one))]),
      );
      assert.deepEqual(after["redirector-europe-west1"]?.includes("redirector-us-central1"), false);
      assert.ok(after["redirector-us-central1"]?.includes("redirector-europe-west1"));
    });
  });
});
