/** A large file that is made up, and a store that has it in staging and throws away what it is sent: fake-gcs-server keeps all in memory. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { FilesRequest } from "../../components/promotion/run/request.ts";
import { crc32c, encodeCrc32c } from "../../components/promotion/storage/crc32c.ts";
import type { KeyAndCertificate } from "../support/self-signed.ts";

/** A GCS that runs. */
export interface DiscardingStore {
  readonly url: string;
  /** Bytes that it was sent. */
  received(): number;
  /** Copies that it made inside. */
  copies(): number;
  stop(): void;
}

/** A block, so many times. */
export class LargeContent {
  readonly size: number;
  readonly sha256: string;
  readonly crc32c: string;
  readonly #block: Buffer;

  constructor(block: Buffer, times: number) {
    this.#block = block;
    this.size = block.length * times;
    const hash = createHash("sha256");
    let crc = 0;
    for (let i = 0; i < times; i++) {
      hash.update(block);
      crc = crc32c(block, crc);
    }
    this.sha256 = hash.digest("hex");
    this.crc32c = encodeCrc32c(crc);
  }

  /** The promotion of this content, which is all that the project has. */
  request({ mirrors, storage }: Pick<FilesRequest, "mirrors" | "storage">): FilesRequest {
    const files = `large sha256:${this.sha256}\n`;
    return { project: "bench", files, prefix: "bench", staging: "staging", removalShare: 1, mirrors, storage };
  }

  /**
   * A GCS that has this content in every staging bucket, and takes resumable uploads. @param tls of an https server.
   * @param copies whether it makes copies. If not, what is staged has a header that a copy might keep, so it is sent at once and read once.
   */
  async serve(tls?: KeyAndCertificate, copies = true): Promise<DiscardingStore> {
    let received = 0;
    let copied = 0;
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      if (/\/rewriteTo\//.test(request.url ?? "")) {
        if (copies) copied++;
        this.#copy(request, response, copies).catch(() => response.destroy());
        return;
      }
      this.#answer(request, response, copies, (bytes) => (received += bytes)).catch(() => response.destroy());
    };
    const server: Server = tls === undefined ? createServer(answer) : createTlsServer({ ...tls }, answer);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const stop = (): void => {
      server.closeAllConnections();
      server.close();
    };
    const scheme = tls === undefined ? "http" : "https";
    const url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { url, received: () => received, copies: () => copied, stop };
  }

  async #copy(request: IncomingMessage, response: ServerResponse, may: boolean): Promise<void> {
    const { metadata } = (await json(request)) as { metadata: object };
    const resource = { name: "large", size: String(this.size), generation: "2", crc32c: this.crc32c, metadata };
    response.writeHead(may ? 200 : 501, { "content-type": "application/json" });
    response.end(JSON.stringify(may ? { done: true, resource } : {}));
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    copies: boolean,
    receive: (bytes: number) => void,
  ): Promise<void> {
    const url = new URL(request.url ?? "/", "http://localhost");
    const object = { name: "large", size: String(this.size), generation: "1", crc32c: this.crc32c };
    const send = (status: number, body: object, headers = {}): void => {
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
    };
    if (request.method === "POST") {
      request.resume();
      await once(request, "end");
      const scheme = "encrypted" in request.socket ? "https" : "http";
      return send(200, {}, { location: `${scheme}://${request.headers.host}/upload/session` });
    }
    if (request.method === "PUT") {
      for await (const piece of request as AsyncIterable<Buffer>) receive(piece.length);
      const [, last, size] = /bytes \d+-(\d+)\/(\d+)/.exec(request.headers["content-range"] ?? "") ?? [];
      if (Number(last) + 1 === Number(size)) return send(200, object);
      response.writeHead(308, { range: `bytes=0-${last}` }).end();
      return;
    }
    if (!url.pathname.includes("/staging/")) {
      return url.pathname.endsWith("/o") ? send(200, {}) : send(404, {});
    }
    const staged = copies ? object : { ...object, contentDisposition: "attachment" };
    if (url.searchParams.get("alt") !== "media") return send(200, staged);
    response.writeHead(200, { "content-length": this.size });
    for (let sent = 0; sent < this.size; sent += this.#block.length) {
      if (!response.write(this.#block)) await once(response, "drain");
    }
    response.end();
  }
}
