/** What a stack costs in a month: pure arithmetic on its config, a traffic and a list of prices. */
import { z } from "zod";
import type { StackConfig } from "../stack/config.ts";

const usd = z.number().min(0);
const perMonth = z.strictObject({ perMonth: usd, source: z.url() });
const storage = z.strictObject({ perGBMonth: usd, perMillionReads: usd, source: z.url() });
const egress = z.strictObject({
  perTB: z.array(z.strictObject({ upToTB: z.number().positive().optional(), usd })).min(1),
  source: z.url(),
});

/** The form of a price file. */
export const priceList = z.strictObject({
  date: z.iso.date("must be a date as 2026-11-28"),
  imageStorage: z.strictObject({ perGBMonth: usd, source: z.url() }),
  googleFileStorage: storage,
  /** Of a bucket in a multi-region; by default as one in a region. */
  googleMultiRegionStorage: storage.optional(),
  awsFileStorage: storage,
  imageStore: z.strictObject({ ...storage.shape, ...egress.shape }),
  googleEgress: egress,
  awsEgress: egress,
  /** `fillPerTB`: from the bucket to the CDN, of what it does not keep. By default a CDN costs what its bucket would. */
  googleCdn: z.strictObject({ ...egress.shape, perMonth: usd, fillPerTB: usd, perMillionRequests: usd }).optional(),
  redirectorInstance: z.strictObject({ perMonth: usd, perMillionRequests: usd, source: z.url() }),
  loadBalancer: perMonth,
  edgePolicy: z.strictObject({ perMonth: usd, perMillionRequests: usd, source: z.url() }),
  alert: perMonth,
  logs: z.strictObject({ perGB: usd, source: z.url() }),
  key: perMonth,
});

const amount = z.number("must be a number").min(0, "must not be negative");

/** The form of a traffic file: amounts of a month. */
export const trafficFile = z.strictObject({
  /** GB that each image mirror, and the layers in each bucket in AWS, hold. */
  imagesGB: amount.default(50),
  /** GB that each file mirror holds. */
  filesGB: amount.default(20),
  /** GB in all staging areas. */
  stagingGB: amount.default(10),
  /**
   * TB that clients receive, by region of a mirror or name of an image store. Of `otherEgressTB` each that is not named has its share of the clients, if
   * the stack gives it one; the rest is shared evenly by the regions that are not named.
   */
  egressTB: z.record(z.string(), amount).default({}),
  otherEgressTB: amount.default(0),
  /** The share of the bytes that a CDN (`artifacts:cloudCdn`) has already, 0 to 1. */
  cdnHits: amount.max(1, "must be 0 to 1").default(0.9),
  /** Millions of requests to the redirector. */
  millionRequests: amount.default(0),
});

export type PriceList = z.infer<typeof priceList>;
export type Traffic = z.infer<typeof trafficFile>;

/** One line of the estimate. Amounts are USD. */
export interface CostRow {
  readonly component: string;
  /** A region, or `global`. */
  readonly where: string;
  /** A month without any client. */
  readonly atRest: number;
  /** The next TB that clients receive from there; undefined: none leaves it. */
  readonly perTB: number | undefined;
  readonly perMillionRequests: number | undefined;
  /** A month of the traffic that was given, with what is at rest. */
  readonly month: number;
}

/** The parts of a stack that its cost depends on. */
export type CostedStack = Pick<StackConfig, "gcpRegions" | "awsRegions" | "instances" | "logSampleRate"> &
  Partial<
    Pick<StackConfig, "sentGibPerDay" | "fillAbove" | "imageBuckets" | "imageStores" | "clientShares" | "cloudCdn">
  >;

/** Alerts of components/monitoring without the one on sent bytes and those on fills, and the bytes of the two log lines of a request that is logged. */
const alerts = 17;
const alertsOfCdn = 2;
const loggedBytes = 1700;

/** The estimate, a row for each component and region. */
export function costRows(stack: CostedStack, traffic: Traffic, prices: PriceList): CostRow[] {
  const { gcpRegions, awsRegions, instances, logSampleRate, imageBuckets = new Set(), imageStores = [] } = stack;
  const regions = [...gcpRegions, ...awsRegions].map(({ name }) => name);
  const unnamed = regions.filter((name) => traffic.egressTB[name] === undefined);
  const { clientShares = {}, cloudCdn = {} } = stack;
  const divided = Object.entries(clientShares).reduce(
    (sum, [name, percent]) => sum + (traffic.egressTB[name] === undefined ? percent : 0),
    0,
  );
  const egressOf = (name: string) => {
    const named = traffic.egressTB[name];
    if (named !== undefined) return named;
    const rest = unnamed.includes(name) ? (1 - divided / 100) / unnamed.length : 0;
    return traffic.otherEgressTB * (rest + (clientShares[name] ?? 0) / 100);
  };
  const total = (of: readonly { readonly name: string }[]) => of.reduce((sum, { name }) => sum + egressOf(name), 0);
  // A cloud bills by the sum of all regions: each pays its share.
  const hasCdn = ({ name }: { readonly name: string }) =>
    prices.googleCdn !== undefined && Object.hasOwn(cloudCdn, name);
  const google = {
    used: total(gcpRegions.filter((region) => !hasCdn(region))),
    tiers: prices.googleEgress.perTB,
  };
  const cdn = { used: total(gcpRegions.filter(hasCdn)), tiers: prices.googleCdn?.perTB ?? [] };
  const aws = { used: total(awsRegions), tiers: prices.awsEgress.perTB };
  const { millionRequests } = traffic;
  const fromStores = { used: total(imageStores), tiers: prices.imageStore.perTB };
  const sent = google.used + cdn.used + aws.used + fromStores.used;
  const shareOf = ({ used, tiers }: typeof google, name: string) =>
    used === 0 ? 0 : (egressCost(used, tiers) * egressOf(name)) / used;
  const next = ({ used, tiers }: typeof google) => egressCost(used + 1, tiers) - egressCost(used, tiers);

  const rows: CostRow[] = [];
  const add = (
    component: string,
    where: string,
    {
      atRest = 0,
      perTB,
      perMillionRequests,
      used = 0,
    }: { atRest?: number; perTB?: number; perMillionRequests?: number; used?: number },
  ) => rows.push({ component, where, atRest, perTB, perMillionRequests, month: atRest + used });

  for (const { name, members } of gcpRegions) {
    const inRegion = prices.googleFileStorage;
    const bucket = members === undefined ? inRegion : (prices.googleMultiRegionStorage ?? inRegion);
    add("image mirror", name, { atRest: traffic.imagesGB * prices.imageStorage.perGBMonth });
    // A bucket in AWS has the images' layers in any case, this one if it is an image mirror.
    const [kind, stored] = imageBuckets.has(name)
      ? ["file mirror with images", traffic.filesGB + traffic.imagesGB]
      : ["file mirror", traffic.filesGB];
    add(kind, name, { atRest: stored * bucket.perGBMonth });
    if (prices.googleCdn && hasCdn({ name })) {
      const { fillPerTB, perMillionRequests } = prices.googleCdn;
      const fill = (1 - traffic.cdnHits) * fillPerTB;
      const requests = sent === 0 ? 0 : (millionRequests * egressOf(name)) / sent;
      add("CDN", name, {
        perTB: next(cdn) + fill,
        perMillionRequests,
        used: shareOf(cdn, name) + egressOf(name) * fill + requests * perMillionRequests,
      });
    } else add("egress", name, { perTB: next(google), used: shareOf(google, name) });
    if (members !== undefined) continue; // nothing runs in a multi-region
    const always = instances.minIn[name] ?? instances.min;
    add("redirector", name, { atRest: always * prices.redirectorInstance.perMonth });
  }
  for (const { name } of awsRegions) {
    const stored = traffic.filesGB + traffic.imagesGB;
    add("file mirror with layers", name, { atRest: stored * prices.awsFileStorage.perGBMonth });
    add("egress", name, { perTB: next(aws), used: shareOf(aws, name) });
  }
  for (const { name } of imageStores) {
    // Of the requests those go there that its share of the bytes belongs to.
    const requests = sent === 0 ? 0 : (millionRequests * egressOf(name)) / sent;
    add("image store", name, {
      atRest: traffic.imagesGB * prices.imageStore.perGBMonth,
      perTB: next(fromStores),
      perMillionRequests: prices.imageStore.perMillionReads,
      used: shareOf(fromStores, name) + requests * prices.imageStore.perMillionReads,
    });
  }
  const perRequest = (component: string, atRest: number, price: number) =>
    add(component, "global", { atRest, perMillionRequests: price, used: millionRequests * price });
  const reads =
    (gcpRegions.length * prices.googleFileStorage.perMillionReads +
      awsRegions.length * prices.awsFileStorage.perMillionReads) /
    regions.length;
  perRequest("redirector's requests", 0, prices.redirectorInstance.perMillionRequests);
  perRequest("reads of the mirrors", 0, reads);
  perRequest("edge policy", prices.edgePolicy.perMonth, prices.edgePolicy.perMillionRequests);
  perRequest("logs of requests", 0, ((1e6 * logSampleRate * loggedBytes) / 1e9) * prices.logs.perGB);
  const cdns = Object.keys(cloudCdn).length;
  add("load balancer", "global", { atRest: prices.loadBalancer.perMonth });
  if (cdns > 0) add("load balancer of CDNs", "global", { atRest: prices.googleCdn?.perMonth ?? 0 });
  add("staging areas", "global", { atRest: traffic.stagingGB * prices.imageStorage.perGBMonth });
  const sentBytes = stack.sentGibPerDay === undefined ? 0 : 1;
  const fills = stack.fillAbove === undefined ? 0 : 2;
  const made = alerts + alertsOfCdn * cdns + sentBytes + fills;
  add("alerts", "global", { atRest: made * prices.alert.perMonth });
  add("key of the state", "global", { atRest: prices.key.perMonth });
  return rows;
}

/** The sum of all rows: at rest, and with the traffic. */
export function costTotal(rows: readonly CostRow[]): { readonly atRest: number; readonly month: number } {
  return {
    atRest: rows.reduce((sum, row) => sum + row.atRest, 0),
    month: rows.reduce((sum, row) => sum + row.month, 0),
  };
}

/** What so many TB of one cloud cost in a month. */
function egressCost(tb: number, tiers: PriceList["googleEgress"]["perTB"]): number {
  let [sum, from] = [0, 0];
  for (const { upToTB = Number.POSITIVE_INFINITY, usd: price } of tiers) {
    if (tb > from) sum += (Math.min(tb, upToTB) - from) * price;
    from = upToTB;
  }
  return sum;
}
