/** The list of referrers that clients keep where a registry does not (distribution spec, "Referrers Tag Schema"), while others write it too. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, beforeEach, describe, it } from "mocha";
import { type Manifest, readManifest } from "../../components/promotion/oci/manifest.ts";
import { enterReferrers, listReferrers } from "../../components/promotion/oci/referrers.ts";
import type { Remote } from "../../components/promotion/oci/remote.ts";
import { repositoryAt } from "../../components/promotion/oci/repository.ts";
import { Transport } from "../../components/promotion/oci/transport.ts";
import { type LoopbackServer, serveOnLoopback } from "../support/loopback-server.ts";

const indexType = "application/vnd.oci.image.index.v1+json";
const imageType = "application/vnd.oci.image.manifest.v1+json";
const subject = `sha256:${"5".repeat(64)}`;
const tag = subject.replace(":", "-");

/** One repository of manifests and tags: no referrers API, with or without conditional requests. */
class Registry {
  readonly manifests = new Map<string, { type: string; bytes: Buffer }>();
  readonly tags = new Map<string, string>();
  conditional = false;
  refused = 0;
  /** Called before a PUT of a tag is carried out, and after: as another client that is in between. */
  before: () => void = () => {};
  behind: () => void = () => {};

  handle(incoming: IncomingMessage, outgoing: ServerResponse, body: Buffer): void {
    const reference = /\/manifests\/(.+)$/.exec(incoming.url ?? "")?.[1];
    if (reference === undefined) return void outgoing.writeHead(404).end();
    const digest = reference.startsWith("sha256:") ? reference : this.tags.get(reference);
    const found = digest === undefined ? undefined : this.manifests.get(digest);
    if (incoming.method === "PUT") {
      if (!reference.startsWith("sha256:")) this.before();
      const now = this.tags.get(reference);
      const condition = incoming.headers["if-match"];
      if (this.conditional && condition !== undefined && condition !== `"${now}"`) {
        this.refused++;
        return void outgoing.writeHead(412).end();
      }
      const stored = this.put(String(incoming.headers["content-type"]), body, reference);
      outgoing.writeHead(201, { "docker-content-digest": stored }).end();
      if (!reference.startsWith("sha256:")) this.behind();
    } else if (incoming.method === "DELETE") {
      if (digest !== undefined) this.manifests.delete(digest);
      outgoing.writeHead(202).end();
    } else if (found === undefined) outgoing.writeHead(404).end();
    else {
      outgoing.writeHead(200, {
        "content-type": found.type,
        "docker-content-digest": digest!,
        ...(this.conditional && { etag: `"${digest}"` }),
      });
      outgoing.end(incoming.method === "HEAD" ? undefined : found.bytes);
    }
  }

  put(type: string, bytes: Buffer, reference?: string): string {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    this.manifests.set(digest, { type, bytes });
    if (reference !== undefined && !reference.startsWith("sha256:")) this.tags.set(reference, digest);
    return digest;
  }

  /** What another client does: reads the list, and writes it with one more. */
  readList(): object[] {
    const list = this.manifests.get(this.tags.get(tag) ?? "");
    return list ? (JSON.parse(list.bytes.toString()) as { manifests: object[] }).manifests : [];
  }

  writeList(manifests: object[]): void {
    const text = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests });
    this.put(indexType, Buffer.from(text), tag);
  }

  get listed(): string[] {
    return this.readList().map((entry) => (entry as { digest: string }).digest);
  }
}

let registry: Registry;
let server: LoopbackServer | undefined;
const transports: Transport[] = [];

describe("referrers tag schema", () => {
  beforeEach(async () => {
    await close();
    registry = new Registry();
    server = await serveOnLoopback((incoming, outgoing) => {
      void Array.fromAsync(incoming as AsyncIterable<Buffer>).then((chunks) =>
        registry.handle(incoming, outgoing, Buffer.concat(chunks)),
      );
    });
  });
  after(close);

  const names = ["a", "b", "c", "d", "e", "f", "g", "h"];

  it("keeps all concurrent additions, and deletes the old lists", async () => {
    const entered = names.map(referrer);
    await Promise.all(entered.map((one) => enterReferrers(at(), subject, [one])));
    const digests = entered.map(({ digest }) => digest).sort();
    assert.deepEqual([...registry.listed].sort(), digests);
    assert.deepEqual((await listReferrers(at(), subject)).sort(), digests);
    assert.equal(registry.manifests.size, names.length + 1);
  });

  it("an entry that exists is not added again, and nothing is written", async () => {
    const one = referrer("one");
    await enterReferrers(at(), subject, [one]);
    registry.before = () => assert.fail("it is written again");
    await enterReferrers(at(), subject, [one]);
    assert.deepEqual(registry.listed, [one.digest]);
  });

  it("another client changed the list first: with ETags our write is refused and repeated on the new list", async () => {
    registry.conditional = true;
    const [first, theirs, ours] = ["first", "theirs", "ours"].map(referrer) as [Manifest, Manifest, Manifest];
    await enterReferrers(at(), subject, [first]);
    let between = 0;
    registry.before = () => {
      if (between++ === 0) registry.writeList([...registry.readList(), entryOf(theirs)]);
    };
    await enterReferrers(at(), subject, [ours]);
    assert.equal(registry.refused, 1);
    assert.deepEqual(registry.listed, [first.digest, theirs.digest, ours.digest]);
  });

  it("another client overwrites our list without conditions: this is detected, and our entry added again", async () => {
    const [first, theirs, ours] = ["first", "theirs", "ours"].map(referrer) as [Manifest, Manifest, Manifest];
    await enterReferrers(at(), subject, [first]);
    const before = registry.readList();
    let over = 0;
    registry.behind = () => {
      if (over++ === 0) registry.writeList([...before, entryOf(theirs)]);
    };
    await enterReferrers(at(), subject, [ours]);
    assert.deepEqual(registry.listed, [first.digest, theirs.digest, ours.digest]);
  });

  it("repeated conflicts end in a failure", async () => {
    registry.conditional = true;
    await enterReferrers(at(), subject, [referrer("first")]);
    let turns = 0;
    registry.before = () => registry.writeList([entryOf(referrer(`their ${turns++}`))]);
    await assert.rejects(enterReferrers(at(), subject, [referrer("ours")]), /other clients keep changing the list/);
  });

  it("a fallback tag that names an image is not changed", async () => {
    const other = registry.put(imageType, referrer("other").bytes, tag);
    await assert.rejects(enterReferrers(at(), subject, [referrer("ours")]), /the tag sha256-5+ is on something else/);
    assert.equal(registry.tags.get(tag), other);
    assert.deepEqual(await listReferrers(at(), subject), []);
  });
});

async function close(): Promise<void> {
  for (const transport of transports.splice(0)) await transport.close();
  await server?.close();
}

function at(): Remote {
  const transport = new Transport({ credentials: () => Promise.resolve(undefined) });
  transports.push(transport);
  return { transport, repository: repositoryAt(`${server!.host}/a/b`), signal: new AbortController().signal };
}

function referrer(name: string): Manifest {
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: imageType,
    subject: { mediaType: imageType, digest: subject, size: 1 },
    annotations: { name },
  });
  const bytes = Buffer.from(text);
  return readManifest(bytes, registry.put(imageType, bytes), imageType);
}

function entryOf({ digest, mediaType, bytes }: Manifest): object {
  return { mediaType, digest, size: bytes.length };
}
