/** A project requires signatures: what is signed is promoted with the promotion's own proof, what is not is refused in the preview. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { demoManifestsFolder } from "../../local/seed/demo-manifests.ts";
import { copyManifests } from "../../local/seed/scratch-manifests.ts";
import { demoPublicKey, signImage } from "../../local/seed/signature.ts";
import type { Stack } from "../../local/tools/stack.ts";
import { cosignIn } from "../support/cosign.ts";
import { serveOnLoopback } from "../support/loopback-server.ts";
import { sigstorePath } from "../support/peers.ts";
import { type Pushed, Pusher } from "../support/registries.ts";
import type { Workspace } from "../support/rehearsal/rehearsal.ts";
import { appendRelease } from "../support/seed/edit-manifests.ts";
import { pemOf, testKeyPair } from "../support/sigstore.ts";

const image = "semver/semver";
const summary = "https://slsa.dev/verification_summary/v1";

/** The running rehearsal. */
interface Place {
  readonly workspace: Workspace;
  readonly stack: Stack;
  /** `127.0.0.1:<port>/<project>/<repository>` of the project `semver` in staging. */
  readonly staging: string;
  /** URL where clients reach the redirector. */
  readonly site: string;
  /** `127.0.0.1:<port>` of the registry in europe-west1, which is not the canonical mirror. */
  readonly far: string;
}

/**
 * Promotes a signed image of the project `semver` under a policy that requires signatures, refuses an unsigned one in the preview, and verifies the
 * promoted image and its verification summary through the redirector, as a client near the mirror that is not canonical. Leaves production as it was.
 * @returns who verified: `artifacts verify`, and cosign where it is built.
 */
export async function promoteSigned({ workspace, stack, staging, site, far }: Place): Promise<string[]> {
  const folder = join(workspace.folder, "signed");
  const manifests = join(folder, "manifests");
  const promotions = testKeyPair();
  const keys = { project: join(folder, "demo.pub"), promotions: join(folder, "promotions.pub") };
  const keyFile = join(folder, "promotions.pem");
  await mkdir(folder);
  await copyManifests(demoManifestsFolder, manifests);
  await requireSignatures(join(manifests, "semver/project.yaml"));
  await Promise.all([
    writeFile(keyFile, promotions.privateKey.export({ type: "pkcs8", format: "pem" })),
    writeFile(keys.project, demoPublicKey()),
    writeFile(keys.promotions, pemOf(promotions)),
  ]);
  const host = staging.slice(0, staging.indexOf("/"));
  const pusher = new Pusher(host, `${staging.slice(host.length + 1)}/semver`);
  const [signed, unsigned] = [await pusher.image(), await pusher.image()];
  await sign(pusher, signed);
  await appendRelease(manifests, "semver", "semver", { digest: signed.digest, tags: ["v9.0.0-signed"] });
  const release = await readFile(join(manifests, "semver/images.yaml"), "utf8");
  await appendRelease(manifests, "semver", "semver", { digest: unsigned.digest, tags: ["v9.0.0-unsigned"] });
  const settings = { "artifacts:signing": { by: "key", keyFile } };

  await stack.configure(manifests, settings);
  const preview = await stack.run(["preview"], { quiet: true });
  assert.notEqual(preview.code, 0, preview.output);
  const refused = new RegExp(`v9\\.0\\.0-unsigned ${unsigned.digest}: the trust policy of the project requires`);
  assert.match(preview.output, refused);
  assert.match(preview.output, /semver:v9\.0\.0-signed: signed by a trusted key/);
  assert.doesNotMatch(preview.output, /v9\.0\.0-signed sha256:\w+: the trust policy/);

  await writeFile(join(manifests, "semver/images.yaml"), release);
  const up = await stack.run(["up", "--yes", "--skip-preview"], { quiet: true });
  assert.equal(up.code, 0, up.output);
  const client = await clientAt(site, "52.52,13.40");
  try {
    return await verifyServed(workspace, client, keys, far);
  } finally {
    await client.close();
    // As one who takes a release back: the share of the project is small, so it is confirmed.
    await stack.configure(demoManifestsFolder, { "promotion:confirmRemoval": "semver" });
    const back = await stack.run(["up", "--yes", "--skip-preview"], { quiet: true });
    assert.equal(back.code, 0, back.output);
    await stack.configure(demoManifestsFolder);
  }
}

async function verifyServed(
  workspace: Workspace,
  client: Client,
  keys: { readonly project: string; readonly promotions: string },
  far: string,
): Promise<string[]> {
  const reference = `${client.host}/${image}:v9.0.0-signed`;
  const ours = async (key: string, ...more: string[]) => {
    const run = workspace.artifacts("verify", reference, "--key", key, ...more);
    const code = await run.ended;
    return { code, text: run.output };
  };
  for (const found of [await ours(keys.project), await ours(keys.promotions, "--type", summary)])
    assert.equal(found.code, 0, found.text);
  const swapped = await ours(keys.project, "--type", summary);
  assert.equal(swapped.code, 1, swapped.text);
  // What is nowhere, a signature of the proof, is looked for in the canonical mirror too.
  const served = [...client.sentTo].filter(([path]) => /\/blobs\/|\/manifests\/v9/.test(path));
  assert.ok(served.length >= 3, "the image's manifest, its signature, its proof");
  for (const [path, to] of served) assert.equal(to, far, path);

  const cosign = await sigstorePath("cosign");
  if (cosign === undefined) return ["artifacts verify"];
  const run = cosignIn(join(workspace.folder, "signed"), cosign);
  const offline = ["--allow-http-registry", "--insecure-ignore-tlog=true"];
  const attestation = ["verify-attestation", "--key", keys.promotions, "--type", summary];
  for (const args of [
    ["verify", "--key", keys.project, ...offline, "--new-bundle-format=false", reference],
    [...attestation, ...offline, reference],
  ]) {
    const found = await run(...args);
    assert.equal(found.code, 0, found.text);
  }
  return ["artifacts verify", "cosign"];
}

async function requireSignatures(file: string): Promise<void> {
  const key = demoPublicKey().trimEnd().split("\n");
  const lines = ["trust:", "  mode: require", "  signers:", "    - key: |", ...key.map((line) => `        ${line}`)];
  await writeFile(file, `${await readFile(file, "utf8")}${lines.join("\n")}\n`);
}

/** Signs as the demo's releases are signed. */
async function sign(pusher: Pusher, { digest }: Pushed): Promise<void> {
  const { tag, manifest, blobs } = signImage("semver", { digest, mediaType: "", bytes: Buffer.alloc(0) });
  for (const { bytes } of blobs) await pusher.blob(bytes);
  await pusher.manifest(JSON.parse(Buffer.from(manifest.bytes).toString("utf8")) as Record<string, unknown>, [tag]);
}

/** A client somewhere in the world. */
interface Client {
  /** Where its registry clients reach the redirector. */
  readonly host: string;
  /** The host to which the redirector sent them, by path. */
  readonly sentTo: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

/** Registry clients send no location: a proxy before the load balancer adds it. @param at latitude and longitude. */
async function clientAt(site: string, at: string): Promise<Client> {
  const sentTo = new Map<string, string>();
  const server = await serveOnLoopback(({ method, url, headers }, response) => {
    const forwarded = request(new URL(url!, site), { method, headers: { ...headers, "x-rehearsal-client": at } });
    forwarded.on("response", (answer) => {
      const { location } = answer.headers;
      if (location !== undefined && URL.canParse(location)) sentTo.set(url!, new URL(location).host);
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    forwarded.on("error", () => response.destroy());
    forwarded.end();
  });
  return {
    host: server.host,
    sentTo,
    close: server.close,
  };
}
