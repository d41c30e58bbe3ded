import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { EnvHttpProxyAgent, fetch, interceptors } from "undici";
import { flatten } from "./flatten.ts";
import type { Prefix } from "./prefix.ts";
import { readAws, readAzure, readGcp } from "./sources.ts";
import { loadTable, storeTable } from "./table.ts";

/**
 * Builds the table of the clouds' address ranges from the clouds' publications: `npm run ranges`, or
 * `node redirector/cloud-ranges/build.ts [--from=DIR] [--out=FILE] [--without=azure] [--accept-shrinkage]`.
 * Unchanged publications give the same bytes.
 */

type Cloud = Prefix["cloud"];

/** Where the clouds publish their addresses. Microsoft's file has a new name each week; the page links to it. */
export const publicSources: Readonly<Record<Cloud, string>> = {
  aws: "https://ip-ranges.amazonaws.com/ip-ranges.json",
  gcp: "https://www.gstatic.com/ipranges/cloud.json",
  azure: "https://www.microsoft.com/en-us/download/details.aspx?id=56519",
};

/** The least number of blocks of a complete publication: about half of what each cloud published in July 2026. */
export const fewestPrefixes: Readonly<Record<Cloud, number>> = { aws: 5000, gcp: 500, azure: 7500 };

/** Between two builds the number of a cloud's blocks must not shrink by more than this share. */
const largestShrinkage = 0.2;

const readers: Readonly<Record<Cloud, (text: string) => Prefix[]>> = { aws: readAws, gcp: readGcp, azure: readAzure };
const fileNames: Readonly<Record<Cloud, RegExp>> = {
  aws: /^(aws-)?ip-ranges\.json$/,
  gcp: /^(gcp-)?cloud\.json$/,
  azure: /^(ServiceTags_Public_\d{8}|azure-prefixes-by-region)\.json$/,
};

/** The number of distinct blocks of each cloud in a table. */
export type RangeCounts = Partial<Record<Cloud, number>>;

/** A table to be written. */
export interface BuiltTable {
  readonly bytes: Uint8Array;
  readonly counts: RangeCounts;
  readonly warnings: readonly string[];
}

/** Builds the table from the texts of publications. Throws if one is invalid. */
export function buildTable(texts: Partial<Record<Cloud, string>>): BuiltTable {
  const counts: RangeCounts = {};
  const prefixes: Prefix[] = [];
  for (const cloud of ["aws", "gcp", "azure"] as const) {
    const text = texts[cloud];
    if (text === undefined) continue;
    const own = readers[cloud](text);
    counts[cloud] = new Set(own.map((prefix) => `${prefix.family} ${prefix.start}/${prefix.length}`)).size;
    prefixes.push(...own);
  }
  const { table, conflicts } = flatten(prefixes);
  const bytes = storeTable(table);
  loadTable(bytes); // checks that the redirector can read it
  return {
    bytes,
    counts,
    warnings: conflicts.map(
      ({ kept, dropped }) =>
        `block ${kept.start}/${kept.length} is published as ${kept.cloud} ${kept.region} and ${dropped.cloud} ${dropped.region}: the first is used`,
    ),
  };
}

/** Why these counts are implausible, compared with the least number and with the last table, if there is one. */
export function implausible(counts: RangeCounts, last: RangeCounts | undefined): string[] {
  return (Object.keys(counts) as Cloud[]).flatMap((cloud) => {
    const count = counts[cloud] ?? 0;
    const before = last?.[cloud] ?? 0;
    if (count < fewestPrefixes[cloud])
      return [`${cloud} publishes ${count} blocks; fewer than ${fewestPrefixes[cloud]} cannot be complete`];
    if (count < before * (1 - largestShrinkage))
      return [`${cloud} publishes ${count} blocks, but had ${before} in the last table`];
    return [];
  });
}

/** Reads the publications from files in a folder, by the clouds' own file names; of Microsoft's, the newest. */
export async function readRangesFolder(
  folder: string,
  clouds: readonly Cloud[],
): Promise<Partial<Record<Cloud, string>>> {
  const names = (await readdir(folder)).sort();
  const texts: Partial<Record<Cloud, string>> = {};
  for (const cloud of clouds) {
    const name = names.findLast((each) => fileNames[cloud].test(each));
    if (name === undefined)
      throw new Error(`${folder} has no file named like ${fileNames[cloud].source} with the addresses of ${cloud}`);
    texts[cloud] = (await readFile(path.join(folder, name), "utf8")).replace(/^\ufeff/, "");
  }
  return texts;
}

/**
 * Fetches the publications. Throws an error with a line and the URL for each that cannot be fetched, because a table of only some of the chosen
 * clouds would be wrong.
 */
export async function fetchSources(
  clouds: readonly Cloud[],
  sources: Readonly<Record<Cloud, string>> = publicSources,
): Promise<Partial<Record<Cloud, string>>> {
  const results = await Promise.allSettled(
    clouds.map(async (cloud) => {
      const text = await get(sources[cloud]);
      return [cloud, cloud === "azure" ? await get(linkToServiceTags(text, sources.azure)) : text] as const;
    }),
  );
  const failures = results.flatMap((result, index) =>
    result.status === "fulfilled"
      ? []
      : [`${(result.reason as Error).message} (--without ${clouds[index]} makes a table of the others)`],
  );
  if (failures.length > 0) throw new Error(failures.join("\n"));
  return Object.fromEntries(results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])));
}

/** The link to this week's file on Microsoft's page: in its HTML, or in the JSON within, where slashes may be escaped. */
function linkToServiceTags(html: string, page: string): string {
  const plain = html.replace(/\\u002f/gi, "/").replaceAll("\\/", "/");
  const links = [...plain.matchAll(/https?:\/\/[^"'\s<>\\]+\/ServiceTags_Public_(\d{8})\.json/g)];
  const [newest] = links.sort(([, one = ""], [, other = ""]) => (one < other ? 1 : -1));
  if (newest === undefined) throw new Error(`${page} has no link to ServiceTags_Public_<date>.json`);
  return newest[0];
}

const timeoutMs = 30_000;
const longestText = 64 * 1024 * 1024;

/** Two retries of a transient failure, through the environment's proxies. */
const dispatcher = new EnvHttpProxyAgent({
  connect: { timeout: timeoutMs },
  headersTimeout: timeoutMs,
  bodyTimeout: timeoutMs,
}).compose(interceptors.retry({ maxRetries: 2, minTimeout: 500, throwOnError: false }));

async function get(url: string): Promise<string> {
  try {
    const response = await fetch(url, { dispatcher });
    if (!response.ok) throw new Error(`responds ${response.status}`);
    const text = await response.text();
    if (text.length > longestText) throw new Error(`is longer than ${longestText} characters`);
    return text;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Error(`${url}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

interface Options {
  from: string | undefined;
  out: string;
  without: Cloud[];
  acceptShrinkage: boolean;
}

function readOptions(args: readonly string[]): Options {
  const options: Options = {
    from: undefined,
    out: path.join(import.meta.dirname, "data", "cloud-ranges.bin"),
    without: [],
    acceptShrinkage: false,
  };
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [, name, inline] = /^--(from|out|without)(?:=(.+))?$/.exec(arg) ?? [];
    const value = name === undefined ? undefined : (inline ?? rest.shift());
    if (arg === "--accept-shrinkage") options.acceptShrinkage = true;
    else if (name === "from" && value !== undefined) options.from = value;
    else if (name === "out" && value !== undefined) options.out = value;
    else if (name === "without" && (value === "aws" || value === "gcp" || value === "azure"))
      options.without.push(value);
    else
      throw new Error(
        `unknown argument ${arg}; known are --from DIR, --out FILE, --without aws|gcp|azure, --accept-shrinkage`,
      );
  }
  return options;
}

async function main(args: readonly string[]): Promise<void> {
  const { from, out, without, acceptShrinkage } = readOptions(args);
  const clouds = (["aws", "gcp", "azure"] as const).filter((cloud) => !without.includes(cloud));
  const texts = from === undefined ? await fetchSources(clouds) : await readRangesFolder(from, clouds);
  const { bytes, counts, warnings } = buildTable(texts);
  for (const warning of warnings) console.warn(`warning: ${warning}`);

  const record = `${out}.json`;
  const problems = implausible(counts, await readCounts(record));
  if (problems.length > 0 && !acceptShrinkage) {
    throw new Error(`${problems.join("\n")}\nnothing written; if this is correct, run again with --accept-shrinkage`);
  }
  await mkdir(path.dirname(out), { recursive: true });
  await writeFile(`${out}.new`, bytes);
  await rename(`${out}.new`, out);
  await writeFile(record, `${JSON.stringify(counts)}\n`);
  const all = Object.entries(counts).map(([cloud, count]) => `${cloud} ${count}`);
  console.log(`${path.relative(process.cwd(), out)}: ${all.join(", ")} blocks, ${bytes.length} bytes`);
}

/** How many blocks the last table was made of; nothing if there is none, or no record that can be read. */
async function readCounts(file: string): Promise<RangeCounts | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as RangeCounts;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

if (process.argv[1] === import.meta.filename) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
}
