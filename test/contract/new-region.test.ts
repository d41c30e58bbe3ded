/** A new region: the deployment leaves it to a fill, clients are sent there for what it has, and the deployment after the fill sees that it is whole. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, it } from "mocha";
import { fillMirror } from "../../components/commands/fill-mirror.ts";
import { fillOrderOf } from "../../components/commands/fill-order.ts";
import type { Properties } from "../../components/plugin/properties.ts";
import { type CatalogueWriter, catalogueWriter } from "../../components/promotion/catalogue/catalogue-writer.ts";
import { promotionProvider } from "../../components/promotion/provider/provider.ts";
import type { FileMirror, FilesRequest } from "../../components/promotion/run/request.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { type RunningRedirector, startRedirector } from "../support/redirector-process.ts";

const us: FileMirror = { name: "files-gcp-us-central1", kind: "gcs", bucket: "us", region: "us-central1" };
const eu: FileMirror = { name: "files-gcp-europe-west1", kind: "gcs", bucket: "eu", region: "europe-west1" };
const names = Array.from({ length: 30 }, (_, index) => `1.0/file-${index}`);
const contentOf = (name: string) => `content of ${name}`;

describe("a new region", () => {
  let stores: ObjectStores;
  let redirector: RunningRedirector;
  let writer: CatalogueWriter;
  const said: string[] = [];
  const provider = promotionProvider({
    status: async () => {},
    lasting: async (_urn, _severity, message) => void said.push(message),
  });
  const call = {
    urn: "urn:pulumi:s::p::promotion:index:PromotedFiles::tool",
    type: "promotion:index:PromotedFiles",
    name: "tool",
  };
  /** What the engine remembers. */
  let state: { inputs: Properties; outputs: Properties };

  before(async () => {
    stores = await startObjectStores();
    for (const bucket of ["staging", "us", "eu"]) await stores.makeBucket("gcs", bucket);
    for (const name of [...names, "2.0/new"]) await stores.stage("staging", name, contentOf(name));
    writer = catalogueWriter(new AbortController().signal);
    const place = (mirror: FileMirror, latitude: number, longitude: number) => ({
      name: mirror.name,
      cloud: "gcp" as const,
      region: mirror.region,
      latitude,
      longitude,
      url: `${stores.gcs}/${mirror.bucket}`,
    });
    redirector = await startRedirector({
      config: {
        host: "h.example",
        region: { name: "europe-west1", latitude: 50, longitude: 4 },
        fileMirrors: [place(us, 41, -96), place(eu, 50, 4)],
        presence: { intervalSeconds: 0.05 },
        existence: { timeoutSeconds: 5 },
      },
    });
  });
  after(async () => {
    await redirector?.stop();
    await writer?.close();
    await stores?.stop();
  });

  function inputsFor(files: readonly string[], mirrors: readonly FileMirror[]): FilesRequest & Properties {
    const lines = files.map((name) => `${name} sha256:${createHash("sha256").update(contentOf(name)).digest("hex")}\n`);
    const request = {
      project: "tool",
      files: lines.sort().join(""),
      prefix: "tool",
      staging: "staging",
      mirrors,
      removalShare: 0.1,
      storage: stores.settings,
      fillAbove: 10,
    };
    return { ...request, summary: "" } as unknown as FilesRequest & Properties;
  }

  /** Deploys the promotion and the entry that depends on it. @returns the output `filling`. */
  async function deploy(files: readonly string[], mirrors: readonly FileMirror[]): Promise<string> {
    const inputs = inputsFor(files, mirrors);
    const given = { ...call, id: "tool:tool", inputs, preview: false };
    const { outputs = {} } = state
      ? await provider.update({ ...given, olds: state.outputs, oldInputs: state.inputs })
      : await provider.create(given);
    state = { inputs, outputs };
    const filling = String(outputs["filling"]);
    const isFilling = new Set(filling.split(" "));
    const { failures } = await writer.publish(
      {
        ...{ project: "tool", description: "", contact: "", imagePrefix: "tool", filePrefix: "tool", images: "" },
        ...{ registry: "127.0.0.1:1/p", mirrors, storage: stores.settings, files: inputs.files },
        heldBy: mirrors.map(({ name }) => name).filter((name) => !isFilling.has(name)),
        filling: filling === "" ? [] : [...isFilling],
      },
      new Set(),
      () => {},
    );
    assert.deepEqual(failures, []);
    return filling;
  }

  /** Where a client in the new region is sent. */
  async function sentTo(name: string): Promise<string> {
    const url = `http://127.0.0.1:${redirector.port}/binaries/tool/${name}`;
    const { status, headers } = await fetch(url, { redirect: "manual" });
    assert.equal(status, 307);
    return new URL(headers.get("location")!).pathname.split("/")[1]!;
  }
  const has = async (name: string) => (await stores.served("eu", `binaries/tool/${name}`)) !== undefined;
  /** The redirector's next reading of the documents. */
  async function untilPublished(objects: number): Promise<void> {
    await redirector.logged(new RegExp(`"objects":${objects}\\b`));
  }

  it("is made without what was there before, and filled outside of the deployment", async () => {
    assert.equal(await deploy(names, [us]), "");
    said.length = 0;
    assert.equal(await deploy([...names, "2.0/new"], [us, eu]), eu.name);
    assert.match(said.join("\n"), /copied 2 .*; left to `artifacts fill`: files-gcp-europe-west1 \(30 lines\)/);
    assert.deepEqual(await Promise.all(["2.0/new", ...names].map(has)), [true, ...names.map(() => false)]);

    // By the documents the region has nothing; they say too that it is being filled.
    await untilPublished(31);
    assert.equal(await sentTo("2.0/new"), "eu");
    assert.equal(await sentTo(names[0]!), "us");

    const order = fillOrderOf({ images: [], files: [inputsFor([...names, "2.0/new"], [us, eu])] }, eu.name, new Set());
    const { signal } = new AbortController();
    const parts = [1, 2, 3].map((index) => fillMirror(order, { index, count: 3 }, { signal }, () => {}));
    const filled = await Promise.all(parts);
    assert.equal(
      filled.reduce((sum, { done }) => sum + done, 0),
      30,
    );
    assert.deepEqual(
      filled.flatMap(({ failures }) => failures),
      [],
    );
    assert.equal(await sentTo(names[1]!), "eu", "the first client for what it has by now");

    assert.equal(await deploy([...names, "2.0/new"], [us, eu]), "");
    assert.equal(state.outputs["incomplete"], undefined);
  });

  it("what the fill brought is removed with the manifest's line, and a mirror that was made again is filled again", async () => {
    assert.equal(await deploy([...names.slice(1), "2.0/new"], [us, eu]), "");
    assert.equal(await has(names[0]!), false);
    for (const name of [...names.slice(1), "2.0/new"]) await stores.remove("eu", `binaries/tool/${name}`);
    const { inputs, outputs } = (await provider.read!({
      ...call,
      id: "tool:tool",
      inputs: state.inputs,
      outputs: state.outputs,
    }))!;
    state = { inputs: inputs!, outputs: outputs! };
    assert.equal(await deploy([...names.slice(1), "2.0/new"], [us, eu]), eu.name);
    assert.equal(await has(names[1]!), false);
  });
});
