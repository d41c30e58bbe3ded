import assert from "node:assert/strict";
import { it } from "mocha";
import { type AnyRequest, kindOf } from "../../../../components/promotion/provider/kinds.ts";
import {
  leftToFill as leftToFillAfter,
  perhapsFilled,
  withLeft,
} from "../../../../components/promotion/provider/left-to-fill.ts";
import type { FilesRequest, ImagesRequest, Inventory } from "../../../../components/promotion/run/request.ts";
import { departureOf } from "../../../../components/promotion/run/unplaced-mirrors.ts";

const [files, images] = [kindOf("promotion:index:PromotedFiles"), kindOf("promotion:index:PromotedImages")];
const hex = (digit: string) => `sha256:${digit.repeat(64)}`;
const line = (index: number) => `f${index} ${hex("a")}`;
const text = (lines: readonly string[]) => lines.map((one) => `${one}\n`).join("");
const ten = Array.from({ length: 10 }, (_, index) => line(index));
const mirror = (name: string) => ({ name, kind: "gcs" as const, bucket: name, region: "us-central1" });

const filesRequest = (lines: readonly string[], mirrors: readonly string[], fillAbove?: number): FilesRequest => ({
  project: "tool",
  files: text(lines),
  prefix: "tool",
  staging: "",
  mirrors: mirrors.map(mirror),
  removalShare: 0.1,
  storage: {},
  fillAbove,
});
const plus = (lines: readonly string[]) => text(lines.map((one) => `+ ${one}`));

/** Where the last run left nothing to a fill. */
const leftToFill = (
  kind: Parameters<typeof leftToFillAfter>[0],
  request: AnyRequest,
  last: Parameters<typeof leftToFillAfter>[2],
  look?: Parameters<typeof leftToFillAfter>[4],
) => leftToFillAfter(kind, request, last, new Set(), look);

/** An inventory that finds these differences, and what it was asked for. */
function finding(incomplete: Inventory["incomplete"], failures: readonly string[] = []) {
  const asked: AnyRequest[] = [];
  const look = async (request: AnyRequest): Promise<Inventory> => {
    asked.push(request);
    return { text: "", incomplete, failures };
  };
  return { asked, look };
}

it("a new mirror is left what production had, and gets what is new", async () => {
  const before = filesRequest(ten, ["us"], 5);
  const request = filesRequest([...ten, line(10)].sort(), ["us", "eu"], 5);
  const { asked, look } = finding({});
  const { left, previous } = await leftToFill(files, request, { request: before, incomplete: {} }, look);
  assert.deepEqual(left, { eu: plus(ten) });
  assert.deepEqual(previous.incomplete, { eu: "" });
  assert.deepEqual(previous.request.mirrors, request.mirrors);
  assert.equal(previous.before, before, "whose grants are waited for");
  assert.deepEqual(asked, [], "what it lacks is known");
  assert.deepEqual(withLeft({ eu: plus([line(10)]) }, left), { eu: plus([...ten, line(10)].sort()) });
});

it("nothing is left where it is not set, where little is missing, and of what no other mirror has", async () => {
  const before = filesRequest(ten, ["us"], 5);
  const state = { request: before, incomplete: {} };
  const mirrors = ["us", "eu"];
  for (const [why, request, last] of [
    ["not set", filesRequest(ten, mirrors), state],
    ["little", filesRequest(ten, mirrors, 10), state],
    ["nowhere else", filesRequest(ten, mirrors, 5), { ...state, incomplete: { us: plus(ten.slice(0, 5)) } }],
    ["another prefix", { ...filesRequest(ten, mirrors, 5), prefix: "other" }, state],
  ] as const) {
    const { left, previous } = await leftToFill(files, request, last, finding({}).look);
    assert.deepEqual(left, {}, why);
    assert.deepEqual(previous.incomplete, last.incomplete, why);
    assert.deepEqual(previous.request.mirrors, before.mirrors, why);
  }
});

it("a mirror that was left looks what it lacks by now: more, less, nothing; one that cannot be read stays as it was", async () => {
  const request = filesRequest(ten, ["us", "eu"], 5);
  const last = { request, incomplete: { eu: plus(ten) } };
  const still = { eu: plus(ten.slice(4)) };
  const one = finding(still);
  assert.deepEqual((await leftToFill(files, request, last, one.look)).left, still);
  assert.deepEqual(
    one.asked.map(({ mirrors }) => mirrors.map(({ name }) => name)),
    [["us", "eu"]],
  );
  const elsewhere = finding(still);
  await leftToFill(files, { ...request, unplaced: [mirror("asia")] }, last, elsewhere.look);
  assert.equal(elsewhere.asked[0]?.unplaced, undefined, "where the project is not placed nothing is filled");
  const few = await leftToFill(files, request, last, finding({ eu: plus(ten.slice(8)) }).look);
  assert.deepEqual([few.left, few.previous.incomplete], [{}, { eu: plus(ten.slice(8)) }]);
  const whole = await leftToFill(files, request, last, finding({}).look);
  assert.deepEqual([whole.left, whole.previous.incomplete], [{}, { eu: "" }]);
  const unreadable = finding({}, ["project tool, mirror eu: cannot be read: refused"]);
  assert.deepEqual((await leftToFill(files, request, last, unreadable.look)).left, { eu: plus(ten) });
  assert.deepEqual((await leftToFill(files, request, last)).left, { eu: plus(ten) }, "a preview looks at nothing");
});

it("a mirror that was complete and missed a run is brought up to date by the next one; while it is being filled it is not", async () => {
  const request = filesRequest(ten, ["us", "eu"], 5);
  const last = { request, incomplete: { eu: plus(ten.slice(1)) } };
  const missed = finding({});
  const { left, previous } = await leftToFill(files, request, last, missed.look);
  assert.deepEqual([left, previous.incomplete, missed.asked], [{}, last.incomplete, []]);
  const { look } = finding(last.incomplete);
  assert.deepEqual((await leftToFillAfter(files, request, last, new Set(["eu"]), look)).left, last.incomplete);
  const again = { request, incomplete: { eu: plus(ten) } };
  const empty = finding(again.incomplete);
  assert.deepEqual((await leftToFill(files, request, again, empty.look)).left, again.incomplete, "it was made again");
});

it("what the fill has brought and nobody wants is removed: of an earlier order too", async () => {
  const last = { request: filesRequest(ten, ["us", "eu"], 5), incomplete: { eu: plus(ten) } };
  const request = filesRequest(ten.slice(1), ["us", "eu"], 5);
  const found = finding({ eu: `${plus(ten.slice(3))}- gone ${hex("b")}\n- ${line(1)}\n` });
  const { left, previous } = await leftToFill(files, request, last, found.look);
  assert.deepEqual(left, { eu: plus(ten.slice(3)) });
  assert.deepEqual(previous.incomplete, { eu: `- gone ${hex("b")}\n` });
  assert.deepEqual(perhapsFilled(last, new Set()).incomplete, {});
  const never = { ...last, request: filesRequest(ten, ["us", "eu"]) };
  assert.equal(perhapsFilled(never, new Set()), never);
});

it("an image that gets another tag is not left: the tag needs it", async () => {
  const digests = ["a", "b", "c"].map(hex);
  const tagged = digests.map((digest, index) => `app:v${index} ${digest}`);
  const request = (lines: readonly string[], mirrors: readonly string[]): ImagesRequest => ({
    project: "tool",
    images: text([...lines].sort()),
    prefix: "tool",
    staging: "",
    mirrors: mirrors.map((name) => ({ name, repository: `${name}/p` })),
    layerMirrors: [{ name: "aws", bucket: "aws", region: "us-east-1" }],
    mutableTags: [],
    removalShare: 0.1,
    storage: {},
    fillAbove: 1,
  });
  const before = request(tagged, ["us"]);
  const after = request([...tagged, `app:latest ${digests[2]}`], ["us", "eu"]);
  const { left, previous } = await leftToFill(images, after, { request: before, incomplete: {} });
  assert.deepEqual(left, { eu: plus(tagged.slice(0, 2)) });
  assert.deepEqual(previous.incomplete, { eu: plus([tagged[2]!]) });
});

it("a mirror at another address is new", async () => {
  const before = filesRequest(ten, ["us", "eu"], 5);
  const request = { ...before, mirrors: [mirror("us"), { ...mirror("eu"), bucket: "eu-2" }] };
  const { left } = await leftToFill(files, request, { request: before, incomplete: {} }, finding({}).look);
  assert.deepEqual(left, { eu: plus(ten) });
});

it("a project that is placed elsewhere still leaves the mirrors that it had", async () => {
  const placed = {
    lines: (request: AnyRequest) => ("files" in request ? request.files : ""),
    emptied: (request: AnyRequest): AnyRequest => ({ ...request, files: "" }) as AnyRequest,
  };
  const before = { ...filesRequest(ten, ["us", "asia"], 5), removalShare: 1 };
  for (const [mirrors, isFilling] of [
    [["us", "eu"], true],
    [["us"], false],
  ] as const) {
    const request = { ...filesRequest(ten, mirrors, 5), removalShare: 1, unplaced: [mirror("asia")] };
    // A fill may have brought all that asia lacked.
    const last = { request: before, incomplete: { asia: plus(ten) } };
    const { previous } = await leftToFill(files, request, last, finding({}).look);
    assert.equal(previous.isFilling, isFilling);
    const leaving = departureOf<AnyRequest>(placed, request, previous);
    assert.deepEqual(leaving?.previous.incomplete, { asia: text(ten.map((one) => `- ${one}`)) });
  }
});
