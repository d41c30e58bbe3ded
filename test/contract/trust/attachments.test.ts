/** What may be attached to a promoted image: only statements about it, never what somebody could run; and it is shown before it is published. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "mocha";
import type { Properties } from "../../../components/plugin/properties.ts";
import { imagePromotion } from "../../../components/promotion/images/images.ts";
import { promotionProvider } from "../../../components/promotion/provider/provider.ts";
import type { Context, ImagesRequest } from "../../../components/promotion/run/request.ts";
import { inspect, type Pushed, Pusher, referrers, startRegistry, type TestRegistry } from "../../support/registries.ts";

describe("attachments", () => {
  let registry: TestRegistry;
  const promotion = imagePromotion();
  const context: Context = { signal: new AbortController().signal, report: () => {} };
  before(async () => {
    registry = await startRegistry("olareg");
  });
  after(async () => {
    await promotion.close();
    await registry.remove();
  });

  let projects = 0;
  const project = () => {
    const name = `p${projects++}`;
    const staging = new Pusher(registry.host, `staging/${name}/app`);
    const request = (image: Pushed, more: Partial<ImagesRequest> = {}): ImagesRequest => ({
      project: name,
      images: `app:v1 ${image.digest}\n`,
      prefix: name,
      staging: `${registry.host}/staging/${name}`,
      mirrors: ["m0", "m1"].map((mirror) => ({ name: mirror, repository: `${registry.host}/${mirror}` })),
      layerMirrors: [],
      mutableTags: [],
      removalShare: 1,
      storage: {},
      ...more,
    });
    const production = (mirror: string) => `${mirror}/${name}/app`;
    return { name, staging, request, production };
  };
  const tagOf = ({ digest }: Pushed, suffix: string) => `${digest.replace(":", "-")}.${suffix}`;
  const signed = async (staging: Pusher, tag: string, payloads: readonly Buffer[]) => {
    const config = await staging.blob(Buffer.from(JSON.stringify({ architecture: "", os: "", config: {} })));
    const layers = [];
    for (const payload of payloads)
      layers.push({
        ...(await staging.blob(payload)),
        mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
        annotations: { "dev.cosignproject.cosign/signature": payload.toString("base64") },
      });
    const content = {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { ...config, mediaType: "application/vnd.oci.image.config.v1+json" },
      layers,
    };
    return staging.manifest(content, [tag]);
  };
  const runnable = async (staging: Pusher, more: Record<string, unknown> = {}) => {
    const config = {
      os: "linux",
      architecture: "amd64",
      config: { Cmd: ["/evil"] },
      nonce: randomBytes(8).toString("hex"),
    };
    const pushed = await staging.blob(Buffer.from(JSON.stringify(config)));
    const layer = await staging.blob(randomBytes(200));
    return {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { ...pushed, mediaType: "application/vnd.oci.image.config.v1+json" },
      layers: [layer],
      ...more,
    };
  };

  it("trust 1: a runnable image as signature, an index as attestation, a runnable image as referrer are named and stay out", async () => {
    const { staging, request, production } = project();
    const image = await staging.image({ tags: ["v1"] });
    const evil = await staging.manifest(await runnable(staging), [tagOf(image, "sig")]);
    const index = await staging.index([await staging.image()], [tagOf(image, "att")]);
    const referrer = await staging.manifest(await runnable(staging, { subject: image }));
    const disguised = await staging.manifest(
      await runnable(staging, { subject: image, artifactType: "application/spdx+json" }),
    );
    const sbom = await staging.signature(image, "sbom");

    const preview = await promotion.preview(request(image), undefined, context);
    assert.deepEqual(preview.errors, []);
    assert.deepEqual(preview.attachments, [`+ SBOM ${sbom.digest} of app:v1`]);
    const said = preview.warnings.join("\n");
    for (const { digest } of [evil, index, referrer, disguised])
      assert.match(
        said,
        new RegExp(`image app:v1 ${image.digest}: the (tag|referrer).* ${digest} of app:v1 stays out: `),
      );

    const outcome = await promotion.promote(request(image), undefined, context);
    assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
    for (const mirror of ["m0", "m1"]) {
      const { tags } = await inspect(registry.host, production(mirror));
      assert.deepEqual(tags, { v1: image.digest, [tagOf(image, "sbom")]: sbom.digest });
      assert.deepEqual(await referrers(registry.host, production(mirror), image.digest), []);
    }
  });

  it("a removed image loses what is attached to it: the preview says so, unless another image that stays lists it", async () => {
    const { staging, request } = project();
    const [image, child, kept] = [await staging.image(), await staging.image(), await staging.image()];
    const index = await staging.index([child]);
    const [signature, sbom] = [await staging.signature(image), await staging.image({ subject: image })];
    await staging.signature(child);
    const lines = (...all: [string, Pushed][]) => all.map(([tag, { digest }]) => `app:${tag} ${digest}\n`).join("");
    const whole = request(image, { images: lines(["v1", image], ["v1-amd64", child], ["v2", index], ["v3", kept]) });
    assert.deepEqual((await promotion.promote(whole, undefined, context)).failures, []);
    const less = { ...whole, images: lines(["v2", index], ["v3", kept]) };
    const preview = await promotion.preview(less, { request: whole, incomplete: {} }, context);
    assert.deepEqual([preview.errors, preview.warnings], [[], []]);
    assert.deepEqual(preview.attachments, [
      `- SBOM ${sbom.digest} of app@${image.digest}`,
      `- signature ${signature.digest} of app@${image.digest}`,
    ]);
  });

  it("what a killed run brought to one mirror stays while staging cannot be read: only staging says what is stray", async () => {
    const { staging, request, production } = project();
    const image = await staging.image({ tags: ["v1"] });
    await staging.signature(image);
    const promoted = await promotion.promote(request(image), undefined, context);
    assert.deepEqual([promoted.failures, promoted.incomplete], [[], {}]);
    const { attached } = promoted;
    const refreshed = (request: ImagesRequest) => promotion.takeInventory(request, { ...context, attached });
    // Made later in staging; a run was killed when one mirror had it, and the state does not have it.
    const sbom = async (at: Pusher, text: string) =>
      at.manifest({
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        artifactType: "application/spdx+json",
        config: { ...(await at.blob(Buffer.from("{}"))), mediaType: "application/vnd.oci.empty.v1+json" },
        layers: [{ ...(await at.blob(Buffer.from(text))), mediaType: "application/spdx+json" }],
        subject: image,
      });
    const late = await sbom(staging, "late");
    const mirror = new Pusher(registry.host, production("m1"));
    await sbom(mirror, "late");
    await sbom(mirror, "what nobody promoted");
    const there = async (mirror: string) => (await referrers(registry.host, production(mirror), image.digest)).sort();
    const before = await there("m1");
    assert.equal(before.length, 2);

    const unreachable = request(image, { staging: "127.0.0.1:1/staging" });
    const found = await refreshed(unreachable);
    assert.deepEqual(found.failures, []);
    const said = (found.notes ?? []).filter((line) => line.includes("no run has recorded it"));
    assert.equal(said.length, 2, found.notes?.join("\n"));
    const halfway = { request: unreachable, incomplete: { m1: `~ app@${image.digest}\n` }, attached };
    const left = await promotion.promote(unreachable, halfway, context);
    assert.deepEqual(left.failures, []);
    assert.deepEqual(await there("m1"), before, "nothing is removed");
    assert.deepEqual(await there("m0"), [], "nothing is copied");
    assert.equal(left.attached, attached, "nothing is recorded");

    const again = await refreshed(request(image));
    const previous = { request: request(image), incomplete: again.incomplete, attached: again.attached };
    const outcome = await promotion.promote(request(image), previous, context);
    assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
    for (const name of ["m0", "m1"]) assert.deepEqual(await there(name), [late.digest], name);
  });

  it("what is attached to something that stays out stays out too", async () => {
    const { staging, request, production } = project();
    const image = await staging.image({ tags: ["v1"] });
    const evil = await staging.manifest(await runnable(staging, { subject: image }));
    const signature = await staging.signature(evil);
    const preview = await promotion.preview(request(image), undefined, context);
    assert.deepEqual(preview.attachments, []);
    assert.match(preview.warnings.join("\n"), new RegExp(`${signature.digest} of ${evil.digest} of app:v1 stays out`));
    await promotion.promote(request(image), undefined, context);
    assert.deepEqual((await inspect(registry.host, production("m1"))).tags, { v1: image.digest });
  });

  it("an artifact type that the project names is published, up to the size that it sets", async () => {
    const { staging, request, production } = project();
    const image = await staging.image();
    const report = async (bytes: number) =>
      staging.manifest({
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        artifactType: "application/vnd.example.report",
        config: { ...(await staging.blob(Buffer.from("{}"))), mediaType: "application/vnd.oci.empty.v1+json" },
        layers: [{ ...(await staging.blob(randomBytes(bytes))), mediaType: "text/plain" }],
        subject: image,
      });
    const [small, large] = [await report(100), await report(5000)];
    const attachments = { artifactTypes: ["application/vnd.example.report"], bytes: 4096 };
    const preview = await promotion.preview(request(image, { attachments }), undefined, context);
    assert.deepEqual(preview.attachments, [`+ artifact ${small.digest} of app:v1`]);
    assert.match(preview.warnings.join("\n"), new RegExp(`${large.digest} of app:v1 stays out: it has 4.9 KiB`));
    await promotion.promote(request(image, { attachments }), undefined, context);
    assert.deepEqual(await referrers(registry.host, production("m1"), image.digest), [small.digest]);
  });

  it("trust 3: what is signed after the promotion, and signed once more, is drift, and arrives with the next run", async () => {
    const { staging, request, production } = project();
    const image = await staging.image();
    const asked = request(image);
    await promotion.promote(asked, undefined, context);
    const arrives = async (tag: string, signature: Pushed) => {
      const inventory = await promotion.takeInventory(asked, context);
      assert.deepEqual(inventory.failures, []);
      const incomplete = `~ app@${image.digest}\n`;
      assert.deepEqual(inventory.incomplete, { m0: incomplete, m1: incomplete });
      assert.deepEqual(inventory.notes, [`+ signature ${signature.digest} of app:v1 is in staging, not in m0, m1`]);
      const outcome = await promotion.promote(asked, { request: asked, incomplete: inventory.incomplete }, context);
      assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
      assert.deepEqual([...(outcome.copied ?? [])], [image.digest], "the catalogue looks at it again");
      for (const mirror of ["m0", "m1"])
        assert.equal((await inspect(registry.host, production(mirror))).tags[tag], signature.digest);
      const after = await promotion.takeInventory(asked, context);
      assert.deepEqual([after.incomplete, after.notes], [{}, undefined]);
    };
    const tag = tagOf(image, "sig");
    const first = await signed(staging, tag, [Buffer.from("first")]);
    await arrives(tag, first);
    await arrives(tag, await signed(staging, tag, [Buffer.from("first"), Buffer.from("second")]));

    const kept = (await inspect(registry.host, production("m0"))).tags;
    await signed(staging, tag, [Buffer.from("another")]);
    const inventory = await promotion.takeInventory(asked, context);
    assert.deepEqual(
      [inventory.incomplete, inventory.notes],
      [{}, undefined],
      "a signature in place of others is not taken",
    );
    const all = { m0: `~ app@${image.digest}\n`, m1: `~ app@${image.digest}\n` };
    await promotion.promote(asked, { request: asked, incomplete: all }, context);
    assert.deepEqual((await inspect(registry.host, production("m0"))).tags, kept);

    const sbom = await staging.image({ subject: image });
    const late = await promotion.takeInventory(asked, context);
    assert.deepEqual(late.notes, [`+ SBOM ${sbom.digest} of app:v1 is in staging, not in m0, m1`]);
    await staging.manifest(await runnable(staging, { subject: image }));
    assert.deepEqual((await promotion.takeInventory(asked, context)).notes, late.notes, "what stays out is no drift");
  });

  it("trust 3 by the engine: a refresh names what was signed since and differs, which is drift, and the next up brings it", async () => {
    const { staging, request, production } = project();
    const image = await staging.image();
    const said: string[] = [];
    const provider = promotionProvider({
      status: async () => {},
      lasting: async (_urn, severity, message) => {
        said.push(`${severity}: ${message}`);
      },
    });
    const type = "promotion:index:PromotedImages";
    const inputs = { ...request(image), summary: "1 image" } as unknown as Properties;
    const resource = { urn: `urn:pulumi:s::p::${type}::app`, type, name: "app" };
    const made = await provider.create({ ...resource, inputs, preview: false });
    const refreshed = async (outputs: Properties) => {
      said.length = 0;
      const found = (await provider.read({ ...resource, id: made.id, inputs, outputs }))!;
      const states = { id: made.id, olds: found.outputs, oldInputs: found.inputs };
      return { ...states, changed: (await provider.diff!({ ...resource, ...states, news: inputs })).changed };
    };
    assert.deepEqual([(await refreshed(made.outputs)).changed, said], [[], []]);
    const tag = tagOf(image, "sig");
    const signature = await signed(staging, tag, [Buffer.from("late")]);
    const { changed, ...states } = await refreshed(made.outputs);
    assert.notDeepEqual(changed, [], "what `--expect-no-changes` fails on");
    const note = `+ signature ${signature.digest} of app:v1 is in staging, not in m0, m1`;
    assert.ok(said.includes(`warning: What the next \`pulumi up --refresh\` brings:\n  ${note}`), said.join("\n"));
    const { outputs } = await provider.update!({ ...resource, ...states, inputs, preview: false });
    for (const mirror of ["m0", "m1"])
      assert.equal((await inspect(registry.host, production(mirror))).tags[tag], signature.digest);
    assert.deepEqual([(await refreshed(outputs)).changed, said], [[], []]);
  });

  it("trust 4: OCI manifests that would fill the memory are refused by preview and run, and the image is not published without them", async () => {
    const { staging, request, production } = project();
    const image = await staging.image();
    const list = [];
    for (let index = 0; index < 4; index++) {
      const annotations = { filler: "x".repeat(700_000), index: `${index}` };
      const type = "application/vnd.dev.sigstore.bundle.v0.3+json";
      list.push(
        await staging.manifest({
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          artifactType: type,
          config: { ...(await staging.blob(Buffer.from("{}"))), mediaType: "application/vnd.oci.empty.v1+json" },
          layers: [{ ...(await staging.blob(Buffer.from("{}"))), mediaType: type }],
          subject: image,
          annotations,
        }),
      );
    }
    const why = /the OCI manifests of its attachments have more than 2\.0 MiB/;
    const preview = await promotion.preview(request(image), undefined, context);
    assert.match(preview.errors.join("\n"), why);
    const outcome = await promotion.promote(request(image), undefined, context);
    assert.match(outcome.failures.join("\n"), why);
    assert.deepEqual((await inspect(registry.host, production("m0"))).tags, {});
  });
});
