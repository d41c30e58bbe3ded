/** What is received arrives unchanged, by http and by TLS, whole and piece by piece, however the pieces fall and with many connections at once. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer as createTlsServer } from "node:https";
import type { Server } from "node:net";
import { describe, it } from "mocha";
import { beginning, getBlob, readBlob } from "../../components/promotion/oci/blobs.ts";
import type { Remote } from "../../components/promotion/oci/remote.ts";
import { repositoryAt } from "../../components/promotion/oci/repository.ts";
import { listTags } from "../../components/promotion/oci/tags.ts";
import { Transport } from "../../components/promotion/oci/transport.ts";
import { listenOnLoopback } from "../support/loopback-server.ts";
import { sha256 } from "../support/registries.ts";
import { selfSigned, trustInFile } from "../support/self-signed.ts";

const sizes = [0, 1, 300, 16_384, 65_536, 262_145, 1_000_000, 3_000_000];
const blobs = new Map(
  sizes.flatMap((size) => [0, 1, 2].map(() => randomBytes(size))).map((bytes) => [sha256(bytes), bytes] as const),
);
const tags = Array.from({ length: 20_000 }, (_, index) => `v${index}`);

/** Sends bodies in pieces of all sizes, some of which arrive together and some alone. */
const listener: RequestListener = (request, response) => {
  const { pathname } = new URL(request.url!, "http://x");
  if (pathname.endsWith("/tags/list")) {
    const text = JSON.stringify({ tags });
    for (let at = 0; at < text.length; at += 50_000) response.write(text.slice(at, at + 50_000)); // in chunks, without a length
    return void response.end();
  }
  const bytes = blobs.get(pathname.split("/").at(-1)!);
  if (!bytes) return void response.writeHead(404).end();
  response.writeHead(200, { "content-length": bytes.length });
  let at = 0;
  const next = (): void => {
    for (let count = 0; count < 3 && at < bytes.length; count++) {
      const size = 1 + ((at * 7919) % 200_000);
      response.write(bytes.subarray(at, at + size));
      at += size;
    }
    if (at >= bytes.length) response.end();
    else setImmediate(next);
  };
  next();
};

const tls = selfSigned("0.0.0.0");
const kinds: Readonly<Record<string, { address: string; make: () => Server }>> = {
  http: { address: "127.0.0.1", make: () => createServer(listener) },
  "https, HTTP/1.1": { address: "0.0.0.0", make: () => createTlsServer(tls, listener) },
  "https that offers HTTP/2": {
    address: "0.0.0.0",
    make: () =>
      createSecureServer({ ...tls, allowHTTP1: true }, ((request, response) => {
        assert.equal(request.httpVersion, "1.1");
        listener(request, response);
      }) as RequestListener as unknown as Parameters<typeof createSecureServer>[1]),
  },
};

for (const [kind, { address, make }] of Object.entries(kinds)) {
  describe(kind, () => {
    it("blobs and lists, many at once", async () => {
      trustInFile(tls);
      const { host, close } = await listenOnLoopback(make(), address);
      const transport = new Transport();
      try {
        const at: Remote = { transport, repository: repositoryAt(`${host}/a/b`), signal: new AbortController().signal };
        const whole = async (digest: string, bytes: Buffer) => {
          const got = await getBlob([at], { digest, size: bytes.length }, Buffer.alloc(bytes.length));
          assert.ok(got.equals(bytes)); // getBlob has checked the digest too
        };
        const streamed = async (digest: string, bytes: Buffer) => {
          const pieces: Buffer[] = [];
          for await (const piece of readBlob([at], { digest, size: bytes.length }, beginning())) {
            pieces.push(piece); // kept while more arrives
            await new Promise((resolve) => setImmediate(resolve));
          }
          assert.ok(Buffer.concat(pieces).equals(bytes));
        };
        const work = Array.from({ length: 4 }, () => [...blobs]).flat();
        await Promise.all([
          ...work.map(([digest, bytes]) => whole(digest, bytes)),
          ...[...blobs].filter(([, { length }]) => length > 0).map(([digest, bytes]) => streamed(digest, bytes)),
          ...Array.from({ length: 20 }, async () => assert.deepEqual((await listTags(at)).tags, tags)),
        ]);
      } finally {
        await transport.close();
        await close();
      }
    });
  });
}
