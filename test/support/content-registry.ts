/** A staging registry that serves whatever it is given, byte for byte: real registries refuse some of it. */
import { serveOnLoopback } from "./loopback-server.ts";
import { sha256 } from "./registries.ts";

/** What a descriptor says. */
export interface Described {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** A registry that runs; whatever the repository's name, it has the same content. */
export interface ContentRegistry {
  readonly host: string;
  /** Stores bytes, or JSON, under its digest. */
  put(type: string, value: object | Buffer): Described;
  /** Loses what has this digest. */
  drop(digest: string): void;
  close(): Promise<void>;
}

/** Starts a registry. */
export async function startContentRegistry(): Promise<ContentRegistry> {
  const content = new Map<string, { type: string; bytes: Buffer }>();
  const server = await serveOnLoopback((request, response) => {
    const found = content.get(/sha256:[0-9a-f]{64}$/.exec(request.url ?? "")?.[0] ?? "");
    if (!found) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": found.type, "content-length": found.bytes.length });
    response.end(request.method === "HEAD" ? undefined : found.bytes);
  });
  return {
    host: server.host,
    put(type, value) {
      const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
      const digest = sha256(bytes);
      content.set(digest, { type, bytes });
      return { mediaType: type, digest, size: bytes.length };
    },
    drop: (digest) => void content.delete(digest),
    close: server.close,
  };
}
