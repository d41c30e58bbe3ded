/**
 * In front of a registry, what Artifact Registry does otherwise, as far as its documentation and its users' reports say: its list of
 * tags holds every manifest; a manifest with a tag, or listed by an index, is not deleted; uploads take no second chunk.
 */
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { serveOnLoopback } from "./loopback-server.ts";
import { sha256 } from "./registries.ts";

interface Known {
  readonly mediaType: string;
  readonly children: readonly string[];
  readonly tags: Set<string>;
}

/** A front that runs. */
export interface GoogleFront {
  readonly host: string;
  close(): Promise<void>;
}

/** Starts a front of `host:port`. It learns what there is from what passes. */
export async function startGoogleFront(target: () => string): Promise<GoogleFront> {
  const repositories = new Map<string, Map<string, Known>>();
  const server = await serveOnLoopback((incoming, outgoing) => {
    void handle(incoming, outgoing, target(), repositories).catch(() => outgoing.destroy());
  });
  return server;
}

async function handle(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  target: string,
  repositories: Map<string, Map<string, Known>>,
): Promise<void> {
  const { method = "GET", url = "/" } = incoming;
  const [, name = "", reference = ""] = /^\/v2\/(.+)\/manifests\/([^?]+)/.exec(url) ?? [];
  const known = repositories.get(name) ?? new Map<string, Known>();
  if (name !== "") repositories.set(name, known);
  const [, listed] = /^\/v2\/(.+)\/tags\/list/.exec(url) ?? [];
  if (listed !== undefined) await fetch(`http://${target}/v2/`); // down with the registry behind it
  if (listed !== undefined) {
    const below = [...repositories].filter(([name, { size }]) => size > 0 && name.startsWith(`${listed}/`));
    const children = new Set(below.map(([name]) => name.slice(listed.length + 1).split("/", 1)[0]!));
    return list(outgoing, listed, repositories.get(listed) ?? new Map(), [...children]);
  }
  if (method === "PATCH" && incoming.headers["content-range"]) return refuse(outgoing, "UNSUPPORTED");
  // What a test deletes by force is what a retention policy of staging does: it heeds no index.
  if (method === "DELETE" && known.has(reference) && !incoming.headers["x-force"]) {
    if (known.get(reference)!.tags.size > 0) return refuse(outgoing, "GOOGLE_MANIFEST_DANGLING_TAG");
    const isChild = [...known.values()].some(({ children }) => children.includes(reference));
    if (isChild) return refuse(outgoing, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE");
  }
  const body = Buffer.concat(await Array.fromAsync(incoming as AsyncIterable<Buffer>));
  const status = await forward(incoming, outgoing, target, body);
  if (name === "" || status >= 300) return;
  if (method === "PUT") {
    const digest = sha256(body);
    const { manifests = [] } = JSON.parse(body.toString()) as { manifests?: { digest: string }[] };
    const mediaType = String(incoming.headers["content-type"]);
    const entry = known.get(digest) ?? { mediaType, children: manifests.map((child) => child.digest), tags: new Set() };
    known.set(digest, entry);
    if (reference === digest) return;
    for (const { tags } of known.values()) tags.delete(reference);
    entry.tags.add(reference);
  } else if (method === "DELETE") {
    known.delete(reference);
    for (const { tags } of known.values()) tags.delete(reference);
  }
}

function list(
  outgoing: ServerResponse,
  name: string,
  known: ReadonlyMap<string, Known>,
  child: readonly string[],
): void {
  const manifest = [...known].map(([digest, { mediaType, tags }]) => [digest, { mediaType, tag: [...tags] }]);
  const tags = [...known.values()].flatMap((entry) => [...entry.tags]).sort();
  outgoing.writeHead(200, { "content-type": "application/json" });
  outgoing.end(JSON.stringify({ name, child, tags, manifest: Object.fromEntries(manifest) }));
}

function refuse(outgoing: ServerResponse, code: string): void {
  outgoing.writeHead(400, { "content-type": "application/json" });
  outgoing.end(JSON.stringify({ errors: [{ code, message: "refused by the front" }] }));
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse, target: string, body: Buffer): Promise<number> {
  const [hostname, port] = target.split(":") as [string, string];
  return new Promise((resolve, reject) => {
    const options = {
      hostname,
      port,
      method: incoming.method,
      path: incoming.url,
      headers: incoming.headers,
      agent: false,
    };
    const upstream = request(options, (answer) => {
      // What the registry did is done, also when whoever asked is gone.
      answer.once("end", () => resolve(answer.statusCode ?? 502));
      outgoing.once("close", () => answer.resume());
      if (outgoing.destroyed) return void answer.resume();
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    upstream.on("error", reject);
    upstream.end(body);
  });
}
