/** A registry that makes one very large image up as it is read, and registries that only hash what they are sent: no disk, no memory. */
import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { sha256 } from "../support/registries.ts";

const block = randomBytes(1024 * 1024);

/** Servers that run. */
export interface LargeImage {
  readonly staging: string;
  readonly mirrors: readonly string[];
  readonly digest: string;
  close(): Promise<void>;
}

/** Serves an image with one layer of so many GiB, and three mirrors for it. */
export async function serveLargeImage(gibibytes: number): Promise<LargeImage> {
  const blocks = gibibytes * 1024;
  const hash = createHash("sha256");
  for (let index = 0; index < blocks; index++) hash.update(block);
  const layer = {
    mediaType: "application/vnd.oci.image.layer.v1.tar",
    digest: `sha256:${hash.digest("hex")}`,
    size: blocks * block.length,
  };
  const configBytes = Buffer.from("{}");
  const config = {
    mediaType: "application/vnd.oci.image.config.v1+json",
    digest: sha256(configBytes),
    size: configBytes.length,
  };
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [layer] }));
  const digest = sha256(manifest);

  const staging = createServer((request, response) => {
    const { url = "", method } = request;
    if (url.includes(`/manifests/${digest}`))
      return void response.writeHead(200, { "content-type": mediaType }).end(manifest);
    if (url.includes(config.digest)) return void response.end(configBytes);
    if (url.includes(layer.digest) && method === "GET") return void send(response, blocks);
    response.writeHead(404).end();
  });
  const mirrors = [1, 2, 3].map(() => createServer((request, response) => void receive(request, response)));
  const servers = [staging, ...mirrors];
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))));
  const hosts = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    staging: hosts[0]!,
    mirrors: hosts.slice(1),
    digest,
    async close() {
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

async function send(response: ServerResponse, blocks: number): Promise<void> {
  response.writeHead(200, { "content-length": blocks * block.length });
  for (let index = 0; index < blocks; index++) {
    if (!response.write(block)) await new Promise((resolve) => response.once("drain", resolve));
  }
  response.end();
}

/** Takes everything; a blob is only finished under the digest of what has come. */
async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = "" } = request;
  const hash = createHash("sha256");
  for await (const chunk of request as AsyncIterable<Buffer>) hash.update(chunk);
  const got = `sha256:${hash.digest("hex")}`;
  if (method === "GET" || method === "HEAD") return void response.writeHead(404).end();
  if (method === "PATCH") return void response.writeHead(202, { location: `/upload?got=${got}` }).end();
  const query = new URL(url, "http://localhost").searchParams;
  if (method === "PUT" && url.startsWith("/upload")) {
    return void response.writeHead(query.get("got") === query.get("digest") ? 201 : 400).end();
  }
  if (method === "POST" && query.get("digest") === null)
    return void response.writeHead(202, { location: "/upload" }).end();
  response.writeHead(201, { "docker-content-digest": got }).end();
}
