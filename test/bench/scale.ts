/**
 * Promotion at the size of k8s.io: 108 projects, 12,400 digests, 22 image mirrors, 6 mirrors of layers in S3. No bytes of images move: what is
 * measured is planning, a refresh in which nothing differs, and the first run of a stack whose state was lost.
 *
 *   npm run bench -- scale [plan|plan-cold|refresh|adopt|beside-fill|bytes|inventory|preview-files|preview-8x|processor|checkpoints|catalogue ...]
 *
 * Every measurement is a process of its own. The mirrors are one small server in this process, which answers as Artifact Registry and S3 do
 * (a list of tags that names every manifest; pages of 1,000 keys), so the seconds are those of our side and of the loopback.
 */
import { fork } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import pLimit from "p-limit";
import { productionOf } from "../../components/commands/production.ts";
import { readManifests } from "../../components/manifests/read.ts";
import { promoteImages, takeImageInventory } from "../../components/promotion/images/images.ts";
import { referencesPrefix } from "../../components/promotion/images/layer-references.ts";
import { readImageLines } from "../../components/promotion/images/lines.ts";
import { planImages, printPlan } from "../../components/promotion/images/plan.ts";
import type { Context, ImagesRequest } from "../../components/promotion/run/request.ts";
import { layerKey } from "../../redirector/object-paths.ts";
import { generateManifests } from "../support/generate-manifests.ts";
import { catalogueChange } from "./scale-catalogue.ts";
import { checkpoints } from "./scale-checkpoints.ts";
import { besideFill, bytesThroughRunner, inventory, previewOfFiles } from "./scale-files.ts";
import { previewAtSize } from "./scale-preview.ts";
import { filesProcessorTime } from "./scale-processor.ts";

const imageMirrors = 22;
const layerMirrors = 6;
/** As many resources as the engine works at beside each other on a machine of four cores (`--parallel`). */
const atATime = 16;

const all = ["plan", "plan-cold", "refresh", "adopt"] as const;

/** On files, and on checkpoints, by the names of their figures. */
const others: Readonly<Record<string, () => Promise<void>>> = {
  "beside-fill": besideFill,
  bytes: bytesThroughRunner,
  inventory,
  "preview-files": previewOfFiles,
  "preview-8x": () => previewAtSize(8),
  processor: () => filesProcessorTime(),
  checkpoints,
  catalogue: () => catalogueChange(),
};

/** What a child is asked, and what it answers. */
interface Task {
  readonly work: (typeof all)[number];
  /** Hosts of the image mirrors. */
  readonly registries: readonly string[];
  readonly s3: string;
}
interface Result {
  readonly ms: number;
  /** Peak of resident memory, MiB, with the manifests in it. */
  readonly rss: number;
  /** What was found amiss: the measurement would be of something else. */
  readonly amiss: readonly string[];
}

function requestsOf({ registries, s3 }: Pick<Task, "registries" | "s3">): readonly ImagesRequest[] {
  const { projects, problems } = readManifests(generateManifests());
  if (problems.some(({ severity }) => severity === "error")) throw new Error("the generated manifests have errors");
  const places = {
    images: registries.map((host, index) => ({ name: `images-${index}`, repository: `${host}/p/images` })),
    files: Array.from({ length: layerMirrors }, (_, index) => {
      return { name: `files-${index}`, kind: "s3" as const, bucket: `layers-${index}`, region: "us-east-1" };
    }),
    staging: () => ({ repository: "", bucket: "" }),
  };
  return productionOf(projects, places, { s3Endpoint: s3, s3UsePathStyle: true }).images;
}

/** In a child: one measurement. */
async function measure(task: Task): Promise<Result> {
  const requests = requestsOf(task);
  const amiss: string[] = [];
  const began = performance.now();
  if (task.work === "plan" || task.work === "plan-cold") {
    for (const [index, request] of requests.entries()) {
      // One digest is new in the biggest project, as in the review of a release.
      const added = task.work === "plan" && index === 0 ? `new:v1 sha256:${"0".repeat(64)}\n` : "";
      const previous = task.work === "plan" ? { request, incomplete: {} } : undefined;
      const plan = planImages({ ...request, images: `${added}${request.images}` }, previous);
      if (task.work === "plan" && (printPlan(plan).length === 0) !== (added === ""))
        amiss.push(`${request.project}: wrong plan`);
    }
  } else {
    const context: Context = { signal: new AbortController().signal, report: () => {} };
    const limit = pLimit(atATime);
    await Promise.all(
      requests.map((request) =>
        limit(async () => {
          if (task.work === "refresh") {
            const { incomplete, failures } = await takeImageInventory(request, context);
            amiss.push(
              ...failures,
              ...Object.keys(incomplete).map((mirror) => `${request.project}: ${mirror} differs`),
            );
          } else {
            const { failures } = await promoteImages({ ...request, layerMirrors: [] }, undefined, context);
            amiss.push(...failures);
          }
        }),
      ),
    );
  }
  const ms = performance.now() - began;
  return { ms, rss: process.resourceUsage().maxRSS / 1024, amiss: amiss.slice(0, 5) };
}

/** Mirrors that hold what is wanted, and count what they are asked. */
class Mirrors {
  readonly asked = new Map<string, number>();
  readonly #lists = new Map<string, string>();
  readonly #keys: Readonly<Record<string, string[]>>;

  constructor(requests: readonly ImagesRequest[]) {
    const layers = new Set<string>();
    const notes: string[] = [];
    for (const { project, prefix, images } of requests) {
      for (const [image, digests] of readImageLines(images)) {
        const manifest = [...digests].map(([digest, tags]) => [
          digest,
          { mediaType: "application/vnd.oci.image.index.v1+json", tag: [...tags] },
        ]);
        const tags = [...digests.values()].flatMap((its) => [...its]);
        const body = JSON.stringify({ child: [], manifest: Object.fromEntries(manifest), tags });
        this.#lists.set(prefix === "" ? image : `${prefix}/${image}`, body);
        for (const digest of digests.keys()) {
          // A layer of its own and one that all share, as far as keys go.
          for (const layer of [digest, `sha256:${"a".repeat(64)}`]) {
            layers.add(layerKey(layer));
            notes.push(`${referencesPrefix}${hexOf(layer)}/${project}/${image}/${hexOf(digest)}`);
          }
        }
      }
    }
    this.#keys = { [referencesPrefix]: notes.sort(), "containers/images/": [...layers].sort() };
  }

  answer(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const url = new URL(incoming.url ?? "/", "http://mirror");
    const [, repository] = /^\/v2\/p\/images\/(.+)\/tags\/list$/.exec(url.pathname) ?? [];
    const isList = url.searchParams.get("list-type") === "2";
    const what =
      repository !== undefined ? "tags" : isList ? "keys" : `${incoming.method} ${url.pathname.split("/").at(-2)}`;
    this.asked.set(what, (this.asked.get(what) ?? 0) + 1);
    const list = repository === undefined ? undefined : this.#lists.get(decodeURIComponent(repository));
    if (list !== undefined) outgoing.setHeader("content-type", "application/json").end(list);
    else if (isList) outgoing.setHeader("content-type", "application/xml").end(this.#page(url.searchParams));
    else outgoing.writeHead(404).end();
  }

  #page(query: URLSearchParams): string {
    const keys = this.#keys[query.get("prefix") ?? ""] ?? [];
    const from = Number(query.get("continuation-token") ?? 0);
    const next = from + 1_000;
    const contents = keys
      .slice(from, next)
      .map((key) => `<Contents><Key>${key}</Key><Size>0</Size><ETag>"e"</ETag></Contents>`);
    const more =
      next < keys.length ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${next}</NextContinuationToken>` : "";
    return `<?xml version="1.0"?><ListBucketResult>${more}${contents.join("")}</ListBucketResult>`;
  }

  get sum(): number {
    return [...this.asked.values()].reduce((sum, count) => sum + count, 0);
  }
}

function run(task: Task): Promise<Result> {
  const environment = { ...process.env, BENCH_CHILD: "1", AWS_ACCESS_KEY_ID: "bench", AWS_SECRET_ACCESS_KEY: "bench" };
  const child = fork(import.meta.filename, { env: environment });
  return new Promise((resolve, reject) => {
    child.once("message", (result) => resolve(result as Result));
    child.once("exit", (code) => reject(new Error(`the measurement ended with ${code}`)));
    child.send(task);
  });
}

async function main(): Promise<void> {
  const asked = process.argv.slice(2);
  for (const [name, part] of Object.entries(others)) if (asked.length === 0 || asked.includes(name)) await part();
  const works = all.filter((work) => asked.length === 0 || asked.includes(work));
  if (works.length === 0) return;
  let mirrors: Mirrors | undefined;
  const servers = Array.from({ length: imageMirrors + 1 }, () =>
    createServer((incoming, outgoing) => mirrors?.answer(incoming, outgoing)),
  );
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))));
  const [s3, ...registries] = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  const places = { registries, s3: `http://${s3}` };
  const requests = requestsOf(places);
  const images = requests.reduce((sum, request) => sum + readImageLines(request.images).size, 0);
  console.log(
    `${requests.length} projects, ${images} images, ${imageMirrors} image mirrors, ${layerMirrors} of layers`,
  );
  try {
    for (const work of works) {
      mirrors = new Mirrors(requests);
      const { ms, rss, amiss } = await run({ work, ...places });
      if (amiss.length > 0) throw new Error(`${work}: ${amiss.join("; ")}`);
      const name = `promotion.${work.replace("-", ".")}`;
      console.log(`figure: ${name}.ms = ${ms.toFixed(0)} ms`);
      console.log(`figure: ${name}.rss.mib = ${rss.toFixed(0)} MiB`);
      if (work === "plan" || work === "plan-cold") continue;
      console.log(`figure: ${name}.requests = ${mirrors.sum} requests`);
      console.log(`  ${[...mirrors.asked].map(([what, count]) => `${what} ${count}`).join(", ")}`);
    }
  } finally {
    for (const server of servers) server.close().closeAllConnections();
  }
}

if (process.env["BENCH_CHILD"]) {
  process.once(
    "message",
    (task) => void measure(task as Task).then((result) => process.send!(result, () => process.exit())),
  );
} else await main();

function hexOf(digest: string): string {
  return digest.slice("sha256:".length);
}
