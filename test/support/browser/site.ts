import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApp } from "../../../redirector/app.ts";
import { type Assets, loadAssets } from "../../../redirector/catalogue/assets.ts";
import { buildAssets } from "../../../redirector/catalogue/build-assets.ts";
import { emptyTable } from "../../../redirector/cloud-ranges/table.ts";
import { parseConfig } from "../../../redirector/config.ts";
import { RequestMetrics } from "../../../redirector/telemetry/metrics.ts";
import { listenOnLoopback } from "../loopback-server.ts";
import { silentLog } from "../redirector/silent-log.ts";
import { nodeServer } from "../redirector-node-http.ts";

/** A redirector with one file mirror, on loopback. */
export interface TestSite {
  readonly origin: string;
  /** The file mirror's objects by key; mutable. */
  readonly objects: Map<string, Buffer>;
  /** The file mirror answers 503 to everything. */
  failing: boolean;
  /** The mirrors' health by name, as the redirector sees it; mutable. */
  setHealth(mirror: string, healthy: boolean): void;
  stop(): Promise<void>;
}

/** Builds the page in a temporary folder and loads it. */
export async function builtAssets(): Promise<Assets> {
  const folder = await mkdtemp(join(tmpdir(), "catalogue-"));
  try {
    await buildAssets(folder);
    return loadAssets(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Starts a site. The mirror has another origin and CORS headers like a bucket's, so that browsers apply the same rules as in production. */
export async function startSite(assets: Assets, objects: Map<string, Buffer>): Promise<TestSite> {
  const site = { failing: false };
  const bucket = createServer((request, response) => {
    const key = decodeURIComponent((request.url ?? "").replace(/^\/bucket\//, ""));
    const body = objects.get(key);
    response.setHeader("Access-Control-Allow-Origin", "*");
    if (site.failing || body === undefined) {
      response.writeHead(site.failing ? 503 : 404).end();
      return;
    }
    response.writeHead(200, {
      "Content-Type": key.endsWith(".json") ? "application/json" : "application/gzip",
      "Cache-Control": key.includes("/details/") ? "public, max-age=31536000, immutable" : "public, max-age=60",
    });
    response.end(body);
  });
  const { url: bucketOrigin, close: closeBucket } = await listenOnLoopback(bucket);
  const parsed = parseConfig(
    JSON.stringify({
      host: "artifacts.example.org",
      region: { name: "europe-west1", latitude: 50.45, longitude: 3.82 },
      imageMirrors: [
        {
          name: "images-us",
          url: `${bucketOrigin}/v2/p/images`,
          cloud: "gcp",
          region: "us-central1",
          latitude: 41,
          longitude: -96,
        },
        {
          name: "images-eu",
          url: `${bucketOrigin}/v2/p/images`,
          cloud: "gcp",
          region: "europe-west1",
          latitude: 50,
          longitude: 4,
        },
      ],
      fileMirrors: [
        {
          name: "files-eu",
          url: `${bucketOrigin}/bucket`,
          cloud: "gcp",
          region: "europe-west1",
          latitude: 50,
          longitude: 4,
        },
        {
          name: "files-aws",
          url: `${bucketOrigin}/bucket`,
          cloud: "aws",
          region: "us-east-1",
          latitude: 39,
          longitude: -77,
        },
      ],
      log: { sample: 0 },
    }),
  );
  if ("errors" in parsed) throw new Error(parsed.errors.join("\n"));
  const app = createApp(parsed.config, {
    ranges: emptyTable,
    holds: () => "unknown",
    metrics: new RequestMetrics(),
    log: silentLog,
    leaving: () => undefined,
    assets,
  });
  const server = nodeServer(app.handle);
  const { url: origin, close } = await listenOnLoopback(server);
  return Object.assign(site, {
    origin,
    objects,
    setHealth(name: string, healthy: boolean) {
      for (const mirror of [...app.mirrors.images, ...app.mirrors.files]) {
        if (mirror.site.name === name) mirror.healthy = healthy;
      }
    },
    async stop() {
      await Promise.all([close(), closeBucket()]);
    },
  });
}
