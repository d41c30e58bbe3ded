/** Projects that are in some mirrors only: where clients are sent, by what promotions published, and with how many requests to mirrors. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { createApp } from "../../../../redirector/app.ts";
import { emptyTable } from "../../../../redirector/cloud-ranges/table.ts";
import { parseConfig, type RedirectorConfig } from "../../../../redirector/config.ts";
import { Existence, type ObjectFound } from "../../../../redirector/mirrors/existence.ts";
import type { ListRequest, ListResult } from "../../../../redirector/mirrors/lists.ts";
import { PublishedObjects } from "../../../../redirector/mirrors/published-objects.ts";
import { keyOfDigest, keyOfFile, keyOfRepository, keyOfTag } from "../../../../redirector/presence-format.ts";
import { RequestMetrics } from "../../../../redirector/telemetry/metrics.ts";
import { asked } from "../../../support/redirector/asked.ts";
import { silentLog } from "../../../support/redirector/silent-log.ts";

const digest = `sha256:${"a".repeat(64)}`;
const layer = `sha256:${"b".repeat(64)}`;

/** Canonical first. Clients are in Tokyo: `asia` is the nearest, then `australia`, then `europe`, then `us`. */
const places = {
  us: [41.26, -95.86],
  europe: [50.45, 3.82],
  australia: [-33.87, 151.21],
  asia: [35.68, 139.69],
} as const;
const names = Object.keys(places) as (keyof typeof places)[];
const nearest = { latitude: 35.68, longitude: 139.69 };
const site = (name: keyof typeof places, kind: "images" | "files") => ({
  name: `${kind}-${name}`,
  url: kind === "images" ? `https://r.${name}.example/v2/p/images` : `https://b.${name}.example/bucket`,
  cloud: "gcp",
  region: name,
  latitude: places[name][0],
  longitude: places[name][1],
});

interface State {
  readonly down?: readonly string[];
  readonly busy?: readonly string[];
  /** What a mirror says to a HEAD. */
  readonly head?: (mirror: string) => ObjectFound;
  readonly settings?: Partial<RedirectorConfig>;
  readonly doubted?: readonly string[];
}

/** An app whose documents have one project, `tool`, in these mirrors. */
function app(holders: readonly string[], { down = [], busy = [], head, settings = {}, doubted = [] }: State = {}) {
  const published = new PublishedObjects();
  const keys = Float64Array.from([
    keyOfRepository("tool/app"),
    keyOfTag("tool/app", "v1"),
    keyOfDigest("tool/app", digest),
    keyOfDigest("tool/app", layer),
    keyOfFile("binaries/tool/v1/x"),
  ]);
  const mirrors = holders.flatMap((name) => [`images-${name}`, `files-${name}`]);
  published.replace(new Map([["tool", { mirrors: new Set(mirrors), keys }]]));
  for (const mirror of doubted) published.doubt(mirror);
  const { config } = parseConfig(
    JSON.stringify({
      host: "h.example",
      region: { name: "asia", ...nearest },
      imageMirrors: names.map((name) => site(name, "images")),
      fileMirrors: names.map((name) => site(name, "files")),
    }),
  ) as { config: RedirectorConfig };
  const heads: string[] = [];
  const lists: string[] = [];
  const whole = { ...config, ...settings };
  const answer = async ({ asked: mirror }: { readonly asked: string }): Promise<ObjectFound> => {
    heads.push(mirror);
    return head === undefined ? holders.some((name) => mirror.endsWith(name)) : head(mirror);
  };
  const existence = new Existence(whole.existence, answer, undefined, undefined, published);
  const made = createApp(whole, {
    ranges: emptyTable,
    holds: (check) => existence.holds(check),
    knowledge: {
      isBusy: (mirror) => busy.includes(mirror),
      holders: (check) => published.holders(check),
      repositoryHolders: (path) => published.repositoryHolders(path),
    },
    lists: async ({ url }: ListRequest): Promise<ListResult> => {
      const name = new URL(url).hostname.split(".")[1]!;
      lists.push(name);
      return holders.includes(name) && !down.includes(`images-${name}`) ? { kind: "tags", tags: ["v1"] } : "absent";
    },
    metrics: new RequestMetrics(),
    log: silentLog,
    leaving: () => undefined,
  });
  for (const mirror of [...made.mirrors.images, ...made.mirrors.files])
    if (down.includes(mirror.site.name)) mirror.healthy = false;
  const ask = async (target: string) => {
    const { status, location } = await made.handle(asked("GET", target));
    return location === undefined ? String(status) : new URL(location).hostname.split(".")[1]!;
  };
  return { ask, heads, lists };
}

const manifest = "/v2/tool/app/manifests/v1";
const objects = [manifest, `/v2/tool/app/manifests/${digest}`, `/v2/tool/app/blobs/${layer}`, "/binaries/tool/v1/x"];

const cases: readonly (readonly [title: string, holders: readonly string[], state: State, expected: string])[] = [
  ["in all mirrors: the nearest", names, {}, "asia"],
  ["not in the nearest: the next one that has it, not the canonical one", ["us", "australia"], {}, "australia"],
  ["in the canonical one and one that is a little nearer: that one", ["us", "europe"], {}, "europe"],
  ["in the canonical mirror alone", ["us"], {}, "us"],
  [
    "its nearest holder is down: the next holder",
    ["us", "australia"],
    { down: ["images-australia", "files-australia"] },
    "us",
  ],
  [
    "its nearest holder is busy: the next holder",
    ["us", "australia"],
    { busy: ["images-australia", "files-australia"] },
    "us",
  ],
  [
    "all that have it are busy: one of them all the same",
    ["us", "australia"],
    { busy: names.flatMap((name) => [`images-${name}`, `files-${name}`]) },
    "australia",
  ],
  [
    "all that have it are down: one of them, never a healthy one without it",
    ["us"],
    { down: ["images-us", "files-us"] },
    "us",
  ],
];

describe("what is published is asked of a mirror that has it, without a request", () => {
  for (const [title, holders, state, expected] of cases) {
    it(title, async () => {
      for (const target of objects) {
        const { ask, heads } = app(holders, state);
        assert.equal(await ask(target), expected, target);
        assert.equal(await ask(target), expected, `${target} again`);
        assert.deepEqual(heads, [], target);
      }
    });
  }

  it("also where existence checks are off, which send nothing to any mirror", async () => {
    const off = { existence: { ...existenceOf(), mirrors: false } };
    const { ask, heads } = app(["us", "australia"], { settings: off });
    for (const target of objects) assert.equal(await ask(target), "australia", target);
    assert.equal(await ask("/v2/tool/app/manifests/v2"), "asia", "what is not published: the nearest");
    assert.deepEqual(heads, []);
  });
});

describe("a mirror that may have lost what was published there", () => {
  const state = { doubted: ["images-australia", "files-australia"] };

  it("is asked for the object, and left for the next one that has it", async () => {
    const { ask, heads } = app(["us", "australia"], { ...state, head: (mirror) => !mirror.endsWith("australia") });
    assert.equal(await ask(manifest), "us");
    assert.deepEqual(heads, ["images-australia"]);
  });

  it("is the client's if it has the object", async () => {
    const { ask, heads } = app(["us", "australia"], state);
    assert.equal(await ask(manifest), "australia");
    assert.deepEqual(heads, ["images-australia"]);
  });

  it("and all the others: only what all of them lack is unknown", async () => {
    const all = { doubted: ["images-us", "images-australia"], head: () => false };
    const { ask, heads } = app(["us", "australia"], all);
    assert.equal(await ask(manifest), "404");
    assert.deepEqual(heads, ["images-australia", "images-us"]);
  });

  for (const [what, found] of [
    ["fails", new Error("503")],
    ["is busy", undefined],
  ] as const) {
    it(`and is the client's while it ${what} and all the others lack the object: it may have it`, async () => {
      const { ask, heads } = app(["us", "australia"], {
        doubted: ["images-us", "images-australia"],
        head: (mirror) => {
          if (mirror.endsWith("us")) return false;
          if (found) throw found;
          return undefined;
        },
      });
      assert.equal(await ask(manifest), "australia");
      assert.deepEqual(heads, ["images-australia", "images-us"]);
    });
  }
});

describe("what is not published", () => {
  it("is asked of the nearest mirror, then redirected to the canonical one, as without placement", async () => {
    const { ask, heads } = app(["us", "australia"]);
    assert.equal(await ask("/v2/tool/app/manifests/v2"), "us");
    assert.deepEqual(heads, ["images-asia"]);
  });

  it("is not redirected to where its repository is not, while the canonical mirror is down", async () => {
    const { ask } = app(["us", "australia"], { down: ["images-us"], head: () => false });
    assert.equal(await ask("/v2/tool/app/manifests/v2"), "australia");
    const { ask: without } = app(["us"], { down: ["images-us"], head: () => false });
    assert.equal(await without("/v2/tool/app/manifests/v2"), "asia", "no other is known to have anything of it");
  });
});

describe("lists", () => {
  const list = "/v2/tool/app/tags/list";

  it("are read from the canonical mirror and the nearest that has the repository", async () => {
    const { ask, lists } = app(["us", "australia"]);
    assert.equal(await ask(list), "200");
    assert.deepEqual(lists.sort(), ["australia", "us"]);
  });

  it("are found while the canonical mirror is down, however near mirrors without the repository are", async () => {
    const { ask, lists } = app(["us", "europe"], { down: ["images-us"] });
    assert.equal(await ask(list), "200");
    assert.deepEqual(lists, ["europe"]);
  });
});

function existenceOf(): RedirectorConfig["existence"] {
  const { config } = parseConfig(
    JSON.stringify({ host: "h", region: { name: "x", ...nearest }, imageMirrors: [site("us", "images")] }),
  ) as { config: RedirectorConfig };
  return config.existence;
}
