/** The promotion's own proof of files: beside each file, in every mirror, of GCS and S3. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeleteObjectCommand, GetObjectCommand } from "@aws-sdk/client-s3";
import { after, before, describe, it } from "mocha";
import { attestFiles } from "../../../components/promotion/files/attest-files.ts";
import { previewFiles, promoteFiles, takeFileInventory } from "../../../components/promotion/files/files.ts";
import type { Context, FilesRequest } from "../../../components/promotion/run/request.ts";
import { publicRoots } from "../../../components/promotion/trust/roots.ts";
import { verifyBundle } from "../../../components/promotion/trust/verify-bundle.ts";
import { type ObjectStores, startObjectStores } from "../../support/object-stores.ts";
import { sha256 } from "../../support/registries.ts";
import { keySigning } from "../../support/signing.ts";
import { pemOf, type TestSigstore, testKeyPair, testSigstore } from "../../support/sigstore.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };
const digestOf = (content: string) => sha256(Buffer.from(content));
const proof = (path: string) => `${path}.promotion.sigstore.json`;

describe("trust: the promotion's proof of files", () => {
  let stores: ObjectStores;
  let sigstore: TestSigstore;
  let folder: string;
  let signing: NonNullable<FilesRequest["signing"]>;
  const key = testKeyPair();
  let world = 0;
  before(async () => {
    [stores, sigstore, folder] = [
      await startObjectStores(),
      await testSigstore(),
      await mkdtemp(join(tmpdir(), "artifacts-file-proofs-")),
    ];
    await writeFile(join(folder, "promotions.pem"), key.privateKey.export({ type: "pkcs8", format: "pem" }));
    await writeFile(join(folder, "project.yaml"), "description: A tool.\n");
    signing = keySigning({ key: join(folder, "promotions.pem"), policyFile: join(folder, "project.yaml") });
  });
  after(async () => {
    await stores.stop();
    await rm(folder, { recursive: true });
  });

  const linesOf = (files: Record<string, string>) =>
    Object.entries(files)
      .map(([path, content]) => `${path} ${digestOf(content)}\n`)
      .sort()
      .join("");

  /** A project with staged files, a canonical mirror of GCS and one of S3. */
  const staged = async (files: Record<string, string>, more: Partial<FilesRequest> = {}): Promise<FilesRequest> => {
    world++;
    const [staging, us, aws] = [`proof-staging-${world}`, `proof-us-${world}`, `proof-aws-${world}`];
    for (const bucket of [staging, us]) await stores.makeBucket("gcs", bucket, { versioned: true });
    await stores.makeBucket("s3", aws, { versioned: true });
    for (const [path, content] of Object.entries(files)) await stores.stage(staging, path, content);
    return {
      project: "tool",
      files: linesOf(files),
      prefix: "tool",
      staging,
      removalShare: 1,
      mirrors: [
        { name: "us", kind: "gcs", bucket: us, region: "us-central1" },
        { name: "aws", kind: "s3", bucket: aws, region: "us-east-1" },
      ],
      signing,
      storage: stores.settings,
      ...more,
    };
  };

  interface Served {
    readonly text: string;
    readonly cacheControl: string | null | undefined;
    readonly type: string | null | undefined;
  }
  /** What each mirror serves of a path. */
  const served = async ({ mirrors }: FilesRequest, path: string): Promise<(Served | undefined)[]> => {
    const at = `binaries/tool/${path}`;
    return Promise.all(
      mirrors.map(async ({ kind, bucket }) => {
        if (kind === "gcs") {
          const found = await stores.served(bucket, at);
          const header = (name: string) => found?.headers.get(name);
          return (
            found && {
              text: found.bytes.toString(),
              cacheControl: header("cache-control"),
              type: header("content-type"),
            }
          );
        }
        const found = await stores.s3Client
          .send(new GetObjectCommand({ Bucket: bucket, Key: at }))
          .catch((error: { name: string }) => (error.name === "NoSuchKey" ? undefined : Promise.reject(error)));
        return (
          found && {
            text: await found.Body!.transformToString(),
            cacheControl: found.CacheControl,
            type: found.ContentType,
          }
        );
      }),
    );
  };
  const texts = async (request: FilesRequest, path: string) =>
    (await served(request, path)).map((found) => found?.text);
  /** The one proof that all mirrors have of a file. */
  const proven = async (request: FilesRequest, path: string): Promise<string> => {
    const [first, ...others] = await texts(request, proof(path));
    for (const other of others) assert.equal(other, first, `${path}: the same in every mirror`);
    assert.ok(first, `${path} has a proof`);
    return first;
  };
  const remove = async ({ mirrors }: FilesRequest, name: "us" | "aws", path: string) => {
    const { bucket } = mirrors.find((mirror) => mirror.name === name)!;
    const Key = `binaries/tool/${path}`;
    if (name === "aws") await stores.s3Client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
    else await stores.remove(bucket, Key);
  };
  const promoted = async (request: FilesRequest, before?: FilesRequest, incomplete: Record<string, string> = {}) => {
    const outcome = await promoteFiles(request, before && { request: before, incomplete }, context);
    assert.deepEqual(outcome.failures, []);
    return outcome;
  };
  const unchanged = async (request: FilesRequest) => {
    const { text, incomplete, failures } = await takeFileInventory(request, context);
    assert.deepEqual([text, incomplete, failures], [request.files, {}, []]);
  };

  it("says by which policy what was verified, who approved, and what users download; it is no drift, and made once", async () => {
    const identity = "https://github.com/example/tool/.github/workflows/release.yml@refs/tags/v1";
    const bundle = await sigstore.fileBundle(Buffer.from("tool"), { identity });
    const trustedRoot = join(folder, "root.json");
    await writeFile(trustedRoot, sigstore.root);
    const signers = [{ identity, issuer: "https://token.actions.githubusercontent.com" }];
    const trust = { mode: "warn", signers, predicates: [], trustedRoot } as const;
    const request = await staged({ "v1/tool": "tool", "v1/tool.sigstore.json": bundle, plain: "plain" }, { trust });
    await promoted(request);
    const text = await proven(request, "v1/tool");
    const { statement } = verifyBundle(
      text,
      { content: Buffer.from("tool") },
      { roots: publicRoots(), keys: [pemOf(key)] },
    );
    assert.equal(statement?.predicateType, "https://slsa.dev/verification_summary/v1");
    const { resourceUri, verificationResult, inputAttestations, policy } = statement.predicate;
    const url = "https://artifacts.example.org/binaries/tool/v1/tool";
    assert.deepEqual([resourceUri, verificationResult], [url, "PASSED"]);
    assert.deepEqual(inputAttestations, [
      { uri: `${url}.sigstore.json`, digest: { sha256: digestOf(bundle).slice(7) } },
    ]);
    assert.equal((policy as { digest: { sha256: string } }).digest.sha256, digestOf("description: A tool.\n").slice(7));
    const record = statement.predicate["https://artifacts.example.org/promotion/v1"] as Record<string, unknown>;
    assert.deepEqual([record["project"], record["source"]], ["tool", `gs://${request.staging}/v1/tool`]);
    // Under `warn` what nothing proves is said to have failed.
    const plain = JSON.parse(await proven(request, "plain")) as { dsseEnvelope: { payload: string } };
    assert.match(Buffer.from(plain.dsseEnvelope.payload, "base64").toString(), /"verificationResult":"FAILED"/);

    for (const found of await served(request, proof("v1/tool")))
      assert.deepEqual([found!.cacheControl, found!.type], ["public, max-age=60", "application/json"]);
    assert.deepEqual(await texts(request, proof("v1/tool.sigstore.json")), [undefined, undefined]);
    await unchanged(request);
    assert.match((await promoted(request)).summary, /^nothing to do/);
    assert.equal(await proven(request, "v1/tool"), text);
  });

  it("a run that was killed is completed with the proof that it left; what cannot be signed is promoted nowhere", async () => {
    const request = await staged({ tool: "tool", more: "more" });
    const lost: FilesRequest = { ...request, signing: { ...signing, key: join(folder, "none.pem") } };
    const { failures } = await promoteFiles(lost, undefined, context);
    assert.match(failures.join("\n"), /project tool, file tool sha256:\w+.*: artifacts:signing\.keyFile: .*none\.pem/);
    assert.deepEqual(await texts(request, "tool"), [undefined, undefined]);
    await promoted(request);
    const text = await proven(request, "tool");
    // As if it had been killed when the canonical mirror had the proof, and nothing else was done.
    for (const path of ["tool", proof("tool")]) await remove(request, "aws", path);
    await remove(request, "us", "tool");
    await promoted(request);
    assert.equal(await proven(request, "tool"), text, "it is not signed again");
    assert.deepEqual(await texts(request, "tool"), ["tool", "tool"]);
    await unchanged(request);
  });

  it("a proof that a mirror lost, or has otherwise, is drift and restored; a new mirror gets it, without a new signature", async () => {
    const request = await staged({ tool: "tool", other: "other" });
    await promoted(request);
    const text = await proven(request, "tool");
    const line = `tool ${digestOf("tool")}\n`;
    await remove(request, "aws", proof("tool"));
    const lost = await takeFileInventory(request, context);
    assert.deepEqual([lost.incomplete, lost.text], [{ aws: `~ ${line}` }, linesOf({ other: "other" })]);
    const preview = await previewFiles(request, { request, incomplete: lost.incomplete }, context);
    assert.deepEqual(preview.lines, ["restore the proof of tool in aws"]);
    await promoted(request, request, lost.incomplete);
    assert.equal(await proven(request, "tool"), text);
    await unchanged(request);

    await stores.stage(request.mirrors[0]!.bucket, `binaries/tool/${proof("tool")}`, "junk");
    const changed = await takeFileInventory(request, context);
    assert.deepEqual(changed.incomplete, { us: `~ ${line}`, aws: `~ ${line}` });
    await promoted(request, request, changed.incomplete);
    assert.equal(await proven(request, "tool"), text);

    const bucket = `proof-eu-${world}`;
    await stores.makeBucket("gcs", bucket);
    const wider = {
      ...request,
      mirrors: [...request.mirrors, { name: "eu", kind: "gcs", bucket, region: "eu" }],
    } as const;
    await promoted(wider, request);
    assert.equal(await proven(wider, "tool"), text);
    await unchanged(wider);
  });

  it("a proof goes with its file, also once promotions are not signed any more; one that is left is removed as unwanted", async () => {
    const request = await staged({ tool: "tool", old: "old", older: "older" });
    await promoted(request);
    const without = { ...request, files: linesOf({ tool: "tool", older: "older" }) };
    assert.match((await promoted(without, request)).summary, /removed 2 in 2 mirrors/);
    assert.deepEqual(await texts(request, proof("old")), [undefined, undefined]);
    const unsigned = { ...request, files: linesOf({ tool: "tool" }), signing: undefined };
    await promoted(unsigned, without);
    assert.deepEqual(await texts(request, proof("older")), [undefined, undefined]);
    await unchanged(unsigned);
    await proven(request, "tool");

    await stores.stage(request.mirrors[0]!.bucket, `binaries/tool/${proof("gone")}`, "left");
    const { incomplete } = await takeFileInventory(unsigned, context);
    assert.deepEqual(incomplete, { us: `- ${proof("gone")} ${digestOf("left")}\n` });
    await promoted(unsigned, unsigned, incomplete);
    await unchanged(unsigned);
  });

  it("attest signs what was promoted before, once; a mutable file's new content gets a proof of its own", async () => {
    const request = await staged({ tool: "tool", "latest.txt": "one" }, { mutableFiles: ["latest.txt"] });
    await promoted({ ...request, signing: undefined });
    await promoted(request, { ...request, signing: undefined });
    assert.deepEqual(await texts(request, proof("tool")), [undefined, undefined], "turning it on signs nothing");
    const { failures } = await attestFiles(request, promoteFiles, context);
    assert.deepEqual(failures, []);
    const text = await proven(request, "tool");
    await attestFiles(request, promoteFiles, context);
    assert.equal(await proven(request, "tool"), text);
    await unchanged(request);

    await stores.stage(request.staging, "latest.txt", "two");
    const moved = { ...request, files: linesOf({ tool: "tool", "latest.txt": "two" }) };
    await promoted(moved, request);
    const newer = await proven(moved, "latest.txt");
    verifyBundle(newer, { content: Buffer.from("two") }, { roots: publicRoots(), keys: [pemOf(key)] });
    await unchanged(moved);
  });

  it("a file of the manifest with the name of a proof is refused by preview and run", async () => {
    const request = await staged({ tool: "tool", [proof("tool")]: "{}" });
    const refused =
      "project tool, file tool.promotion.sigstore.json: the promotion writes its own proof of tool there: choose another name";
    assert.deepEqual((await previewFiles(request, undefined, context)).errors, [refused]);
    await assert.rejects(promoteFiles(request, undefined, context), { message: refused });
    await promoted({ ...request, signing: undefined });
  });
});
