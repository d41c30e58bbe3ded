/** Keyless signatures of real servers: certificates of Fulcio for the tokens of workflows, times of a timestamp authority; made and verified by cosign too. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "mocha";
import { imagePromotion } from "../../../components/promotion/images/images.ts";
import type { Context, ImagesRequest } from "../../../components/promotion/run/request.ts";
import { describeUnless } from "../../support/annotations.ts";
import { cosignIn } from "../../support/cosign.ts";
import { linesByTag } from "../../support/image-lines.ts";
import { pageCosignCommand } from "../../support/page-proof-commands.ts";
import { sigstorePath } from "../../support/peers.ts";
import { type PrivateSigstore, startPrivateSigstore } from "../../support/private-sigstore.ts";
import { type Pushed, Pusher, startRegistry, type TestRegistry } from "../../support/registries.ts";
import { keySigning } from "../../support/signing.ts";

const [cosign, fulcio, timestamps] = [
  await sigstorePath("cosign"),
  await sigstorePath("fulcio"),
  await sigstorePath("timestamp-server"),
];
const unbuilt =
  cosign === undefined || fulcio === undefined || timestamps === undefined
    ? "cosign, fulcio and timestamp-server are not built, which takes minutes: ARTIFACTS_BUILD_COSIGN=1 npm test -- trust/ builds them"
    : undefined;

const summary = "https://slsa.dev/verification_summary/v1";
const release = "example/tool/.github/workflows/release.yml@refs/tags/v1";
const deploy = "example/artifacts/.github/workflows/deploy.yml@refs/heads/main";

describeUnless(unbuilt, "trust: keyless, by real authorities", () => {
  let registry: TestRegistry;
  let sigstore: PrivateSigstore;
  let folder: string;
  let environment: NodeJS.ProcessEnv;
  const promotion = imagePromotion();
  const context: Context = { signal: new AbortController().signal, report: () => {} };
  const run = (...args: readonly string[]) => cosignIn(folder, cosign!)(...args);
  before(async () => {
    environment = { ...process.env };
    folder = await mkdtemp(join(tmpdir(), "artifacts-keyless-"));
    [registry, sigstore] = await Promise.all([
      startRegistry("olareg"),
      startPrivateSigstore({ fulcio: fulcio!, timestamps: timestamps! }, folder),
    ]);
    await writeFile(join(folder, "trusted_root.json"), sigstore.root);
    await writeFile(join(folder, "project.yaml"), "description: A tool.\n");
  });
  after(async () => {
    process.env = environment;
    await promotion.close();
    await sigstore.stop();
    await registry.remove();
    await rm(folder, { recursive: true, force: true });
  });

  it("what a project's workflow signed with cosign is promoted and signed by the deploying workflow; cosign verifies both, by identity", async () => {
    const staging = new Pusher(registry.host, "staging/tool/app");
    const [signed, foreign] = [await staging.image(), await staging.image()];
    const sign = (image: Pushed, workflow: string) =>
      run(
        ...["sign", "--yes", "--allow-http-registry", "--use-signing-config=false", "--tlog-upload=false"],
        ...["--fulcio-url", sigstore.fulcio, "--timestamp-server-url", `${sigstore.timestamps}/api/v1/timestamp`],
        ...["--trusted-root", "trusted_root.json", "--insecure-skip-verify"],
        ...["--identity-token", sigstore.tokenOf(workflow), `${registry.host}/staging/tool/app@${image.digest}`],
      );
    for (const made of [await sign(signed, release), await sign(foreign, `evil/${release}`)])
      assert.equal(made.code, 0, made.text);
    const trustedRoot = join(folder, "trusted_root.json");
    const { issuer } = sigstore;
    const identity = `https://github.com/${deploy}`;
    const signing = {
      ...keySigning({ key: "", policyFile: join(folder, "project.yaml") }),
      ...{ by: "keyless" as const, fulcio: sigstore.fulcio, timestamps: sigstore.timestamps },
      ...{ identity, issuer, trustedRoot },
    };
    const signers = [{ identityPattern: "https://github.com/example/tool/*@refs/tags/*", issuer }];
    const request: ImagesRequest = {
      project: "tool",
      images: linesByTag({ signed, foreign }),
      prefix: "tool",
      staging: `${registry.host}/staging/tool`,
      mirrors: ["m0", "m1"].map((name) => ({ name, repository: `${registry.host}/${name}` })),
      layerMirrors: [],
      mutableTags: [],
      removalShare: 1,
      trust: { mode: "require", signers, predicates: [], trustedRoot },
      signing,
      storage: {},
    };
    Object.assign(process.env, sigstore.jobOf(deploy));
    const preview = await promotion.preview(request, undefined, context);
    assert.equal(preview.errors.length, 1, preview.errors.join("\n"));
    assert.match(preview.errors[0]!, /app:foreign .*it is signed by https:\/\/github\.com\/evil\/example/);
    const said = `app:signed: signed by https://github.com/${release}, from https://github.com/example/tool refs/tags/v1 (c0ffee`;
    assert.ok(
      preview.trust?.some((line) => line.startsWith(said)),
      preview.trust?.join("\n"),
    );
    // A workflow that is not the one of artifacts:signing promotes nothing.
    Object.assign(process.env, sigstore.jobOf(release));
    const another = await promotion.promote({ ...request, images: linesByTag({ signed }) }, undefined, context);
    const why = `it was signed by https://github.com/${release}, which is not the identity of artifacts:signing`;
    assert.ok(another.failures.join("\n").includes(why), another.failures.join("\n"));
    Object.assign(process.env, sigstore.jobOf(deploy));
    const { failures } = await promotion.promote(request, undefined, context);
    assert.equal(failures.length, 1, failures.join("\n"));

    const far = `${registry.host}/m1/tool/app:signed`;
    const verify = (command: readonly string[], workflow: string) =>
      run(
        ...command,
        ...["--allow-http-registry", "--insecure-ignore-tlog", "--insecure-ignore-sct", "--use-signed-timestamps"],
        ...["--trusted-root", "trusted_root.json", "--certificate-oidc-issuer", issuer],
        ...["--certificate-identity", `https://github.com/${workflow}`, far],
      );
    const attested = ["verify-attestation", "--type", summary];
    for (const found of [await verify(["verify"], release), await verify(attested, deploy)])
      assert.equal(found.code, 0, found.text);
    assert.notEqual((await verify(attested, release)).code, 0, "by another workflow");
    // As the catalogue's page shows it; this Sigstore has no log of certificates.
    const published = { host: registry.host, repository: "m1/tool/app", digest: signed.digest };
    for (const by of [identity, identity.replace("deploy.yml", "*")]) {
      const shown = await pageCosignCommand(published, { ...signing, identity: by });
      const byPage = await run(...shown, "--allow-http-registry", "--insecure-ignore-sct");
      assert.equal(byPage.code, 0, byPage.text);
    }
    const other = await pageCosignCommand(published, { ...signing, identity: `https://github.com/${release}` });
    assert.notEqual((await run(...other, "--allow-http-registry", "--insecure-ignore-sct")).code, 0);

    // A run that may not ask for a token promotes nothing, and says why.
    delete process.env["ACTIONS_ID_TOKEN_REQUEST_URL"];
    const more = await staging.image();
    assert.equal((await sign(more, release)).code, 0);
    const next = { ...request, images: linesByTag({ signed, more }) };
    const tokenless = await promotion.promote(next, { request, incomplete: {} }, context);
    assert.match(tokenless.failures.join("\n"), /app@sha256:\w+.*keyless signing: /);
  });
});
