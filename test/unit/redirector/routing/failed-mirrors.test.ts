/** Where clients are sent while some mirrors fail, limit the rate of requests, refuse or lack an object: every combination of three mirrors. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { createApp } from "../../../../redirector/app.ts";
import { emptyTable } from "../../../../redirector/cloud-ranges/table.ts";
import { parseConfig, type RedirectorConfig } from "../../../../redirector/config.ts";
import type { Presence } from "../../../../redirector/mirrors/existence.ts";
import { PublishedObjects } from "../../../../redirector/mirrors/published-objects.ts";
import { keyOfFile, keyOfTag } from "../../../../redirector/presence-format.ts";
import { RequestMetrics } from "../../../../redirector/telemetry/metrics.ts";
import { asked } from "../../../support/redirector/asked.ts";
import { silentLog } from "../../../support/redirector/silent-log.ts";

/** Canonical first. Clients are where `first` is; `second` is the next. */
const longitudes = { canonical: -95, second: 20, first: 3 } as const;
type Name = keyof typeof longitudes;
type States = Readonly<Record<Name, Presence>>;
const names = Object.keys(longitudes) as Name[];
const kinds = {
  file: "/binaries/tool/v1/x",
  registry: "/v2/tool/app/manifests/v1",
  bucket: "/v2/tool/app/manifests/v1",
};
type Kind = keyof typeof kinds;

function app(kind: Kind, states: States, published?: PublishedObjects) {
  const mirrors = names.map((name) => ({
    name,
    url: `https://${name}.example/${kind === "registry" ? "v2/p/images" : "bucket"}`,
    cloud: "gcp",
    region: name,
    latitude: 50,
    longitude: longitudes[name],
    ...(kind === "bucket" && { kind: "objects" }),
  }));
  const region = { name: "near", latitude: 50, longitude: longitudes.first };
  const config = { host: "h.example", region, [kind === "file" ? "fileMirrors" : "imageMirrors"]: mirrors };
  const parsed = parseConfig(JSON.stringify(config)) as { config: RedirectorConfig };
  const checks: string[] = [];
  const made = createApp(parsed.config, {
    ranges: emptyTable,
    holds: (check) => {
      const known = published?.presence(check);
      if (known) return known;
      checks.push(check.asked);
      return states[check.asked as Name];
    },
    ...(published && {
      knowledge: {
        holders: (check) => published.holders(check),
        repositoryHolders: (path) => published.repositoryHolders(path),
      },
    }),
    metrics: new RequestMetrics(),
    log: silentLog,
    leaving: () => undefined,
  });
  const ask = async () => {
    const { status, location } = await made.handle(asked("GET", kinds[kind]));
    return location === undefined ? String(status) : new URL(location).hostname.split(".")[0]!;
  };
  return { ask, checks };
}

const presences = ["present", "absent", "refused", "failing", "busy"] as const;
const lacks = (presence: Presence) => presence === "absent" || presence === "refused";
const combinations = presences.flatMap((first) =>
  presences.flatMap((second) => presences.map((canonical): States => ({ canonical, second, first }))),
);

/** The mirror that a client has to get, or 404. */
function expected(kind: Kind, states: States): string {
  const { first, second, canonical } = states;
  if (first === "present") return "first";
  if (kind === "registry") {
    // The canonical registry lacks nothing, and says itself what is wrong with it: it is not asked before.
    if (lacks(first)) return "canonical";
    return second === "present" ? "second" : "canonical";
  }
  const order: Name[] = lacks(first) ? ["first", "canonical", "second"] : ["first", "second", "canonical"];
  const [holder, unsure] = [
    order.find((name) => states[name] === "present"),
    order.find((name) => !lacks(states[name])),
  ];
  if (holder) return holder;
  if (unsure === undefined) return "404";
  // All fail: the last of them is as good as the first.
  return [first, second, canonical].some(lacks) && lacks(states[order.at(-1)!]) ? unsure : order.at(-1)!;
}

describe("what no mirror is known to have", () => {
  for (const kind of Object.keys(kinds) as Kind[])
    it(`of kind ${kind} is unknown only if all mirrors answer that they lack it: ${combinations.length} combinations`, async () => {
      for (const states of combinations) {
        const { ask, checks } = app(kind, states);
        const answer = await ask();
        const what = JSON.stringify(states);
        assert.equal(answer === "404", kind !== "registry" && Object.values(states).every(lacks), what);
        if (kind !== "registry" && Object.values(states).includes("present"))
          assert.equal(states[answer as Name], "present", what);
        assert.equal(answer, expected(kind, states), what);
        assert.equal(new Set(checks).size, checks.length, `${what}: each mirror is asked once`);
      }
    });
});

describe("what is published while every mirror that holds it is being filled", () => {
  const objects = (filling: readonly Name[]) => {
    const keys = Float64Array.from([keyOfTag("tool/app", "v1"), keyOfFile("binaries/tool/v1/x")]);
    const published = new PublishedObjects();
    published.replace(new Map([["tool", { mirrors: new Set<string>(), filling: new Set<string>(filling), keys }]]));
    return published;
  };
  const none = { canonical: "absent", second: "absent", first: "absent" } as const;

  for (const kind of Object.keys(kinds) as Kind[]) {
    it(`is looked for in each of them: ${kind}`, async () => {
      const { ask, checks } = app(kind, { ...none, second: "present" }, objects(["canonical", "second"]));
      assert.equal(await ask(), "second");
      assert.deepEqual(checks, ["second"], "the first one is known not to hold it");
      const all = app(kind, { ...none, canonical: "present" }, objects(names));
      assert.equal(await all.ask(), "canonical");
    });

    it(`is unknown if they all lack it: ${kind}`, async () => {
      const { ask, checks } = app(kind, none, objects(names));
      assert.equal(await ask(), "404");
      assert.deepEqual(checks.sort(), [...names].sort());
    });

    it(`is the client's at the one that fails: ${kind}`, async () => {
      const { ask } = app(kind, { ...none, second: "failing" }, objects(names));
      assert.equal(await ask(), "second");
    });
  }
});
