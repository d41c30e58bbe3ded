/** Real cosign: it signs what the policy requires, and verifies what was promoted and what the promotion signed, through the redirector, in the mirror that is
 * not canonical: a bucket. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { after, before, it } from "mocha";
import { promoteFiles } from "../../../components/promotion/files/files.ts";
import { imagePromotion } from "../../../components/promotion/images/images.ts";
import type { Context, FilesRequest, ImagesRequest } from "../../../components/promotion/run/request.ts";
import { storeAddress } from "../../../components/promotion/run/store-address.ts";
import { toolPath } from "../../../local/tools/tools.ts";
import { describeUnless, itUnless } from "../../support/annotations.ts";
import { cosignIn } from "../../support/cosign.ts";
import { linesByTag } from "../../support/image-lines.ts";
import { type ObjectStores, startObjectStores } from "../../support/object-stores.ts";
import { pageCosignCommand } from "../../support/page-proof-commands.ts";
import { givenPeer, sigstorePath } from "../../support/peers.ts";
import { type RunningRedirector, startRedirector } from "../../support/redirector-process.ts";
import { type Pushed, Pusher, sha256, startRegistry, type TestRegistry } from "../../support/registries.ts";
import { keySigning } from "../../support/signing.ts";
import { pemOf, testKeyPair, testSigstore } from "../../support/sigstore.ts";

const cosign = await sigstorePath("cosign");
const slsaVerifier = givenPeer("slsa-verifier");
const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";
const summary = "https://slsa.dev/verification_summary/v1";

const unbuilt =
  cosign === undefined
    ? "cosign is not built, which takes minutes: ARTIFACTS_BUILD_COSIGN=1 npm test -- trust/cosign builds it"
    : undefined;

describeUnless(unbuilt, "trust: real cosign", () => {
  let registry: TestRegistry;
  let stores: ObjectStores;
  let redirector: RunningRedirector;
  let folder: string;
  const promotion = imagePromotion();
  const context: Context = { signal: new AbortController().signal, report: () => {} };
  const run = (...args: readonly string[]) => cosignIn(folder, cosign!)(...args);
  before(async () => {
    [registry, stores] = await Promise.all([startRegistry("olareg"), startObjectStores()]);
    await stores.makeBucket("s3", "m1-images");
    await stores.letAllRead("m1-images");
    const at = (name: string, longitude: number) => ({ name, region: name, latitude: 41, longitude });
    redirector = await startRedirector({
      config: {
        host: "artifacts.example.org",
        region: { name: "m1", latitude: 41, longitude: 3 },
        imageMirrors: [
          { ...at("m0", -95), url: `http://${registry.host}/v2/m0`, cloud: "gcp" },
          { ...at("m1", 3), url: `${stores.s3}/m1-images`, kind: "objects", cloud: "aws" },
        ],
        fileMirrors: [],
      },
    });
    folder = await mkdtemp(join(tmpdir(), "artifacts-cosign-"));
    assert.equal((await run("generate-key-pair")).code, 0);
    const key = testKeyPair();
    await writeFile(join(folder, "promotions.pem"), key.privateKey.export({ type: "pkcs8", format: "pem" }));
    await writeFile(join(folder, "promotions.pub"), pemOf(key));
    await writeFile(join(folder, "project.yaml"), "description: A tool.\n");
  });
  after(async () => {
    await promotion.close();
    await redirector.stop();
    await Promise.all([registry.remove(), stores.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  it("cosign signs by key; what is signed is promoted, and cosign verifies it and its verification summary through the redirector from the far mirror", async () => {
    const staging = new Pusher(registry.host, "staging/tool/app");
    const [signed, child, unsigned] = [await staging.image(), await staging.image(), await staging.image()];
    const root = await staging.index([child]);
    for (const image of [signed, root]) {
      const at = `${registry.host}/staging/tool/app@${image.digest}`;
      const made = await run("sign", "--key", "cosign.key", "--yes", ...offline.sign, at);
      assert.equal(made.code, 0, made.text);
    }
    const key = await readFile(join(folder, "cosign.pub"), "utf8");
    const images: Readonly<Record<string, Pushed>> = { signed, root, unsigned };
    const request: ImagesRequest = {
      project: "tool",
      images: linesByTag(images),
      prefix: "tool",
      staging: `${registry.host}/staging/tool`,
      mirrors: [
        { name: "m0", repository: `${registry.host}/m0` },
        { name: "m1", repository: storeAddress({ kind: "s3", bucket: "m1-images", region: "us-east-1" }) },
      ],
      layerMirrors: [],
      mutableTags: [],
      removalShare: 1,
      trust: { mode: "require", signers: [{ key }], predicates: [], trustedRoot: "" },
      signing: keySigning({ key: join(folder, "promotions.pem"), policyFile: join(folder, "project.yaml") }),
      storage: { s3Endpoint: stores.s3, s3UsePathStyle: true },
    };
    const preview = await promotion.preview(request, undefined, context);
    assert.equal(preview.errors.length, 1, preview.errors.join("\n"));
    assert.match(preview.errors[0]!, /app:unsigned .*requires a signature by a key of the policy/);
    const { failures } = await promotion.promote(request, undefined, context);
    assert.equal(failures.length, 1, failures.join("\n"));

    const far = (tagOrDigest: string) => `127.0.0.1:${redirector.port}/tool/app${tagOrDigest}`;
    const verify = (pub: string, at: string) => run("verify", "--key", pub, ...offline.verify, at);
    const attested = (pub: string, at: string) =>
      run("verify-attestation", "--key", pub, "--type", summary, ...offline.verify, at);
    for (const at of [far(":signed"), far(":root")]) {
      const project = await verify("cosign.pub", at);
      assert.equal(project.code, 0, project.text);
    }
    for (const at of [far(":signed"), far(":root"), far(`@${child.digest}`)]) {
      const proof = await attested("promotions.pub", at);
      assert.equal(proof.code, 0, `${at}: ${proof.text}`);
    }
    const shown = await pageCosignCommand(
      { host: far("").split("/")[0]!, repository: "tool/app", digest: root.digest },
      request.signing!,
    );
    assert.deepEqual(shown.slice(0, 1), ["verify-attestation"]);
    const byPage = await run(...shown, "--allow-http-registry");
    assert.equal(byPage.code, 0, byPage.text);
    assert.notEqual((await attested("cosign.pub", far(":root"))).code, 0, "by another key");
    assert.notEqual((await verify("cosign.pub", far(":unsigned"))).code, 0, "what is not promoted");
    await redirector.logged(/ manifest m1/);
    assert.doesNotMatch(redirector.output(), / (manifest|blob) m0/, "from the far mirror alone");
  });

  it("a file's promotion is verified by cosign with the proof beside it, and by nobody with another file or key", async () => {
    for (const bucket of ["staging-files", "files"]) await stores.makeBucket("gcs", bucket);
    const key = testKeyPair();
    const digest = sha256(Buffer.from("the tool"));
    const builder = "https://builder.example.org";
    const provenance = {
      predicateType: "https://slsa.dev/provenance/v1",
      predicate: { runDetails: { builder: { id: builder } } },
    };
    const sigstore = await testSigstore();
    const signed = [await sigstore.bundle({ digest, key }), await sigstore.bundle({ digest, key, ...provenance })];
    const staged = { tool: "the tool", "tool.sigstore.json": signed.join("\n") };
    for (const [path, content] of Object.entries(staged)) await stores.stage("staging-files", path, content);
    const lines = Object.entries(staged).map(([path, content]) => `${path} ${sha256(Buffer.from(content))}\n`);
    const request: FilesRequest = {
      project: "tool",
      files: lines.join(""),
      trust: {
        mode: "require",
        signers: [{ key: pemOf(key) }],
        provenance: { builders: [builder] },
        predicates: [],
        trustedRoot: "",
      },
      prefix: "tool",
      staging: "staging-files",
      mirrors: [{ name: "m0", kind: "gcs", bucket: "files", region: "us" }],
      removalShare: 1,
      signing: keySigning({ key: join(folder, "promotions.pem"), policyFile: join(folder, "project.yaml") }),
      storage: stores.settings,
    };
    assert.deepEqual((await promoteFiles(request, undefined, context)).failures, []);
    for (const name of ["tool", "tool.promotion.sigstore.json"])
      await writeFile(join(folder, name), (await stores.served("files", `binaries/tool/${name}`))!.bytes);
    await writeFile(join(folder, "other"), "another tool");
    const verify = (file: string, pub: string) =>
      run(
        ...["verify-blob-attestation", "--key", pub, "--bundle", "tool.promotion.sigstore.json", "--type", summary],
        ...["--insecure-ignore-tlog=true", file],
      );
    const good = await verify("tool", "promotions.pub");
    assert.equal(good.code, 0, good.text);
    assert.notEqual((await verify("other", "promotions.pub")).code, 0);
    assert.notEqual((await verify("tool", "cosign.pub")).code, 0);
  });

  const noVerifier =
    slsaVerifier === undefined
      ? "slsa-verifier is not in the folder of $ARTIFACTS_PEERS, and the Go module proxy has none"
      : undefined;
  itUnless(
    noVerifier,
    "slsa-verifier verifies a file's summary at its level and name, and reads that of an image through the redirector",
    async () => {
      const host = `127.0.0.1:${redirector.port}`;
      const call = promisify(execFile);
      const env = { PATH: process.env["PATH"], HOME: folder };
      const regctl = await toolPath("regctl");
      await call(regctl, ["registry", "set", "--tls", "disabled", host], { env });
      const { stdout } = await call(
        regctl,
        ["artifact", "get", "--subject", `${host}/tool/app:signed`, "--filter-artifact-type", bundleType].concat([
          ...["--filter-annotation", `dev.sigstore.bundle.predicateType=${summary}`],
        ]),
        { env },
      );
      const bundleIn = (text: string) => JSON.parse(text) as { dsseEnvelope: { payload: string } };
      const bundle = bundleIn(stdout);
      const file = bundleIn(await readFile(join(folder, "tool.promotion.sigstore.json"), "utf8"));
      const verify = async (each: typeof bundle, uri: string, ...levels: string[]) => {
        const envelope = join(folder, "vsa.intoto.jsonl");
        await writeFile(envelope, JSON.stringify(each.dsseEnvelope));
        const payload = JSON.parse(Buffer.from(each.dsseEnvelope.payload, "base64").toString("utf8")) as {
          subject: { digest: { sha256: string } }[];
        };
        return await call(slsaVerifier!, [
          ...["verify-vsa", "--subject-digest", `sha256:${payload.subject[0]!.digest.sha256}`],
          ...["--attestation-path", envelope, "--verifier-id", "https://github.com/example/artifacts"],
          ...["--resource-uri", uri, "--public-key-path", join(folder, "promotions.pub")],
          ...levels.flatMap((level) => ["--verified-level", level]),
        ]);
      };
      const url = "https://artifacts.example.org/binaries/tool/tool";
      await verify(file, url);
      await verify(file, url, "SLSA_BUILD_LEVEL_2");
      await assert.rejects(verify(file, url, "SLSA_BUILD_LEVEL_3"), /verified levels do not match/);
      await assert.rejects(verify(file, `${url}x`), /SLSA verification failed/);
      // The image has no provenance. This program knows no result without a level, though the SLSA specification does.
      const image = "oci://artifacts.example.org/tool/app";
      await assert.rejects(verify(bundle, image), /invalid SLSA level: SLSA_BUILD_LEVEL_UNEVALUATED/);
    },
  );

  it("what the far mirror lacks yet is verified through the redirector: it is in the canonical mirror", async () => {
    const late = await new Pusher(registry.host, "m0/tool/late").image({ tags: ["v1"] });
    const made = await run(
      ...["sign", "--key", "cosign.key", "--yes", ...offline.sign, `${registry.host}/m0/tool/late@${late.digest}`],
    );
    assert.equal(made.code, 0, made.text);
    const at = `127.0.0.1:${redirector.port}/tool/late:v1`;
    const verified = await run("verify", "--key", "cosign.pub", ...offline.verify, at);
    assert.equal(verified.code, 0, verified.text);
  });
});

/** Registries on loopback have no TLS; by key nothing is logged. */
const offline = {
  sign: ["--allow-http-registry", "--tlog-upload=false", "--use-signing-config=false"],
  verify: ["--allow-http-registry", "--insecure-ignore-tlog=true"],
};
