/** The clouds whose regions the program knows. */
export type Cloud = "gcp" | "aws";

/**
 * A region of a cloud and its location: the coordinates of the city or county that the cloud names, in degrees, north
 * and east positive.
 */
export interface Region {
  readonly cloud: Cloud;
  /** As the cloud spells it: `europe-west1`, `eu-west-1`. */
  readonly name: string;
  readonly place: string;
  readonly latitude: number;
  readonly longitude: number;
  /** Of a multi-region: the regions that it may keep data in. It holds mirrors, and nothing runs there. */
  readonly members?: readonly [Region, ...Region[]];
}

/**
 * Every public region of Google Cloud (cloud.google.com/about/locations) and of AWS (its commercial partition; China and GovCloud are
 * partitions of their own, which one account cannot reach).
 */
export const regions: readonly Region[] = [
  ...of("gcp", [
    ["africa-south1", "Johannesburg", -26.2, 28.05],
    ["asia-east1", "Changhua County", 24.05, 120.52],
    ["asia-east2", "Hong Kong", 22.32, 114.17],
    ["asia-northeast1", "Tokyo", 35.68, 139.69],
    ["asia-northeast2", "Osaka", 34.69, 135.5],
    ["asia-northeast3", "Seoul", 37.57, 126.98],
    ["asia-south1", "Mumbai", 19.08, 72.88],
    ["asia-south2", "Delhi", 28.61, 77.21],
    ["asia-southeast1", "Singapore", 1.35, 103.82],
    ["asia-southeast2", "Jakarta", -6.21, 106.85],
    ["australia-southeast1", "Sydney", -33.87, 151.21],
    ["australia-southeast2", "Melbourne", -37.81, 144.96],
    ["europe-central2", "Warsaw", 52.23, 21.01],
    ["europe-north1", "Hamina", 60.57, 27.19],
    ["europe-north2", "Stockholm", 59.33, 18.07],
    ["europe-southwest1", "Madrid", 40.42, -3.7],
    ["europe-west1", "St. Ghislain", 50.45, 3.82],
    ["europe-west2", "London", 51.51, -0.13],
    ["europe-west3", "Frankfurt", 50.11, 8.68],
    ["europe-west4", "Eemshaven", 53.44, 6.84],
    ["europe-west6", "Zurich", 47.37, 8.54],
    ["europe-west8", "Milan", 45.46, 9.19],
    ["europe-west9", "Paris", 48.86, 2.35],
    ["europe-west10", "Berlin", 52.52, 13.4],
    ["europe-west12", "Turin", 45.07, 7.69],
    ["me-central1", "Doha", 25.29, 51.53],
    ["me-central2", "Dammam", 26.43, 50.1],
    ["me-west1", "Tel Aviv", 32.09, 34.78],
    ["northamerica-northeast1", "Montreal", 45.5, -73.57],
    ["northamerica-northeast2", "Toronto", 43.65, -79.38],
    ["northamerica-south1", "Queretaro", 20.59, -100.39],
    ["southamerica-east1", "Osasco", -23.53, -46.79],
    ["southamerica-west1", "Santiago", -33.45, -70.67],
    ["us-central1", "Council Bluffs", 41.26, -95.86],
    ["us-east1", "Moncks Corner", 33.2, -80.01],
    ["us-east4", "Ashburn", 39.04, -77.49],
    ["us-east5", "Columbus", 39.96, -83],
    ["us-south1", "Dallas", 32.78, -96.8],
    ["us-west1", "The Dalles", 45.6, -121.18],
    ["us-west2", "Los Angeles", 34.05, -118.24],
    ["us-west3", "Salt Lake City", 40.76, -111.89],
    ["us-west4", "Las Vegas", 36.17, -115.14],
  ]),
  ...of("aws", [
    ["af-south-1", "Cape Town", -33.92, 18.42],
    ["ap-east-1", "Hong Kong", 22.32, 114.17],
    ["ap-east-2", "Taipei", 25.03, 121.57],
    ["ap-northeast-1", "Tokyo", 35.68, 139.69],
    ["ap-northeast-2", "Seoul", 37.57, 126.98],
    ["ap-northeast-3", "Osaka", 34.69, 135.5],
    ["ap-south-1", "Mumbai", 19.08, 72.88],
    ["ap-south-2", "Hyderabad", 17.39, 78.49],
    ["ap-southeast-1", "Singapore", 1.35, 103.82],
    ["ap-southeast-2", "Sydney", -33.87, 151.21],
    ["ap-southeast-3", "Jakarta", -6.21, 106.85],
    ["ap-southeast-4", "Melbourne", -37.81, 144.96],
    ["ap-southeast-5", "Kuala Lumpur", 3.14, 101.69],
    ["ap-southeast-6", "Auckland", -36.85, 174.76],
    ["ap-southeast-7", "Bangkok", 13.76, 100.5],
    ["ca-central-1", "Montreal", 45.5, -73.57],
    ["ca-west-1", "Calgary", 51.05, -114.07],
    ["eu-central-1", "Frankfurt", 50.11, 8.68],
    ["eu-central-2", "Zurich", 47.37, 8.54],
    ["eu-north-1", "Stockholm", 59.33, 18.07],
    ["eu-south-1", "Milan", 45.46, 9.19],
    ["eu-south-2", "Zaragoza", 41.65, -0.89],
    ["eu-west-1", "Dublin", 53.35, -6.26],
    ["eu-west-2", "London", 51.51, -0.13],
    ["eu-west-3", "Paris", 48.86, 2.35],
    ["il-central-1", "Tel Aviv", 32.09, 34.78],
    ["me-central-1", "Dubai", 25.2, 55.27],
    ["me-south-1", "Manama", 26.23, 50.59],
    ["mx-central-1", "Queretaro", 20.59, -100.39],
    ["sa-east-1", "Sao Paulo", -23.55, -46.63],
    ["us-east-1", "Ashburn", 39.04, -77.49],
    ["us-east-2", "Columbus", 39.96, -83],
    ["us-west-1", "San Jose", 37.34, -121.89],
    ["us-west-2", "Boardman", 45.84, -119.7],
  ]),
];

/**
 * The regions of AWS that an account must enable first: all since March 2019 (AWS Account Management guide, "AWS Regions that you must
 * enable").
 */
export const optInRegions: ReadonlySet<string> = new Set([
  ...["af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5"],
  ...["ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1"],
  ...["me-central-1", "me-south-1", "mx-central-1"],
]);

/**
 * The multi-regions of Artifact Registry, which Cloud Storage calls `US`, `EU` and `ASIA`. The European one keeps nothing in London and Zurich
 * (cloud.google.com/storage/docs/locations#location-mr, cloud.google.com/artifact-registry/docs/repositories/repo-locations). The coordinates are those of
 * the first member.
 */
const multiRegions: readonly Region[] = [
  multiRegion("us", "United States"),
  multiRegion("europe", "European Union", ["europe-west2", "europe-west6"]),
  multiRegion("asia", "Asia"),
];

function multiRegion(name: string, place: string, without: readonly string[] = []): Region {
  const members = regions.filter(
    (region) => region.cloud === "gcp" && region.name.startsWith(`${name}-`) && !without.includes(region.name),
  ) as [Region, ...Region[]];
  const [{ latitude, longitude }] = members;
  return { cloud: "gcp", name, place, latitude, longitude, members };
}

const byName = new Map([...regions, ...multiRegions].map((region) => [`${region.cloud} ${region.name}`, region]));

/** The region, or multi-region, of that name, or undefined if the cloud has none. */
export function findRegion(cloud: Cloud, name: string): Region | undefined {
  return byName.get(`${cloud} ${name}`);
}

/** Those of a list that are one region, where things can run. */
export function singleRegions(list: readonly Region[]): Region[] {
  return list.filter(({ members }) => members === undefined);
}

/** The regions of a stack in which redirectors and jobs run, in their order. */
export function servingRegions(list: readonly Region[]): readonly [Region, ...Region[]] {
  const [first, ...others] = singleRegions(list);
  if (first === undefined) throw new Error("no region in which a redirector runs"); // the stack's config is refused before
  return [first, ...others];
}

function of(cloud: Cloud, rows: readonly (readonly [string, string, number, number])[]): Region[] {
  return rows.map(([name, place, latitude, longitude]) => ({ cloud, name, place, latitude, longitude }));
}
