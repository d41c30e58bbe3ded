import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { it } from "mocha";
import { readAddress } from "../../../../redirector/cloud-ranges/address.ts";
import { buildTable, fetchSources, implausible, readRangesFolder } from "../../../../redirector/cloud-ranges/build.ts";
import { flatten } from "../../../../redirector/cloud-ranges/flatten.ts";
import { type Prefix, readPrefix } from "../../../../redirector/cloud-ranges/prefix.ts";
import { readAws, readAzure, readGcp } from "../../../../redirector/cloud-ranges/sources.ts";
import { type LoadedTable, loadTable, storeTable } from "../../../../redirector/cloud-ranges/table.ts";
import { sliceOf } from "../../../../redirector/http1/byte-slice.ts";
import { skip } from "../../../support/annotations.ts";
import { afterTest } from "../../../support/cleanup.ts";

const shared = path.join(import.meta.dirname, "../../../../../shared/data-cloud-ranges");

it("parses every form of addresses, strictly", () => {
  const rows: [string, string][] = [
    ["0.0.0.0", "4 00000000"],
    ["255.255.255.255", "4 ffffffff"],
    ["35.180.1.1", "4 23b40101"],
    ["::", "6 00000000 00000000 00000000 00000000"],
    ["::1", "6 00000000 00000000 00000000 00000001"],
    ["1::", "6 00010000 00000000 00000000 00000000"],
    ["2001:DB8::a:b", "6 20010db8 00000000 00000000 000a000b"],
    ["1:2:3:4:5:6:7:8", "6 00010002 00030004 00050006 00070008"],
    ["1:2:3:4:5:6:7::", "6 00010002 00030004 00050006 00070000"],
    ["::2:3:4:5:6:7:8", "6 00000002 00030004 00050006 00070008"],
    ["64:ff9b::1.2.3.4", "6 0064ff9b 00000000 00000000 01020304"],
    ["1:2:3:4:5:6:1.2.3.4", "6 00010002 00030004 00050006 01020304"],
    ["::ffff:1.2.3.4", "4 01020304"],
    ["::FFFF:0102:0304", "4 01020304"],
    ["0:0:0:0:0:ffff:1.2.3.4", "4 01020304"],
  ];
  for (const [text, expected] of rows) assert.equal(read(text), expected, text);
  const none =
    " |1.2.3|1.2.3.4.5|1.2.3.256|01.2.3.4|1.2.3.04|1..2.3|.1.2.3|1.2.3.|1.2.3.4 | 1.2.3.4|1.2.3.-4|0x1.2.3.4|1e1.2.3.4|:|:::|1::2::3|1:2:3:4:5:6:7|" +
    "1:2:3:4:5:6:7:8:9|1:2:3:4:5:6:7:8::|::1:2:3:4:5:6:7:8|12345::|g::|1:|:1|1:2:3:4:5:6:7:|fe80::1%eth0|::1.2.3|::1.2.3.4:5|1.2.3.4::|::ffff:1.2.3.256|" +
    "::fffff|1:2:3:4:5:6:7:1.2.3.4|[::1]|1.2.3.4/8";
  for (const text of ["", ...none.split("|")]) assert.equal(read(text), "", text);
});

it("any text is an address if and only if Node accepts it, except zones", () => {
  const hex = fc.constantFrom(
    "0",
    "1",
    "a",
    "F",
    "ffff",
    "00a",
    ":",
    "::",
    ".",
    "1.2.3.4",
    "255",
    "256",
    "01",
    "%1",
    "g",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.ipV6(),
        fc.ipV4(),
        fc.array(hex, { maxLength: 12 }).map((parts) => parts.join("")),
      ),
      (text) => {
        const expected = text.includes("%") ? 0 : isIP(text);
        const words = new Uint32Array(4);
        const family = readAddress(sliceOf(text), words);
        assert.equal(family !== 0, expected !== 0, text);
      },
    ),
    { numRuns: 3000 },
  );
});

it("parses blocks strictly", () => {
  assert.deepEqual(readPrefix("aws", "r", "10.0.0.0/8"), {
    cloud: "aws",
    region: "r",
    family: 4,
    start: 0x0a000000n,
    length: 8,
  });
  assert.equal(readPrefix("aws", "r", "2600::/128").length, 128);
  for (const text of [
    "10.0.0.0",
    "10.0.0.0/33",
    "10.0.0.1/8",
    "10.0.0.0/08",
    "2600::1/64",
    "2600::/129",
    "x/8",
    "10.0.0.0/-1",
  ]) {
    assert.throws(() => readPrefix("aws", "eu-west-3", text), {
      message: new RegExp(`^aws eu-west-3: "${text.replaceAll(".", "\\.")}" is not a block`),
    });
  }
});

it("nested blocks: any lookup equals the longest match of a linear scan", () => {
  // Few bits, so that blocks nest, touch and repeat all the time.
  const block = fc.record({
    cloud: fc.constantFrom("aws", "gcp", "azure"),
    region: fc.constantFrom("a", "b", "GLOBAL"),
    family: fc.constantFrom(4, 6),
    high: fc.integer({ min: 0, max: 15 }),
    low: fc.integer({ min: 0, max: 15 }),
    length: fc.integer({ min: 0, max: 8 }),
  });
  fc.assert(
    fc.property(fc.array(block, { maxLength: 20 }), (blocks) => {
      const prefixes = blocks.map(({ cloud, region, family, high, low, length }): Prefix => {
        const bits = family === 4 ? 32 : 128;
        // Four bits at the top of the space and four at its end, so that every word of an address matters.
        const wanted = length <= 4 ? length : bits - 8 + length;
        const address = (BigInt(high) << BigInt(bits - 4)) | BigInt(low);
        const block = 1n << BigInt(bits - wanted);
        return {
          cloud: cloud as Prefix["cloud"],
          region,
          family: family as 4 | 6,
          start: (address / block) * block,
          length: wanted,
        };
      });
      const table = loadTable(storeTable(flatten(prefixes).table));
      for (const family of [4, 6] as const) {
        const bits = family === 4 ? 32n : 128n;
        for (let high = 0n; high < 16n; high++) {
          for (const low of [0n, 1n, 7n, 8n, 15n, 16n, 1n << 20n]) {
            const address = (high << (bits - 4n)) | low;
            const index = table.lookup(sliceOf(textOf(address, family)));
            const found = index < 0 ? undefined : `${table.regions[index]?.cloud} ${table.regions[index]?.region}`;
            assert.ok(
              longestMatches(prefixes, address, family).includes(found),
              `${textOf(address, family)}: ${found}`,
            );
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});

it("blocks in any order give the same bytes; a block of two regions is assigned to one and reported", () => {
  const prefixes = [
    readPrefix("gcp", "us", "10.0.0.0/8"),
    readPrefix("aws", "GLOBAL", "11.0.0.0/8"),
    readPrefix("aws", "eu", "11.0.0.0/8"),
    readPrefix("aws", "eu", "11.0.0.0/8"),
    readPrefix("azure", "z", "2600::/16"),
  ];
  const one = flatten(prefixes);
  const other = flatten(prefixes.toReversed());
  assert.deepEqual(storeTable(one.table), storeTable(other.table));
  assert.deepEqual(
    one.conflicts.map(({ kept, dropped }) => [kept.region, dropped.region]),
    [["eu", "GLOBAL"]],
  );
  const table = loadTable(storeTable(one.table));
  assert.equal(table.regions[table.lookup(sliceOf("11.1.1.1"))]?.region, "eu");
});

it("parses the clouds' documents strictly, in their real formats", () => {
  assert.equal(
    readAws('{"prefixes":[{"ip_prefix":"3.4.12.4/32","region":"eu-west-1","service":"AMAZON"}],"ipv6_prefixes":[]}')
      .length,
    1,
  );
  assert.equal(
    readGcp(
      '{"prefixes":[{"ipv4Prefix":"34.1.208.0/20","scope":"a"},{"ipv6Prefix":"2600:1900:8000::/44","scope":"b"}]}',
    ).length,
    2,
  );
  const tags = {
    values: [
      { name: "AzureCloud", properties: { addressPrefixes: ["1.0.0.0/8"] } },
      {
        name: "AzureCloud.eastus",
        properties: { region: "eastus", addressPrefixes: ["20.42.0.0/17", "2603:1030::/32"] },
      },
      { name: "Storage.EastUS", properties: { addressPrefixes: ["2.0.0.0/8"] } },
    ],
  };
  assert.deepEqual(
    readAzure(JSON.stringify(tags)).map(({ region }) => region),
    ["eastus", "eastus"],
  );
  assert.deepEqual(
    readAzure('{"eastus":["20.42.0.0/17"]}').map(({ region }) => region),
    ["eastus"],
  );
  assert.throws(() => readAws("<html>"), /Amazon's ip-ranges.json is not JSON/);
  assert.throws(() => readAws('{"prefixes":[{"ip_prefix":1}]}'), /not as expected at prefixes.0.ip_prefix/);
  assert.throws(() => readGcp('{"prefixes":[{"scope":"x"}]}'), /of x has neither/);
  assert.throws(() => readAzure('{"eastus":[1]}'), /Microsoft's service tags is not as expected/);
});

it("refuses any bytes that are not a table", () => {
  const { table } = flatten([readPrefix("aws", "r", "10.0.0.0/8"), readPrefix("aws", "r", "2600::/16")]);
  const good = storeTable(table);
  loadTable(good);
  for (let length = 0; length < good.length; length += length < 200 || length > good.length - 200 ? 1 : 997)
    assert.throws(() => loadTable(good.subarray(0, length)), Error, `${length} bytes`);
  for (const family of ["v4", "v6"] as const) {
    const regions = table[family].regions.map((region) => (region === 0 ? 7 : region));
    const other = storeTable({ ...table, [family]: { ...table[family], regions } });
    assert.throws(() => loadTable(other), /names a region that it does not have/, family);
    const starts = table[family].starts.map((start) => start + 1);
    const later = storeTable({ ...table, [family]: { ...table[family], starts } });
    assert.throws(() => loadTable(later), /does not begin at the first address/, family);
  }
  const older = Uint8Array.from(good);
  older[13] = "1".charCodeAt(0);
  assert.throws(() => loadTable(older), /make it with `npm run ranges`/);
});

it("a corrupt table is refused or returns some result, but never crashes", () => {
  const good = storeTable(flatten([readPrefix("aws", "r", "10.0.0.0/8"), readPrefix("aws", "r", "2600::/16")]).table);
  const near = fc.oneof(
    fc.nat(300),
    fc.nat(good.length - 1),
    fc.nat(200).map((back) => good.length - 1 - back),
  );
  fc.assert(
    fc.property(near, fc.nat(255), (at, value) => {
      const damaged = Uint8Array.from(good);
      damaged[at] = value;
      let table: LoadedTable;
      try {
        table = loadTable(damaged);
      } catch (error) {
        assert.ok(error instanceof Error);
        return;
      }
      for (const address of ["10.1.2.3", "9.9.9.9", "255.255.255.255", "2600::1", "::1", "ffff::"]) {
        const found = table.lookup(sliceOf(address));
        assert.ok(Number.isInteger(found) && found >= -1, `${address}: ${found}`);
      }
    }),
    { numRuns: 500 },
  );
});

it("refuses implausibly few blocks", () => {
  const counts = { aws: 10_000, gcp: 1000, azure: 15_000 };
  assert.deepEqual(implausible(counts, undefined), []);
  assert.deepEqual(implausible(counts, { aws: 12_000, gcp: 1000, azure: 1 }), []);
  assert.equal(implausible({ ...counts, aws: 9000 }, { aws: 12_000 }).length, 1);
  assert.equal(implausible({ aws: 3, gcp: 3, azure: 3 }, undefined).length, 3);
});

it("npm run ranges: reproducible from a folder, and refuses a table that shrinks", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "ranges-"));
  afterTest(() => rm(folder, { recursive: true }));
  const out = path.join(folder, "out/table");
  const publish = async (count: number): Promise<void> => {
    const blocks = Array.from({ length: count }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`);
    await writeFile(
      path.join(folder, "ip-ranges.json"),
      JSON.stringify({ prefixes: blocks.map((ip_prefix) => ({ ip_prefix, region: "r" })), ipv6_prefixes: [] }),
    );
    await writeFile(
      path.join(folder, "cloud.json"),
      JSON.stringify({
        prefixes: blocks.slice(0, 600).map((block) => ({ ipv4Prefix: block.replace("10.", "11."), scope: "s" })),
      }),
    );
  };
  const args = ["--from", folder, "--out", out, "--without", "azure"];

  const missing = await build(args);
  assert.equal(missing.code, 1);
  assert.match(missing.output, /no file named like .*ip-ranges/);

  await publish(6000);
  const first = await build(args);
  assert.deepEqual(
    [first.code, first.output],
    [0, `${path.relative(process.cwd(), out)}: aws 6000, gcp 600 blocks, ${(await readFile(out)).length} bytes\n`],
  );
  const bytes = await readFile(out);
  await rm(out);
  const aws = path.join(folder, "ip-ranges.json");
  await writeFile(aws, `\ufeff${await readFile(aws, "utf8")}`);
  assert.equal((await build(args)).code, 0);
  assert.deepEqual(await readFile(out), bytes);

  await publish(10);
  const shrunk = await build(args);
  assert.equal(shrunk.code, 1);
  assert.match(
    shrunk.output,
    /aws publishes 10 blocks; fewer than 5000 cannot be complete\n.*gcp publishes 10 .*\n.*--accept-shrinkage/s,
  );
  assert.deepEqual(await readFile(out), bytes, "nothing written");
  assert.equal((await build([...args, "--accept-shrinkage"])).code, 0);

  const unknown = await build(["--form", folder]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.output, /unknown argument --form/);
});

it("downloads the documents, Microsoft's by the link on its page; retries a 503; errors name the URL", async () => {
  let refused = 0;
  const server = createServer((request, response) => {
    const link = `http://127.0.0.1:${port()}/x/ServiceTags_Public_`;
    if (request.url === "/azure") response.end(`<a href="${link}20260720.json"> <a href="${link}20260727.json">`);
    else if (request.url === "/azure-in-json")
      response.end(`<script>{"url":"${link.replaceAll("/", "\\u002F")}20260727.json"}</script>`);
    else if (request.url === "/none") response.end("<html>");
    else if (request.url === "/gone") response.writeHead(404).end();
    else if (request.url === "/busy" && ++refused === 1) response.writeHead(503).end("busy");
    else response.end(`text of ${request.url}`);
  });
  const port = (): number => (server.address() as AddressInfo).port;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterTest(() => server.close());
  const base = `http://127.0.0.1:${port()}`;
  const sources = { aws: `${base}/aws`, gcp: `${base}/gcp`, azure: `${base}/azure` };
  assert.deepEqual(await fetchSources(["aws", "gcp", "azure"], sources), {
    aws: "text of /aws",
    gcp: "text of /gcp",
    azure: "text of /x/ServiceTags_Public_20260727.json",
  });
  assert.deepEqual(await fetchSources(["azure"], { ...sources, azure: `${base}/azure-in-json` }), {
    azure: "text of /x/ServiceTags_Public_20260727.json",
  });
  assert.deepEqual(await fetchSources(["gcp"], { ...sources, gcp: `${base}/busy` }), { gcp: "text of /busy" });
  assert.equal(refused, 2, "one retry after a 503");
  await assert.rejects(fetchSources(["azure"], { ...sources, azure: `${base}/none` }), /\/none has no link/);
  await assert.rejects(
    fetchSources(["aws", "gcp", "azure"], { ...sources, aws: `${base}/gone`, azure: `${base}/none` }),
    /\/gone: responds 404 \(--without aws .*\n.*\/none has no link .*--without azure/,
  );
});

it("the clouds' complete ranges: lookups of every block's first and last address equal a linear scan", async function () {
  if (!existsSync(shared)) {
    console.warn(`SKIPPED: the clouds' whole ranges, as ${shared} is not there`);
    skip(this, `${shared} is not there`);
    return;
  }
  const texts = await readRangesFolder(shared, ["aws", "gcp", "azure"]);
  const { bytes, counts, warnings } = buildTable(texts);
  assert.deepEqual(counts, { aws: 10_762, gcp: 1047, azure: 15_058 });
  assert.deepEqual(warnings, []);
  const table = loadTable(bytes);
  const prefixes = [...readAws(texts.aws ?? ""), ...readGcp(texts.gcp ?? ""), ...readAzure(texts.azure ?? "")];
  // A linear scan of 26,867 blocks for each of 53,734 addresses takes minutes; blocks that hold an address begin at one of its prefixes.
  const byBlock = new Map(prefixes.map((prefix) => [`${prefix.family} ${prefix.start}/${prefix.length}`, prefix]));
  let wrong = 0;
  for (const { family, start, length } of byBlock.values()) {
    const bits = family === 4 ? 32 : 128;
    for (const address of [start, start + (1n << BigInt(bits - length)) - 1n]) {
      let expected: Prefix | undefined;
      for (let size = bits; size >= 0 && !expected; size--) {
        const block = 1n << BigInt(bits - size);
        expected = byBlock.get(`${family} ${(address / block) * block}/${size}`);
      }
      const found = table.regions[table.lookup(sliceOf(textOf(address, family)))];
      if (found?.cloud !== expected?.cloud || found?.region !== expected?.region) wrong++;
    }
  }
  assert.equal(wrong, 0);
});

function read(text: string): string {
  const words = new Uint32Array(4);
  const family = readAddress(sliceOf(text), words);
  const hex = [...words].map((word) => word.toString(16).padStart(8, "0"));
  return family === 0 ? "" : `${family} ${hex.slice(0, family === 4 ? 1 : 4).join(" ")}`;
}

function textOf(address: bigint, family: 4 | 6): string {
  const parts = (size: bigint, count: number): bigint[] =>
    Array.from({ length: count }, (_, i) => (address >> (size * BigInt(count - 1 - i))) & ((1n << size) - 1n));
  return family === 4
    ? parts(8n, 4).join(".")
    : parts(16n, 8)
        .map((part) => part.toString(16))
        .join(":");
}

/** All regions of the longest blocks that hold the address; the rule among equal ones is another test's. */
function longestMatches(prefixes: readonly Prefix[], address: bigint, family: 4 | 6): (string | undefined)[] {
  const holding = prefixes.filter((prefix) => {
    const size = 1n << BigInt((family === 4 ? 32 : 128) - prefix.length);
    return prefix.family === family && prefix.start <= address && address < prefix.start + size;
  });
  if (holding.length === 0) return [undefined];
  const longest = Math.max(...holding.map(({ length }) => length));
  return holding.filter(({ length }) => length === longest).map(({ cloud, region }) => `${cloud} ${region}`);
}

async function build(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const script = path.join(import.meta.dirname, "../../../../redirector/cloud-ranges/build.ts");
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, output };
}
