// The move of k8s.io in small: a checkout is imported, promoted to new registries, and every name serves what it served before.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "mocha";
import { productionOf } from "../../components/commands/production.ts";
import { importK8s } from "../../components/manifests/import-k8s.ts";
import { problemLine } from "../../components/manifests/problem.ts";
import { readManifests } from "../../components/manifests/read.ts";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import type { Context } from "../../components/promotion/run/request.ts";
import { makeK8sSample, sampleLocations } from "../support/k8s-sample.ts";
import { type LoopbackServer, serveOnLoopback } from "../support/loopback-server.ts";
import { inspect, Pusher, pull, startRegistry, type TestRegistry } from "../support/registries.ts";
import { runArtifacts } from "../support/run-command-lines.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };

describe("the move of k8s.io, in small", () => {
  let registries: TestRegistry[];
  let hosts: string[];
  let redirector: LoopbackServer;
  let folder: string;
  let pulled: ReadonlyMap<string, string>;
  const promotion = imagePromotion();

  before(async () => {
    registries = await Promise.all([startRegistry("olareg"), startRegistry("olareg")]);
    hosts = registries.map(({ host }) => host);
    folder = await mkdtemp(join(tmpdir(), "k8s-move-"));
    // As the redirector: a name at the root of its host, 307 to the mirror's.
    redirector = await serveOnLoopback(({ url = "" }, response) => {
      response.writeHead(307, { location: `http://${hosts[1]}${url.replace("/v2/", "/v2/p/images/")}` }).end();
    });
  });
  after(async () => {
    await promotion.close();
    await redirector.close();
    await Promise.all(registries.map((registry) => registry.remove()));
    await rm(folder, { recursive: true, force: true });
  });

  it("imports and promotes every name that clients pull", async () => {
    const sample = await makeK8sSample(24, hosts[0]!, [`${hosts[0]}/today`]);
    ({ pulled } = sample);
    const { texts, problems } = importK8s(sample.checkout, "g@example.org");
    assert.deepEqual(problems.filter(({ severity }) => severity === "error").map(problemLine), []);
    for (const [path, text] of texts) {
      await mkdir(dirname(join(folder, "manifests", path)), { recursive: true });
      await writeFile(join(folder, "manifests", path), text);
    }
    const { projects, problems: mistakes } = readManifests(texts);
    assert.deepEqual(mistakes.map(problemLine), []);
    const production = productionOf(projects, sampleLocations(hosts[0]!, hosts), {});
    for (const request of production.images) {
      const outcome = await promotion.promote(request, undefined, context);
      assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
      const inventory = await promotion.takeInventory(request, context);
      assert.deepEqual([inventory.text, inventory.incomplete], [request.images, {}]);
    }
    assert.equal(pulled.size, 36);
    for (const host of hosts) for (const name of pulled.keys()) await pull(`${host}/p/images/${name}`);
  });

  it("compare: equal to what was served before, through a redirector too; names every difference", async () => {
    const through = redirector.host;
    const whole = await compare("--registry", `${hosts[0]}/today`, "--with", through);
    assert.deepEqual(whole, { code: 0, out: "36 names of 36 names compared: equal\n", err: "" });
    const sampled = await compare("--registry", `${hosts[0]}/today`, "--with", through, "--sample", "5");
    assert.equal(sampled.out, "5 names of 36 names compared: equal\n");

    const other = await new Pusher(hosts[0]!, "today/kops/utils/x").image({ tags: ["v1.6"] });
    const digest = pulled.get("kops/utils/x:v1.6");
    const { tags } = await inspect(hosts[1]!, "p/images/etcd");
    const [tag = ""] = Object.keys(tags);
    for (const reference of [pulled.get(`etcd:${tag}`)])
      await fetch(`http://${hosts[1]}/v2/p/images/etcd/manifests/${reference}`, { method: "DELETE" });
    const differing = await compare("--registry", `${hosts[0]}/today`, "--with", `${hosts[1]}/p/images`);
    assert.deepEqual(differing, {
      code: 3,
      out: `- etcd:${tag} ${pulled.get(`etcd:${tag}`)}\n! kops/utils/x:v1.6 ${other.digest} in the first, ${digest} in the second\n36 names of 36 names compared: 2 differences\n`,
      err: "",
    });
    const unreachable = await compare("--registry", "127.0.0.1:1", "--with", through, "--sample", "1");
    assert.equal(unreachable.code, 1);
    assert.match(unreachable.out, /^\? \S+: .*127\.0\.0\.1:1/);
    assert.equal((await compare("--registry", through)).code, 2);
  });

  const compare = (...args: string[]) => runArtifacts(["compare", ...args], { cwd: folder });
});
