/** Blobs that a registry sends elsewhere for, as Artifact Registry does to Cloud Storage (distribution spec, "Pulling blobs"). */
import assert from "node:assert/strict";
import type { IncomingHttpHeaders, RequestListener } from "node:http";
import { after, before, describe, it } from "mocha";
import { getBlob, hasBlob } from "../../components/promotion/oci/blobs.ts";
import { digestOf } from "../../components/promotion/oci/digest.ts";
import { repositoryAt } from "../../components/promotion/oci/repository.ts";
import { Transport } from "../../components/promotion/oci/transport.ts";
import { serveOnLoopback } from "../support/loopback-server.ts";

const bytes = Buffer.from("{}"); // the config of most OCI artifacts
const blob = { digest: digestOf(bytes), size: bytes.length };
const page = "<a href>Temporary Redirect</a>".repeat(20);
const robot = { username: "robot", password: "secret" };
const stored: IncomingHttpHeaders[] = [];
const transport = new Transport({ credentials: () => Promise.resolve(robot) });
let registry: string;
let answer: (location: string) => RequestListener;
let store: string;

describe("blobs that a registry redirects", () => {
  before(async () => {
    ({ host: store } = await serveOnLoopback((request, response) => {
      stored.push(request.headers);
      response.end(request.url === "/large" ? "x".repeat(100) : bytes);
    }));
    ({ host: registry } = await serveOnLoopback((request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end();
      } else answer(`http://${store}/blob`)(request, response);
    }));
  });
  after(async () => {
    await transport.close();
  });

  it("are read at the target without our credentials, even if the redirect's own body is longer than the blob", async () => {
    answer = (location) => (_, response) => void response.writeHead(307, { location }).end(page);
    assert.deepEqual(await getBlob([at()], blob, Buffer.alloc(8)), bytes);
    assert.equal(await hasBlob(at(), blob), true);
    assert.deepEqual([...new Set(stored.map(({ authorization }) => authorization))], [undefined]);
  });

  it("are refused if longer than the blob, and the error has the number of bytes read", async () => {
    answer = () => (_, response) => void response.writeHead(307, { location: `http://${store}/large` }).end(page);
    await assert.rejects(
      getBlob([at()], blob, Buffer.alloc(8)),
      /read blob sha256:\w+ of a\/b: .* larger than 2 bytes/,
    );
  });

  it("are refused after too many redirects, or to another protocol", async () => {
    for (const location of ["/v2/a/b/blobs/again", "ftp://127.0.0.1/blob", "http://:bad"]) {
      answer = () => (_, response) => void response.writeHead(307, { location }).end();
      await assert.rejects(getBlob([at()], blob, Buffer.alloc(8)), /its redirect cannot be followed/);
    }
  });
});

function at() {
  const repository = repositoryAt(`${registry}/a/b`);
  return { transport, repository, signal: new AbortController().signal };
}
