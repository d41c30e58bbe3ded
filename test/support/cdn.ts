/** nginx as a CDN in front of a bucket, with Cloudflare's way of purging it. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { afterFile } from "./cleanup.ts";
import { serveOnLoopback } from "./loopback-server.ts";
import { freePort } from "./ports.ts";
import { answers, end } from "./seed-servers.ts";

/** A CDN that runs. */
export interface Cdn {
  readonly url: string;
  /** What its cache has of an object: the status, `HIT` or `MISS`, `Cache-Control`. */
  state(key: string): Promise<[status: number, cache: string | null, control: string | null]>;
  /** URL of the call that purges it. */
  readonly purgeApi: string;
  /** The URLs of each call. */
  readonly purged: string[][];
  /** What the API answers in place of purging; undefined: it purges. */
  refusal: { readonly status: number; readonly body: string } | undefined;
  stop(): Promise<void>;
}

/** The token that the API takes. */
export const purgeToken = "token-that-may-purge";
const zone = "0123456789abcdef0123456789abcdef";

/** Starts it; resolves when it answers. @param origin what it keeps a cache of. */
export async function startCdn(origin: string): Promise<Cdn> {
  const home = await mkdtemp(join(tmpdir(), "artifacts-cdn-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  await writeFile(join(home, "nginx.conf"), cacheConfig(home, port, origin));
  // As https://developers.cloudflare.com/api/resources/cache/methods/purge/ has it; 100 URLs a call.
  const api = await serveOnLoopback((request, response) => {
    const answer = (status: number, errors: readonly object[]): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ success: status === 200, errors, messages: [], result: { id: zone } }));
    };
    void (async () => {
      const { files } = (await json(request)) as { files?: unknown };
      if (cdn.refusal) return void response.writeHead(cdn.refusal.status).end(cdn.refusal.body);
      if (request.method !== "POST" || request.url !== new URL(cdn.purgeApi).pathname)
        return answer(404, [{ code: 7003, message: "Could not route to the path" }]);
      if (request.headers.authorization !== `Bearer ${purgeToken}`)
        return answer(403, [{ code: 10_000, message: "Authentication error" }]);
      if (!isUrls(files) || files.length > 100) return answer(400, [{ code: 1094, message: "too many files" }]);
      cdn.purged.push(files);
      await Promise.all(files.map((each) => rm(join(home, "cache", cacheFile(url, each)), { force: true })));
      answer(200, []);
    })();
  });
  const child = spawn("/usr/sbin/nginx", ["-c", join(home, "nginx.conf"), "-p", home], { stdio: "ignore" });
  const cdn: Cdn = {
    url,
    purgeApi: `${api.url}/client/v4/zones/${zone}/purge_cache`,
    purged: [],
    refusal: undefined,
    async state(key) {
      const response = await fetch(`${url}/${key}`);
      await response.arrayBuffer();
      return [response.status, response.headers.get("x-cache"), response.headers.get("cache-control")];
    },
    async stop() {
      await api.close();
      await end(child);
      await rm(home, { recursive: true, force: true });
    },
  };
  afterFile(() => cdn.stop());
  await answers(`${url}/ready`);
  return cdn;
}

function isUrls(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** nginx keeps each response in a file that the MD5 of its key names, and asks the origin again if the file is gone. */
function cacheFile(url: string, purged: string): string {
  return createHash("md5").update(purged.replace(url, "")).digest("hex");
}

/** A cache as a CDN is one: it obeys `Cache-Control`, and keeps nothing that has none. */
function cacheConfig(home: string, port: number, origin: string): string {
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((one) => `${one}_temp_path ${home}/${one};`);
  return `user root; daemon off; pid ${home}/pid; error_log ${home}/errors; events {}
http {
  access_log off; ${places.join(" ")}
  proxy_cache_path ${home}/cache keys_zone=cache:1m;
  server {
    listen 127.0.0.1:${port};
    location = /ready { return 200; }
    location / {
      proxy_pass ${origin}/;
      proxy_cache cache;
      proxy_cache_key $request_uri;
      add_header X-Cache $upstream_cache_status always;
    }
  }
}
`;
}
