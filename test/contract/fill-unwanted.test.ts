/** What a deployment withdraws while a fill runs: the task that is bringing it ends that before anything is removed, and brings the rest. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, beforeEach, describe, it } from "mocha";
import { fillMirror } from "../../components/commands/fill-mirror.ts";
import { type FillOrder, fillOrderOf } from "../../components/commands/fill-order.ts";
import { whileWanted } from "../../components/commands/fill-while-wanted.ts";
import type { Properties } from "../../components/plugin/properties.ts";
import { promotionProvider } from "../../components/promotion/provider/provider.ts";
import { changeOf, tellFills } from "../../components/promotion/provider/unwanted-lines.ts";
import type { FileMirror, FilesRequest } from "../../components/promotion/run/request.ts";
import { openStorage, type Storage } from "../../components/promotion/storage/storage.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";

const us: FileMirror = { name: "files-gcp-us-central1", kind: "gcs", bucket: "us", region: "us-central1" };
const aws: FileMirror = { name: "files-aws-us-east-1", kind: "s3", bucket: "aws", region: "us-east-1" };
const names = ["a", "b"];
const line = (name: string) => `${name} sha256:${createHash("sha256").update(name).digest("hex")}\n`;
const { signal } = new AbortController();
const order = "orders/files-aws-us-east-1/x.json.gz";
const whole = { index: 1, count: 1 };

describe("what is withdrawn while a fill runs", () => {
  let stores: ObjectStores;
  let s3: FaultyProxy;
  let storage: Storage;

  before(async () => {
    stores = await startObjectStores();
    s3 = await startFaultyProxy(new URL(stores.s3).host);
    storage = openStorage(stores.settings);
    for (const bucket of ["us", "fills"]) await stores.makeBucket("gcs", bucket);
    await stores.makeBucket("s3", "aws", { versioned: true });
    for (const name of names) await stores.stage("us", `binaries/tool/${name}`, name);
  });
  beforeEach(() => s3.inject(() => undefined));
  after(async () => {
    await storage.close();
    await stores.stop();
    await s3.close();
  });

  const fills = () => storage.open({ kind: "gcs", bucket: "fills" });
  const requestOf = (files: readonly string[], more: Partial<FilesRequest> = {}): FilesRequest => ({
    project: "tool",
    files: files.map(line).join(""),
    prefix: "tool",
    staging: "",
    mirrors: [us, aws],
    removalShare: 1,
    fillAbove: 1,
    fillBucket: "fills",
    storage: { ...stores.settings, s3Endpoint: `http://${s3.host}` },
    ...more,
  });
  const orderOf = (files: readonly string[]): FillOrder =>
    fillOrderOf({ images: [], files: [requestOf(files)] }, aws.name, new Set());
  const wantedIn = ({ files }: FillOrder) => files.map(({ files }) => files).join("");
  const told = (request: FilesRequest, last: FilesRequest) =>
    tellFills(fills(), changeOf("files", request, last), signal, () => {});
  /** What a task does that asks often. */
  const look = <Result>(from: FillOrder, work: (wanted: FillOrder, stop: AbortSignal) => Promise<Result>) =>
    whileWanted(from, fills(), signal, work, { every: 20, knownFor: 600_000 });
  const seen = (from: FillOrder) => look(from, async (wanted) => wantedIn(wanted));

  /** A run of the engine on what is in the mirrors now. */
  function deployment(request: FilesRequest, last: FilesRequest) {
    const rows: string[] = [];
    const status = async (_: string, line: string) => void rows.push(line);
    const provider = promotionProvider({ status, lasting: async (_, __, line) => void rows.push(line) });
    const call = { urn: "urn:pulumi:s::p::promotion:index:PromotedFiles::tool", name: "tool", id: "tool:tool" };
    const [inputs, oldInputs] = [request, last] as unknown as [Properties, Properties];
    const type = "promotion:index:PromotedFiles";
    const done = provider.update({ ...call, type, olds: {}, oldInputs, inputs, preview: false });
    return { provider, rows, done };
  }

  it("a task ends what it is bringing, and brings the rest", async () => {
    let uploads = 0;
    const isFirst = (method: string, url: string) =>
      method === "PUT" && url.includes("/binaries/tool/a") && uploads++ === 0;
    s3.inject((method, url) => (isFirst(method, url) ? { kind: "hang" } : undefined));
    const attempts: string[] = [];
    const filling = look(orderOf(names), async (wanted, stop) => {
      attempts.push(wantedIn(wanted));
      return await fillMirror(wanted, whole, { signal: stop }, () => {});
    });
    while (uploads === 0) await sleep(10);
    await told(requestOf(["b"]), requestOf(names));
    const { failures } = await filling;
    assert.deepEqual([failures, attempts], [[], [names.map(line).join(""), line("b")]]);
    const there = storage.open({ kind: "s3", bucket: "aws", region: "us-east-1" }).list("binaries/", signal);
    const keys = await Array.fromAsync(there, ({ key }) => key);
    assert.deepEqual(keys, ["binaries/tool/b"]);
  });

  it("what is wanted again is brought again, and what is still unwanted is not", async () => {
    await told(requestOf(["b", "c"]), requestOf(["b"]));
    assert.equal(await seen(orderOf(names)), line("b"));
    await told(requestOf(names), requestOf(["b"]));
    assert.equal(await seen(orderOf(names)), names.map(line).join(""));
  });

  it("a project that leaves the mirror is left out, and comes back", async () => {
    const elsewhere = requestOf(names, { mirrors: [us], unplaced: [aws] });
    await told(elsewhere, requestOf(names));
    assert.equal(await seen(orderOf(names)), "");
    await told(requestOf(names), elsewhere);
    assert.equal(await seen(orderOf(names)), names.map(line).join(""));
  });

  it("a task that cannot look writes no longer, and fails", async () => {
    let fails = false;
    const real = fills();
    const broken = {
      ...real,
      list: (prefix: string, stop: AbortSignal) => {
        if (fails) throw new Error("no");
        return real.list(prefix, stop);
      },
    };
    const filling = whileWanted(
      orderOf(names),
      broken,
      signal,
      async (_, stop) => {
        fails = true;
        await sleep(60_000, undefined, { signal: stop });
      },
      { every: 10, knownFor: 100 },
    );
    await assert.rejects(filling, /^Error: gs:\/\/fills: what is withdrawn cannot be read, so nothing is brought: no$/);
  });

  it("a deployment waits while a fill may run, and has changed nothing if it is stopped then", async () => {
    await stores.stage("fills", order, "");
    const { provider, rows, done } = deployment(requestOf(["b"]), requestOf(names));
    const failed = assert.rejects(done, /^Error: stopped$/);
    while (!rows.some((row) => row.startsWith("waiting until the fills"))) await sleep(10);
    provider.cancel!();
    await failed;
    assert.equal((await stores.served("us", "binaries/tool/a"))?.bytes.toString(), "a");
  });

  it("a deployment that cannot tell what it withdraws withdraws it all the same, and says what to do", async () => {
    const gcs = await startFaultyProxy(new URL(stores.gcs).host);
    gcs.inject((_, url) => (url.includes("/b/fills/") ? { kind: "answer", status: 403, body: "{}" } : undefined));
    const denied = { ...stores.settings, gcsEndpoint: `http://${gcs.host}` };
    const { rows, done } = deployment(requestOf(["b"], { storage: denied }), requestOf(names));
    await done;
    assert.match(
      rows.join("\n"),
      /^project tool: fills that run could not be told what is withdrawn: .*403.*\. What they bring back `artifacts sync` removes/m,
    );
    assert.equal(await stores.served("us", "binaries/tool/a"), undefined);
    await gcs.close();
    await stores.stage("us", "binaries/tool/a", "a");
  });

  it("a withdrawal that is refused leaves fills as they are", async () => {
    await told(requestOf(names), requestOf(["b"]));
    const few = { removalShare: 0 };
    const { done } = deployment(requestOf(["b"], few), requestOf(names, few));
    await assert.rejects(done, /removalShare/);
    assert.equal(await seen(orderOf(names)), names.map(line).join(""));
  });

  it("nobody waits for orders of audits, or where nothing is withdrawn", async () => {
    const stored = await fills().stat(order, signal);
    const more = deployment(requestOf(names), requestOf(["b"]));
    await more.done;
    assert.equal(more.rows.join().includes("waiting"), false);
    await fills().remove(stored!, signal);
    await stores.stage("fills", order.replace(".json.gz", ".audit.json.gz"), "");
    const less = deployment(requestOf(["b"]), requestOf(names));
    await less.done;
    assert.equal(less.rows.join().includes("waiting"), false);
    assert.equal(await stores.served("us", "binaries/tool/a"), undefined);
  });
});
