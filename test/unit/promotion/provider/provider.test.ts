/** The provider without the engine: what it makes of inputs, differences and a user's confirmation. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "mocha";
import { type Properties, unknown } from "../../../../components/plugin/properties.ts";
import { PartialFailure } from "../../../../components/plugin/protocol.ts";
import { currentSetting, parseConfirmed } from "../../../../components/promotion/provider/confirmed.ts";
import { packLines } from "../../../../components/promotion/provider/packed-lines.ts";
import { promotionProvider } from "../../../../components/promotion/provider/provider.ts";
import { unpackRecord } from "../../../../components/promotion/provider/run-record.ts";
import { progressLine } from "../../../../components/promotion/run/progress.ts";
import type { Progress } from "../../../../components/promotion/run/request.ts";
import { afterTest } from "../../../support/cleanup.ts";
import { serveOnLoopback } from "../../../support/loopback-server.ts";

const said: string[] = [];
const provider = promotionProvider({
  status: async () => {},
  lasting: async (_urn, severity, message) => {
    said.push(`${severity}: ${message}`);
  },
});
const call = {
  urn: "urn:pulumi:s::p::promotion:index:PromotedFiles::kops",
  type: "promotion:index:PromotedFiles",
  name: "kops",
};
const line = `a sha256:${"a".repeat(64)}\n`;
const inputs: Properties = {
  project: "kops",
  files: line,
  summary: "1 file",
  prefix: "kops",
  staging: "staging",
  mirrors: [{ name: "us", kind: "gcs", bucket: "us", region: "us-central1" }],
  removalShare: 0.1,
  storage: {},
};

async function diff(olds: Properties, oldInputs: Properties, news: Properties) {
  return await provider.diff!({ ...call, id: "kops:kops", olds, oldInputs, news });
}

describe("check", () => {
  const failures = async (news: Properties) => (await provider.check!({ ...call, olds: {}, news })).failures;
  const without = (name: string): Properties =>
    Object.fromEntries(Object.entries(inputs).filter(([key]) => key !== name));

  it("valid inputs", async () => assert.deepEqual(await failures(inputs), []));
  it("accepts unknown values of a preview", async () => {
    assert.deepEqual(await failures({ ...inputs, staging: unknown, mirrors: unknown }), []);
    assert.deepEqual(
      await failures({ ...inputs, mirrors: [{ name: "us", kind: "gcs", bucket: unknown, region: "r" }] }),
      [],
    );
  });
  it("each invalid input has a line", async () => {
    const wrong = {
      ...without("files"),
      removalShare: 2,
      mirrors: [{ name: "us", kind: "ftp", bucket: "b", region: "r" }],
    };
    const lines = await failures(wrong);
    assert.equal(lines?.length, 3);
    assert.match(lines!.join("\n"), /^files: /m);
    assert.match(lines!.join("\n"), /^removalShare: /m);
    assert.match(lines!.join("\n"), /^mirrors\.0\.kind: /m);
  });
  it("an unknown type", () => {
    assert.throws(
      () => provider.check!({ ...call, type: "promotion:index:Other", olds: {}, news: inputs }),
      /no resource type/,
    );
  });
});

describe("diff", () => {
  it("nothing changed", async () => assert.deepEqual((await diff(inputs, inputs, inputs)).changed, []));
  it("names only changed inputs", async () => {
    const news = { ...inputs, files: "", summary: "0 files" };
    assert.deepEqual(await diff(inputs, inputs, news), { changed: ["files", "summary"], replaces: [] });
  });
  it("does not compare unknown mirrors", async () => {
    assert.deepEqual((await diff(inputs, inputs, { ...inputs, mirrors: unknown, staging: unknown })).changed, []);
    const partly = [{ name: "us", kind: "gcs", bucket: unknown, region: "us-central1" }];
    assert.deepEqual((await diff(inputs, inputs, { ...inputs, mirrors: partly })).changed, []);
  });
  it("another project or prefix replaces the promotion", async () => {
    const news = { ...inputs, prefix: "other" };
    assert.deepEqual(await diff(inputs, inputs, news), { changed: ["prefix"], replaces: ["prefix"] });
  });
  it("incomplete work is a difference, even without changed inputs", async () => {
    const olds = { ...inputs, incomplete: { us: `+ ${line}` } };
    assert.deepEqual((await diff(olds, inputs, inputs)).changed, ["files"]);
  });
});

describe("a first preview", () => {
  it("without staging area and mirrors prints nothing and succeeds", async () => {
    said.length = 0;
    await provider.create({ ...call, inputs: { ...inputs, staging: unknown, mirrors: unknown }, preview: true });
    assert.deepEqual(said, []);
  });
});

it("a preview with unknown locations uses those of the last run", async () => {
  const gcsEndpoint = "http://127.0.0.1:1/storage/v1/"; // nobody answers
  const olds = { ...inputs, staging: "", storage: { gcsEndpoint } };
  const news = { ...olds, files: `${line}b sha256:${"b".repeat(64)}\n`, mirrors: unknown };
  const stopped = promotionProvider({ status: async () => {}, lasting: async () => {} });
  const preview = stopped.update({ ...call, id: "kops:kops", olds, oldInputs: olds, inputs: news, preview: true });
  stopped.cancel!();
  await assert.rejects(preview, /stopped/); // it was asking; without mirrors there would have been nothing to ask
});

describe("a change that raises removalShare", () => {
  const ten = Array.from({ length: 10 }, (_, index) => `f${index} sha256:${"a".repeat(64)}\n`).join("");
  const gcsEndpoint = "http://127.0.0.1:1/storage/v1/"; // nobody answers
  const mirrored = { ...inputs, files: ten, removalShare: 0.1, storage: { gcsEndpoint } };
  const preview = (last: Properties, news: Properties) =>
    provider.update({ ...call, id: "kops:kops", olds: {}, oldInputs: last, inputs: news, preview: true });
  const emptied = { ...mirrored, files: "", removalShare: 1 };

  it("does not use it in the same run, in its preview and for real", async () => {
    const refused = /would remove 10 of 10 files .* more than the 10% .*counts from the run after/;
    await assert.rejects(preview(mirrored, emptied) as Promise<unknown>, refused);
    await assert.rejects(
      provider.update({
        ...call,
        id: "kops:kops",
        olds: {},
        oldInputs: mirrored,
        inputs: emptied,
        preview: false,
      }) as Promise<unknown>,
      refused,
    );
  });
  /** The guard lets it through: the run was about to ask the mirror when it was stopped. */
  const passes = async (last: Properties, news: Properties) => {
    const stopped = promotionProvider({ status: async () => {}, lasting: async () => {} });
    const run = stopped.update({ ...call, id: "kops:kops", olds: {}, oldInputs: last, inputs: news, preview: true });
    stopped.cancel!();
    await assert.rejects(run, /stopped/);
  };
  it("may be followed by one that does", () => passes({ ...mirrored, removalShare: 1 }, emptied));
  it("and one that lowers it is checked by the lower value", async () => {
    await assert.rejects(
      preview({ ...mirrored, removalShare: 1 }, { ...emptied, removalShare: 0.1 }) as Promise<unknown>,
      /more than the 10%/,
    );
  });
  it("is not needed for what withdrawn.yaml lists", () =>
    passes(mirrored, { ...mirrored, files: "", withdrawn: ten.replaceAll(/ .*$/gm, " bad build") }));
});

describe("what is recorded", () => {
  const nowhere = { ...inputs, mirrors: [], files: "" };
  const read = async (recorded: Properties, outputs: Properties) =>
    (await provider.read({ ...call, id: "kops:kops", inputs: recorded, outputs }))!;

  it("only the inputs, if every mirror matches them", async () => {
    assert.deepEqual((await provider.create({ ...call, inputs: nowhere, preview: false })).outputs, {});
    assert.deepEqual((await read(nowhere, {})).outputs, {});
  });
  it("the last requested lines, packed, if a refresh has changed the inputs", async () => {
    const asked = packLines(line);
    const found = await read(nowhere, { __asked: asked });
    assert.deepEqual([found.inputs["files"], found.outputs], [line, {}]); // no mirror lacks it
    // By the inputs alone all would be new, and looked for where nobody answers.
    const news = { ...inputs, staging: "", storage: { gcsEndpoint: "http://127.0.0.1:1/storage/v1/" } };
    said.length = 0;
    const oldInputs = { ...news, files: "" };
    await provider.update({
      ...call,
      id: "kops:kops",
      olds: { __asked: asked },
      oldInputs,
      inputs: news,
      preview: true,
    });
    assert.deepEqual(said, []);
  });
  it("the last run that had something to do: a refresh and a run without work keep it", async () => {
    const outputs = { __lastRun: "packed" };
    assert.deepEqual((await read(nowhere, outputs)).outputs, outputs);
    const news = { ...nowhere, summary: "another" };
    const idle = { ...call, id: "kops:kops", olds: outputs, oldInputs: nowhere, inputs: news, preview: false };
    assert.deepEqual((await provider.update(idle)).outputs, outputs);
  });
  it("all requested lines of a partly failed run: the engine keeps the previous inputs", async () => {
    const news: Properties = { ...inputs, storage: { gcsEndpoint: "http://127.0.0.1:1/storage/v1/" } };
    const stopped = promotionProvider({ status: async () => {}, lasting: async () => {} });
    const run = stopped.create({ ...call, inputs: news, preview: false });
    stopped.cancel!();
    await assert.rejects(run, (error) => {
      assert.ok(error instanceof PartialFailure, String(error));
      const { files: _, ...others } = news;
      const { __lastRun: record, ...outputs } = error.outputs;
      assert.deepEqual(outputs, { ...others, __asked: packLines(line), incomplete: { us: `+ ${line}` } });
      assert.deepEqual([unpackRecord(record)?.project, unpackRecord(record)?.failures], ["kops", 1]);
      return true;
    });
  });
});

it("a promotion cannot be imported", async () => {
  await assert.rejects(provider.read({ ...call, id: "kops", inputs: {}, outputs: {} }), /pulumi up` adopts/);
});

describe("promotion:confirmRemoval", () => {
  for (const [value, confirmed] of [
    [undefined, []],
    ["", []],
    ["kops", ["kops"]],
    ["kops, bom", ["kops", "bom"]],
    ['["kops","bom"]', ["kops", "bom"]],
    ["*", ["kops", "bom", "other"]],
  ] as const) {
    it(`${value} confirms ${confirmed.join(" and ") || "nothing"}`, () => {
      const is = parseConfirmed(value);
      assert.deepEqual(["kops", "bom", "other"].filter(is), confirmed);
    });
  }
  it("anything else is an error", () => {
    assert.throws(() => parseConfirmed(true), /must be the name/);
    assert.throws(() => parseConfirmed("[1]"), /must be the name/);
  });
  it("the stack's current config takes precedence over the state", () => {
    assert.equal(currentSetting("old", { PULUMI_CONFIG: "{}" }), undefined);
    assert.equal(currentSetting("old", { PULUMI_CONFIG: '{"confirmRemoval":"new"}' }), "new");
    assert.equal(currentSetting("old", {}), "old");
  });
});

describe("progress", () => {
  const linesUntil = (until: number, environment: NodeJS.ProcessEnv): number => {
    let now = 0;
    let lines = 0;
    const report = progressLine(() => lines++, { now: () => now, environment });
    for (now = 0; now <= until; now += 100) report(progress(1));
    return lines;
  };
  const progressText = (told: Progress, seconds: number): string | undefined => {
    let now = 0;
    let said: string | undefined;
    const report = progressLine((line) => (said = line), { now: () => now, environment: {} });
    now = seconds * 1_000;
    report(told);
    return said;
  };
  const progress = (done: number): Progress => ({
    done,
    total: 5_000,
    failed: 1,
    bytes: 50 * 1024 * 1024,
    mirrors: ["a", "b", "c", "d", "e"].map((name) => ({
      name,
      done: done / 5,
      total: 1_000,
      failed: name === "a" ? 1 : 0,
      bytes: 1,
    })),
  });
  it("a line has count, size, rate and mirrors", () => {
    assert.equal(
      progressText(progress(2_500), 10),
      "2,500 of 5,000, 1 failed, 50.0 MiB, 5.0 MiB/s, about 10 s left; 0 of 5 mirrors ended, behind are b 500/1,000, c 500/1,000, d 500/1,000",
    );
    const few = { ...progress(2_500), mirrors: progress(2_500).mirrors.slice(0, 2) };
    assert.match(progressText(few, 10) ?? "", /; a 500\/1,000 \(1 failed\), b 500\/1,000$/);
  });
  it("shows the remaining time when the rate is stable", () => {
    const told = (done: number, seconds: number) =>
      / (about .* left)/.exec(
        progressText({ done, total: 5_000, failed: 0, bytes: 0, mirrors: [] }, seconds) ?? "",
      )?.[1];
    assert.equal(told(1_000, 9), undefined);
    assert.equal(told(1_000, 60), "about 4 min left");
    assert.equal(told(100, 600), "about 8 h 10 min left");
    assert.equal(told(0, 600), undefined);
    assert.equal(told(5_000, 600), undefined);
  });

  it("names a stalled mirror after 20 s, even if all are stalled", () => {
    let now = 0;
    const lines: string[] = [];
    let fire = () => {};
    const report = progressLine((line) => lines.push(line), {
      now: () => now,
      environment: { CI: "true" },
      after: (ms, act) => {
        assert.equal(ms, 20_000);
        fire = act;
        return () => {
          fire = () => {};
        };
      },
    });
    const mirrors = (eu: number, us: number) =>
      [["eu", eu] as const, ["us", us] as const].map(([name, done]) => ({
        name,
        done,
        total: 10,
        failed: 0,
        bytes: 0,
      }));
    report({ done: 2, total: 20, failed: 0, bytes: 0, mirrors: mirrors(1, 1) });
    now = 45_000;
    report({ done: 3, total: 20, failed: 0, bytes: 0, mirrors: mirrors(1, 2) });
    assert.match(lines.at(-1) ?? "", /; eu stands still for 45 s$/);
    now = 66_000;
    fire();
    assert.match(lines.at(-1) ?? "", /; eu stands still for 66 s, us stands still for 21 s$/);
    report({ done: 20, total: 20, failed: 0, bytes: 0, mirrors: mirrors(10, 10) });
    assert.equal(lines.at(-1), "20 of 20; eu 10/10, us 10/10", "the last line has the final counts");
    fire();
    assert.equal(lines.length, 3);
  });

  it("names the slowest of 22 mirrors", () => {
    const mirrors = Array.from({ length: 22 }, (_, index) => ({
      name: `m${index}`,
      done: index === 7 ? 2 : index === 9 ? 5 : 10,
      total: 10,
      failed: 0,
      bytes: 0,
    }));
    const line = progressText({ done: 207, total: 220, failed: 0, bytes: 0, mirrors }, 1);
    assert.equal(line, "207 of 220; 20 of 22 mirrors ended, behind are m7 2/10, m9 5/10");
  });
  for (const [environment, inLog] of [
    [{}, false],
    [{ CI: "true" }, true],
    [{ CI: "1" }, true],
    [{ CI: "" }, false],
    [{ CI: "false" }, false],
    [{ CLOUD_RUN_JOB: "rebuild" }, true],
  ] as const) {
    it(`with ${JSON.stringify(environment)} it goes to ${inLog ? "a log" : "a terminal"}`, () => {
      assert.equal(linesUntil(9_000, environment), inLog ? 0 : 9);
    });
  }
  for (const { inLog, until, expected } of [
    { inLog: false, until: 30_000, expected: 9 + 4 },
    { inLog: true, until: 9_000, expected: 0 },
    { inLog: true, until: 600_000, expected: 20 },
    { inLog: true, until: 7_200_000, expected: 240 },
  ]) {
    it(`${inLog ? "a log" : "a terminal"} gets ${expected} lines in ${until / 1_000} s`, () => {
      assert.equal(linesUntil(until, inLog ? { CI: "true" } : {}), expected);
    });
  }
});

describe("a change of the trust policy", () => {
  const strict = {
    mode: "require",
    signers: [{ identity: "release@example.org", issuer: "https://accounts.example.org" }],
    predicates: [],
    trustedRoot: "",
  };
  const line = `app:v1 sha256:${"a".repeat(64)}\n`;
  const images = {
    project: "kops",
    images: "",
    summary: "",
    prefix: "kops",
    staging: "127.0.0.1:1/staging/kops",
    mirrors: [{ name: "m0", repository: "127.0.0.1:1/m0" }],
    layerMirrors: [],
    mutableTags: [],
    removalShare: 1,
    trust: strict,
    storage: {},
  };
  const promoted = {
    urn: "urn:pulumi:x::artifacts::promotion:index:PromotedImages::kops",
    type: "promotion:index:PromotedImages",
    name: "kops",
  };

  it("is not over while its run fails: the state keeps the policy that was required before", async () => {
    const failing = promotionProvider({ status: async () => {}, lasting: async () => {} });
    const { trust: _, ...loose } = images;
    const outputs = async (inputs: Properties) => {
      const run = failing.update({ ...promoted, id: "kops:kops", olds: {}, oldInputs: images, inputs, preview: false });
      const error = (await (run as Promise<unknown>).then(
        () => undefined,
        (failure: unknown) => failure,
      )) as PartialFailure;
      assert.ok(error instanceof PartialFailure, String(error));
      return error.outputs;
    };
    assert.deepEqual((await outputs({ ...loose, images: line }))["trust"], strict);
    const tighter = { ...strict, predicates: ["https://spdx.dev/Document"] };
    assert.deepEqual((await outputs({ ...images, trust: tighter, images: line }))["trust"], strict);
  });
});

it("a refresh takes what has been filled off the mirrors that are being filled, and no other", async () => {
  const content = "a tool";
  const files = `a sha256:${createHash("sha256").update(content).digest("hex")}\n`;
  const store = await serveOnLoopback((request, response) => {
    if (request.url!.includes("alt=media")) return response.end(content);
    const item = { name: "binaries/kops/a", bucket: "eu", generation: "1", size: String(content.length) };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ kind: "storage#objects", items: request.url!.includes("/b/eu/") ? [item] : [] }));
  });
  const mirrors = ["us", "eu"].map((name) => ({ name, kind: "gcs", bucket: name, region: "us-central1" }));
  const asked = { ...inputs, files, mirrors, storage: { gcsEndpoint: `${store.url}/storage/v1/` }, fillAbove: 1 };
  const outputs = { filling: "eu us", incomplete: { us: `+ ${files}`, eu: `+ ${files}` } };
  const refreshed = { ...call, id: "kops:kops", inputs: asked, outputs };
  const read = await provider.read!(refreshed);
  assert.deepEqual(read!.outputs!["incomplete"], { us: `+ ${files}` });
  assert.equal(read!.outputs!["filling"], "us");
  assert.equal(read!.inputs!["files"], "");
  const differs = { ...call, id: "kops:kops", oldInputs: asked, news: asked };
  assert.deepEqual((await provider.diff!({ ...differs, olds: read!.outputs! })).changed, ["files"]);

  // The nightly comparison, while a job fills both.
  const filling = join(await mkdtemp(join(tmpdir(), "artifacts-provider-")), "filling");
  afterTest(async () => await rm(dirname(filling), { recursive: true }));
  await writeFile(filling, "eu kops files\nus kops files\nus kops images\n");
  process.env["ARTIFACTS_FILLING"] = filling;
  afterTest(() => delete process.env["ARTIFACTS_FILLING"]);
  said.length = 0;
  const nightly = promotionProvider({ status: async () => {}, lasting: async (_, __, line) => void said.push(line) });
  const planned = await nightly.read!(refreshed);
  assert.deepEqual([planned!.inputs, planned!.outputs!["filling"], said], [asked, "eu us", []]);
  assert.deepEqual(planned!.outputs!["incomplete"], { us: `+ ${files}` }, "the state knows");
  assert.deepEqual((await nightly.diff!({ ...differs, olds: planned!.outputs! })).changed, []);
  const extra = { ...planned!.outputs!, incomplete: { us: `- b ${files.slice(2)}` } };
  assert.deepEqual(
    (await nightly.diff!({ ...differs, olds: extra })).changed,
    ["files"],
    "what is there and not wanted",
  );

  // Of this mirror a job fills other projects, and of this project the images.
  await writeFile(filling, "eu kops files\nus another files\nus kops images\n");
  said.length = 0;
  const another = promotionProvider({ status: async () => {}, lasting: async (_, __, line) => void said.push(line) });
  const seen = await another.read!(refreshed);
  assert.deepEqual([seen!.inputs["files"], seen!.outputs!["filling"]], ["", "eu us"]);
  assert.match(said.join(), /mirror us: \+ a sha256/);
  assert.deepEqual((await another.diff!({ ...differs, olds: seen!.outputs! })).changed, ["files"]);
});
