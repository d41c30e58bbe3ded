/** Users report: behind a redirector a client sees the first page of a list only. Every client, every way of paging. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { before, describe, it } from "mocha";
import { repositoryAt } from "../../../components/promotion/oci/repository.ts";
import { listTags } from "../../../components/promotion/oci/tags.ts";
import { Transport } from "../../../components/promotion/oci/transport.ts";
import { toolPath } from "../../../local/tools/tools.ts";
import { skip } from "../../support/annotations.ts";
import { afterFile } from "../../support/cleanup.ts";
import { startPagingFront } from "../../support/paging-front.ts";
import { peerPath } from "../../support/peers.ts";
import { podmanIn } from "../../support/podman.ts";
import { freePort } from "../../support/ports.ts";
import { builtPeers, builtTools } from "../../support/programs.ts";
import { startRedirector } from "../../support/redirector-process.ts";
import { type Pushed, Pusher, startRegistry, type TestRegistry } from "../../support/registries.ts";
import { answers, end } from "../../support/seed-servers.ts";

await builtPeers("crane", "oras");
await builtTools("regctl");

const run = promisify(execFile);

/** The repositories by their paging, and the number of tags of each. */
const pagings = {
  "two-relative": { perPage: 2, link: "relative", tags: 7 },
  "two-absolute": { perPage: 2, link: "absolute", tags: 7 },
  "thousand-relative": { perPage: 1_000, link: "relative", tags: 1_001 },
  "thousand-absolute": { perPage: 1_000, link: "absolute", tags: 1_001 },
  silent: { perPage: 100, link: "none", tags: 250 },
} as const;

describe("lists through the redirector", () => {
  let host: string;
  let registry: string;
  let env: NodeJS.ProcessEnv;
  let folder: string;
  let subject: Pushed;
  let olareg: TestRegistry;
  const expected = new Map<string, string[]>();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "artifacts-lists-"));
    env = { PATH: process.env["PATH"], HOME: folder };
    const port = await freePort();
    registry = `127.0.0.1:${port}`;
    const child = spawn(await peerPath("crane"), ["registry", "serve", "--address", registry], { stdio: "ignore" });
    afterFile(async () => {
      await end(child);
      await rm(folder, { recursive: true, force: true });
    });
    await answers(`http://${registry}/v2/`);
    const tagged = async (name: string, count: number) => {
      const tags = Array.from({ length: count }, (_, index) => `t${String(index).padStart(4, "0")}`);
      expected.set(name, tags);
      const pusher = new Pusher(registry, `p/images/demo/${name}`);
      const config = await pusher.blob(Buffer.from("{}"));
      const type = "application/vnd.oci.image.manifest.v1+json";
      const body = JSON.stringify({ schemaVersion: 2, mediaType: type, config, layers: [] });
      const put = (tag: string) =>
        fetch(`http://${registry}/v2/p/images/demo/${name}/manifests/${tag}`, {
          method: "PUT",
          body,
          headers: { "content-type": type },
        }).then((response) => response.arrayBuffer());
      for (let at = 0; at < tags.length; at += 50) await Promise.all(tags.slice(at, at + 50).map(put));
    };
    for (const [name, { tags }] of Object.entries(pagings)) {
      await tagged(name, tags);
    }
    olareg = await startRegistry("olareg");
    const pusher = new Pusher(olareg.host, "p/images/demo/referrers");
    subject = await pusher.image();
    for (let count = 0; count < 5; count++) await pusher.image({ subject });
    await tagged("crane-registry", 1_500);

    const target = (name: string) => (name.endsWith("/referrers") ? olareg.host : registry);
    const front = await startPagingFront(target, { ...pagings, referrers: { perPage: 2, link: "relative" } });
    const place = { cloud: "gcp", region: "r", latitude: 0, longitude: 0 } as const;
    const redirector = await startRedirector({
      config: {
        host: "artifacts.example.dev",
        region: { name: "r", latitude: 0, longitude: 0 },
        imageMirrors: [{ name: "m0", url: `http://${front.host}/v2/p/images`, ...place }],
      },
    });
    afterFile(() => redirector.stop());
    host = `127.0.0.1:${redirector.port}`;
    await run(await toolPath("regctl"), ["registry", "set", "--tls", "disabled", host], { env });
  });

  /** Each client's way to list tags, one a line. */
  const clients: Record<string, (reference: string) => Promise<string[]>> = {
    crane: async (reference) => lines(await peerPath("crane"), ["ls", reference]),
    regctl: async (reference) => lines(await toolPath("regctl"), ["tag", "ls", reference]),
    oras: async (reference) => lines(await peerPath("oras"), ["repo", "tags", "--plain-http", reference]),
    skopeo: async (reference) => {
      const text = await lines("skopeo", ["list-tags", "--tls-verify=false", `docker://${reference}`]);
      return (JSON.parse(text.join("\n")) as { Tags: string[] }).Tags;
    },
    podman: async (reference) => {
      const args = ["--list-tags", "--limit", "2000", "--tls-verify=false", reference];
      // podman 4.3 prints its table whatever the format is: a head, and the tag last in each line.
      const [, ...rows] = await lines("podman", [...podmanIn(folder), "search", ...args]);
      return rows.map((row) => row.split(/\s+/).at(-1)!);
    },
  };

  async function lines(program: string, args: string[]): Promise<string[]> {
    return (await run(program, args, { env, maxBuffer: 1 << 24 })).stdout.trim().split("\n");
  }

  /** Clients that the machine has; the others are built. */
  const installed = ["skopeo", "podman"];
  for (const client of Object.keys(clients)) {
    it(`${client}: every tag, of registries that page at 2 and at 1,000, and of ones that cut without a word`, async function () {
      if (installed.includes(client) && !(await run(client, ["--version"]).catch(() => undefined))) {
        console.warn(`SKIPPED: lists by ${client}, as it is not installed (apt-get install ${client})`);
        skip(this, `${client} is not installed`);
        return;
      }
      for (const [name, tags] of expected) {
        assert.deepEqual((await clients[client]!(`${host}/demo/${name}`)).sort(), tags, name);
      }
    });
  }

  it("regctl and oras: every referrer, of a registry that gives two a page", async () => {
    const reference = `${host}/demo/referrers@${subject.digest}`;
    const format = "{{range .Descriptors}}{{.Digest}}\n{{end}}";
    const byRegctl = await lines(await toolPath("regctl"), ["artifact", "list", reference, "--format", format]);
    const json = await lines(await peerPath("oras"), ["discover", "--plain-http", "--format", "json", reference]);
    const { referrers = [] } = JSON.parse(json.join("\n")) as { referrers?: { digest: string }[] };
    assert.equal(new Set(byRegctl).size, 5, byRegctl.join());
    assert.deepEqual(new Set(referrers.map(({ digest }) => digest)), new Set(byRegctl));
  });

  it("regctl: every referrer and the newest signatures, where the nearest mirror lags and where the canonical one is empty", async () => {
    const [near, empty] = await Promise.all([startRegistry("olareg"), startRegistry("olareg")]);
    afterFile(() => near.remove());
    afterFile(() => empty.remove());
    const regctl = await toolPath("regctl");
    const name = "demo/referrers";
    await new Pusher(near.host, `p/images/${name}`).image({ subject });
    await new Pusher(near.host, `p/images/${name}`).signature(subject);
    const newest = await new Pusher(olareg.host, `p/images/${name}`).signature(subject);
    const mirror = (role: string, host: string, longitude: number) =>
      ({ name: role, region: role, cloud: "gcp", latitude: 0, longitude, url: `http://${host}/v2/p/images` }) as const;
    for (const [canonical, nearest, count] of [
      [olareg.host, near.host, 6],
      [empty.host, olareg.host, 5],
    ] as const) {
      const imageMirrors = [mirror("canonical", canonical, 90), mirror("near", nearest, 0)];
      const region = { name: "near", latitude: 0, longitude: 0 };
      const redirector = await startRedirector({ config: { host: "h.example", region, imageMirrors } });
      try {
        const at = `127.0.0.1:${redirector.port}/${name}`;
        await run(regctl, ["registry", "set", "--tls", "disabled", `127.0.0.1:${redirector.port}`], { env });
        const format = "{{range .Descriptors}}{{.Digest}}\n{{end}}";
        const listed = await lines(regctl, ["artifact", "list", `${at}@${subject.digest}`, "--format", format]);
        assert.equal(new Set(listed).size, count, listed.join());
        // What is listed can be had, wherever the nearest mirror lacks it.
        for (const each of listed) await lines(regctl, ["manifest", "get", `${at}@${each}`]);
        const tag = `${subject.digest.replace(":", "-")}.sig`;
        assert.deepEqual(await lines(regctl, ["image", "digest", `${at}:${tag}`]), [newest.digest]);
        assert.ok((await lines(regctl, ["tag", "ls", at])).includes(tag));
      } finally {
        await redirector.stop();
      }
    }
  });

  it("curl: pages of its own size, by links to the host that it asked, and 404 of the mirror for what is not there", async () => {
    const seen: string[] = [];
    let next: string | undefined = "/v2/demo/two-absolute/tags/list?n=3";
    for (; next !== undefined; ) {
      const response: Response = await fetch(`http://${host}${next}`);
      seen.push(...((await response.json()) as { tags: string[] }).tags);
      next = /<(.*)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
    }
    assert.deepEqual(seen, expected.get("two-absolute"));
    const absent = await fetch(`http://${host}/v2/demo/none/tags/list`);
    assert.equal(absent.status, 404);
    const hand = await fetch(`http://${host}/v2/demo/none/tags/list`, { redirect: "manual" });
    assert.equal(hand.status, 307);
  });

  it("a promotion lists crane's registry, which cuts at n without a word, to the end", async () => {
    const transport = new Transport({ credentials: () => Promise.resolve(undefined) });
    const at = {
      transport,
      repository: repositoryAt(registry, "p/images/demo/crane-registry"),
      signal: new AbortController().signal,
    };
    try {
      assert.deepEqual([...(await listTags(at)).tags].sort(), expected.get("crane-registry"));
    } finally {
      await transport.close();
    }
  });
});
