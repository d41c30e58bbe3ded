import { parseConfig } from "../../redirector/config.ts";
import { Existence } from "../../redirector/mirrors/existence.ts";
import { PublishedObjects } from "../../redirector/mirrors/published-objects.ts";
import { keyOfTag } from "../../redirector/presence-format.ts";
import { randomOf } from "../support/generate-manifests.ts";

/**
 * `npm run bench -- redirector-heads`: how many requests a redirector sends to mirrors for a thousand requests of clients, at k8s.io's size: 5,000 requests a
 * second for 60,000 objects (Zipf 1), of which one in ten is a file or a tag in a bucket. The clock is simulated: after 20 minutes, for 10 minutes.
 * With the presence documents: of 1,000,000 published objects, and the memory that they take. Probes are sent with them and without.
 */

const objects = 60_000;
const perSecond = 5_000;
const [warmSeconds, seconds] = [1_200, 600];

const random = randomOf(1);
const cumulative = new Float64Array(objects);
let weights = 0;
for (let index = 0; index < objects; index++) cumulative[index] = weights += 1 / (index + 1);
const checks = Array.from({ length: objects }, (_, index) => {
  const isKept = index % 10 !== 0;
  const url = `https://us-central1-docker.pkg.dev/v2/p/images/app/${isKept ? "blobs/sha256:" : "manifests/"}${index}`;
  const route = { kind: "manifest", path: `/app/manifests/${index}` } as const;
  return { asked: "images-us-central1", url, isKept, route };
});

const published = new PublishedObjects();
const others = Array.from({ length: 1_000_000 - objects }, (_, index) => keyOfTag("other", String(index)));
const keys = Float64Array.from([...checks.map((_, index) => keyOfTag("app", String(index))), ...others]);
const before = process.memoryUsage().arrayBuffers;
published.replace(new Map([["app", { mirrors: new Set(["images-us-central1"]), keys }]]));
const bytes = process.memoryUsage().arrayBuffers - before;

for (const [name, settings, presence] of [
  ["redirector.head-requests-per-1000", {}, published],
  ["redirector.head-requests-per-1000-without-documents", {}, undefined],
  // What it was before: 20,000 results, all for ten minutes.
  ["redirector.head-requests-per-1000-before", { entries: 20_000, agedSeconds: 0 }, undefined],
] as const)
  console.log(`figure: ${name} = ${(await headsPerThousand(settings, presence)).toFixed(2)}`);
console.log(`figure: redirector.presence.mib-per-million-objects = ${(bytes / 1024 / 1024).toFixed(1)}`);
console.log(`figure: redirector.presence.lookup-ns = ${nanosecondsOfALookup().toFixed(0)}`);

async function headsPerThousand(settings: object, presence: PublishedObjects | undefined): Promise<number> {
  const mirror = { name: "a", url: "https://a.example", cloud: "gcp", region: "r", latitude: 0, longitude: 0 };
  const place = { name: "r", latitude: 0, longitude: 0 };
  const read = parseConfig(JSON.stringify({ host: "x", region: place, imageMirrors: [mirror], existence: settings }));
  if ("errors" in read) throw new Error(read.errors.join());
  let now = 0;
  let asked = 0;
  const existence = new Existence(
    read.config.existence,
    () => {
      asked++;
      return Promise.resolve(true);
    },
    () => now,
    undefined,
    presence,
  );
  for (let request = 0; request < (warmSeconds + seconds) * perSecond; request++) {
    now = (request * 1000) / perSecond;
    if (request === warmSeconds * perSecond) asked = 0;
    await existence.holds(checks[chosen()]!);
  }
  return (asked * 1000) / (seconds * perSecond);
}

/** Of one whose keys are not remembered. */
function nanosecondsOfALookup(): number {
  const started = performance.now();
  for (const { asked, url, route } of checks) published.presence({ asked, url, route });
  return ((performance.now() - started) * 1e6) / objects;
}

/** Index of an object by its popularity. */
function chosen(): number {
  const at = random() * weights;
  let [low, high] = [0, objects - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cumulative[middle]! < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
