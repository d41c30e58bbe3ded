/** Cloud Run services from source and the load balancer in front of them, declared resource by resource. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, it } from "mocha";
import type { Address } from "../../local/cloud/address.ts";
import type { Values } from "../../local/cloud/inventory.ts";
import {
  echoSource,
  make,
  serviceId,
  serviceInputs,
  type TestCloud,
  testCloud,
  upload,
} from "../support/emulated-cloud.ts";

const serviceType = "gcp:cloudrunv2/service:Service";
const regions = ["us-central1", "europe-west1"];
const host = "artifacts.example.org";
const ids = {
  group: (region: string) => `projects/demo/regions/${region}/networkEndpointGroups/web`,
  backend: "projects/demo/global/backendServices/web",
  urls: "projects/demo/global/urlMaps/web",
  toHttps: "projects/demo/global/urlMaps/to-https",
  https: "projects/demo/global/targetHttpsProxies/web",
  http: "projects/demo/global/targetHttpProxies/web",
  map: "projects/demo/locations/global/certificateMaps/web",
  certificate: "projects/demo/locations/global/certificates/web",
  authorization: "projects/demo/locations/global/dnsAuthorizations/web",
};

let t: TestCloud;

describe("emulated Cloud Run and load balancer", () => {
  before(async () => {
    t = await testCloud();
    await make(t.client, "gcp:storage/bucket:Bucket", "src", { name: "src", location: "US" });
    await upload(t.cloud, "src", "v1.tar.gz", await echoSource("1"));
    await upload(t.cloud, "src", "v2.tar.gz", await echoSource("2"));
  });
  after(() => t.end());

  const put = (type: string, id: string, inputs: Values) =>
    t.client.update({ type, id, inputs, computed: {}, config: { project: "demo" } });
  const compute = (type: string, id: string, inputs: Values) =>
    make(t.client, `gcp:compute/${type}`, id, { name: id.slice(id.lastIndexOf("/") + 1), ...inputs });

  it("runs the deployed source with its environment, and replaces it without a gap", async () => {
    const id = serviceId("web", "us-central1");
    const made = await make(t.client, serviceType, id, serviceInputs("web", "us-central1", "v1.tar.gz"));
    const uri = String(made.computed["uri"]);
    const first = (await (await fetch(`${uri}/x?y=1`)).json()) as Echo;
    assert.deepEqual([first.version, first.url, first.env["REGION"]], ["1", "/x?y=1", "us-central1"]);
    assert.deepEqual([first.env["K_SERVICE"], first.env["K_REVISION"]], ["web", "web-00001"]);

    let asked = 0;
    let answered = 0;
    let stop = false;
    const asking = (async () => {
      while (!stop) {
        asked++;
        if ((await fetch(uri)).ok) answered++;
      }
    })();
    const changed = await put(serviceType, id, serviceInputs("web", "us-central1", "v2.tar.gz"));
    stop = true;
    await asking;
    assert.equal(answered, asked, "every request during the change was answered");
    assert.equal(changed.computed["uri"], uri);
    assert.match(String(changed.computed["latestReadyRevision"]), /web-00002$/);
    assert.equal(((await (await fetch(uri)).json()) as Echo).version, "2");
  });

  it("fails a service that does not start, with the end of its log; the previous revision keeps serving", async () => {
    const id = serviceId("web", "us-central1");
    const bad = serviceInputs("web", "us-central1", "v2.tar.gz");
    const template = bad["template"] as { containers: Values[] };
    template.containers[0]!["commands"] = ["node", "-e", "console.error('no such setting: X'); process.exit(7)"];
    await assert.rejects(put(serviceType, id, bad), /web-00003' is not ready.*exit code 7.*no such setting: X/s);
    const { computed } = (await t.client.find(serviceType, id))!;
    assert.equal(((await (await fetch(String(computed["uri"]))).json()) as Echo).version, "2");
  });

  it("refuses source that is not a .tar.gz, as Cloud Run does; the previous revision keeps serving", async () => {
    await upload(t.cloud, "src", "source.zip", "PK\x03\x04");
    const id = serviceId("web", "us-central1");
    await assert.rejects(
      put(serviceType, id, serviceInputs("web", "us-central1", "source.zip")),
      /gs:\/\/src\/source\.zip is a zip; Cloud Run deploys source from a \.tar\.gz only/,
    );
    const { computed } = (await t.client.find(serviceType, id))!;
    assert.equal(((await (await fetch(String(computed["uri"]))).json()) as Echo).version, "2");
  });

  it("restarts an instance that ends by itself", async () => {
    const uri = String((await t.client.find(serviceType, serviceId("web", "us-central1")))!.computed["uri"]);
    await fetch(`${uri}/fail`);
    while (!(await fetch(uri)).ok) await new Promise((resolve) => setTimeout(resolve, 25));
  });

  it("closes a service's own address if the program disables it", async () => {
    const closed = serviceInputs("closed", "us-central1", "v1.tar.gz", {
      ingress: "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
    });
    const made = await make(t.client, serviceType, serviceId("closed", "us-central1"), closed);
    assert.equal((await fetch(String(made.computed["uri"]))).status, 404);
    const none = await put(serviceType, serviceId("closed", "us-central1"), { ...closed, defaultUriDisabled: true });
    assert.deepEqual([none.computed["uri"], none.computed["urls"]], ["", []]);
  });

  it("deletion protection is on by default", async () => {
    const { deletionProtection: _off, ...inputs } = serviceInputs("guarded", "us-central1", "v1.tar.gz");
    const id = serviceId("guarded", "us-central1");
    await make(t.client, serviceType, id, inputs);
    await assert.rejects(t.client.delete(serviceType, id), /deletionProtection=false/);
    await put(serviceType, id, { ...inputs, deletionProtection: false });
    await t.client.delete(serviceType, id);
  });

  it("refuses a part that refers to a missing one, and the deletion of a part in use", async () => {
    await assert.rejects(compute("uRLMap:URLMap", ids.urls, { defaultService: ids.backend }), {
      status: 404,
      message: `googleapi: Error 404: The resource '${ids.backend}' was not found, notFound`,
    });
    for (const region of regions) {
      await compute("regionNetworkEndpointGroup:RegionNetworkEndpointGroup", ids.group(region), {
        region,
        cloudRun: { service: "web" },
      });
    }
    await compute("backendService:BackendService", ids.backend, {
      backends: regions.map((region) => ({ group: ids.group(region) })),
      customRequestHeaders: ["X-Client-Latlong: {client_city_lat_long}", "X-Geo: {client_region}/{client_ip_address}"],
    });
    await assert.rejects(
      t.client.delete("gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup", ids.group("us-central1")),
      {
        status: 400,
        message: /already being used by 'projects\/demo\/global\/backendServices\/web', resourceInUseByAnotherResource/,
      },
    );
  });

  it("the load balancer follows the chain to the region nearest to the client", async () => {
    await make(
      t.client,
      serviceType,
      serviceId("web", "europe-west1"),
      serviceInputs("web", "europe-west1", "v1.tar.gz"),
    );
    await compute("uRLMap:URLMap", ids.urls, {
      defaultService: `https://www.googleapis.com/compute/v1/${ids.backend}`,
    });
    await compute("uRLMap:URLMap", ids.toHttps, {
      defaultUrlRedirect: { httpsRedirect: true, redirectResponseCode: "PERMANENT_REDIRECT", stripQuery: false },
    });
    const certificates = "gcp:certificatemanager/";
    const proof = { name: `_acme-challenge.${host}.`, type: "CNAME", data: "1234.authorize.certificatemanager.goog." };
    await make(
      t.client,
      `${certificates}dnsAuthorization:DnsAuthorization`,
      ids.authorization,
      { name: "web", domain: host },
      { dnsResourceRecords: [proof] },
    );
    await make(t.client, `${certificates}certificate:Certificate`, ids.certificate, {
      name: "web",
      managed: { domains: [host], dnsAuthorizations: [ids.authorization] },
    });
    await make(t.client, `${certificates}certificateMap:CertificateMap`, ids.map, { name: "web" });
    await make(
      t.client,
      `${certificates}certificateMapEntry:CertificateMapEntry`,
      `${ids.map}/certificateMapEntries/web`,
      { name: "web", map: "web", hostname: host, certificates: [ids.certificate] },
    );
    await compute("targetHttpsProxy:TargetHttpsProxy", ids.https, {
      urlMap: ids.urls,
      certificateMap: `//certificatemanager.googleapis.com/${ids.map}`,
    });
    await compute("targetHttpProxy:TargetHttpProxy", ids.http, { urlMap: ids.toHttps });
    const { computed } = await compute("globalAddress:GlobalAddress", "projects/demo/global/addresses/web", {});
    const address = String(computed["address"]);
    for (const [scheme, portRange] of [
      ["https", "443"],
      ["http", "80"],
    ] as const) {
      await compute("globalForwardingRule:GlobalForwardingRule", `projects/demo/global/forwardingRules/${scheme}`, {
        target: ids[scheme],
        ipAddress: address,
        portRange,
      });
    }

    const port = await portOf("https");
    const without = await get(port, "/");
    assert.equal(without.status, 503);
    assert.match(without.body, /no TLS connection: .*DNS has no CNAME _acme-challenge\.artifacts\.example\.org/);
    for (const mine of ["127.0.0.1", "localhost"])
      assert.equal((await get(port, "/", { host: `${mine}:${port}` })).status, 200, `${mine} needs no certificate`);
    const record = (name: string, type: string, content: string) =>
      make(t.client, "cloudflare:index/dnsRecord:DnsRecord", name, { zoneId: "z", name, type, content });
    await record(`_acme-challenge.${host}`, "CNAME", "1234.authorize.certificatemanager.goog");

    const near = async (place: string, more = {}) =>
      JSON.parse((await get(port, "/v2/?a=b", { "x-rehearsal-client": place, ...more })).body) as Echo;
    assert.equal((await near("48.85,2.35")).env["REGION"], "europe-west1");
    const echo = await near("37.8,-122.4,198.51.100.7", { "x-client-latlong": "0,0", "x-forwarded-for": "192.0.2.1" });
    assert.deepEqual([echo.env["REGION"], echo.url], ["us-central1", "/v2/?a=b"]);
    assert.equal(echo.headers["x-client-latlong"], "37.800000,-122.400000", "what the client claims is replaced");
    assert.equal(echo.headers["x-geo"], "/198.51.100.7", "an unknown variable is empty");
    assert.equal(echo.headers["x-forwarded-for"], `192.0.2.1,198.51.100.7,${address}`);
    assert.deepEqual(
      [echo.headers["host"], echo.headers["x-forwarded-proto"], echo.headers["x-rehearsal-client"]],
      [host, "https", undefined],
    );

    const plain = await get(await portOf("http"), "/v2/?a=b");
    assert.deepEqual([plain.status, plain.location], [308, `https://${host}/v2/?a=b`]);

    assert.equal((await fetch(`${t.cloud.control}/v1/resolve?host=${host}`)).status, 404, "no A record yet");
    await record(host, "A", address);
    const resolved = await (await fetch(`${t.cloud.control}/v1/resolve?host=${host}`)).json();
    assert.equal((resolved as Address).port, port);
    await assert.rejects(
      compute("globalForwardingRule:GlobalForwardingRule", "projects/demo/global/forwardingRules/again", {
        target: ids.https,
        ipAddress: address,
        portRange: "443",
      }),
      /Specified IP address is in-use/,
    );
  });

  it("a host that leads to a backend bucket gets its objects, if everybody may read them", async () => {
    const cdn = "projects/demo/global/backendBuckets/cdn";
    await make(t.client, "gcp:storage/bucket:Bucket", "files", { name: "files", location: "US" });
    await upload(t.cloud, "files", "binaries/tool/v1/a+b", "the file");
    await compute("backendBucket:BackendBucket", cdn, { bucketName: "files", enableCdn: true });
    await put("gcp:compute/uRLMap:URLMap", ids.urls, {
      name: "web",
      defaultService: ids.backend,
      hostRules: [{ hosts: ["127.0.0.1"], pathMatcher: "cdn" }],
      pathMatchers: [{ name: "cdn", defaultService: cdn }],
    });
    const port = await portOf("https");
    const file = () => get(port, "/binaries/tool/v1/a+b", { host: "127.0.0.1", authorization: "Bearer x" });
    assert.equal((await file()).status, 403);
    const everybody = { bucket: "files", role: "roles/storage.legacyObjectReader", members: ["allUsers"] };
    await make(t.client, "gcp:storage/bucketIAMBinding:BucketIAMBinding", "b/files/reader", everybody);
    const { status, body } = await file();
    assert.deepEqual([status, body], [200, "the file"]);
    assert.equal((await get(port, "/", { host: "localhost" })).status, 200, "other hosts get the service");
    await assert.rejects(
      t.client.delete("gcp:compute/backendBucket:BackendBucket", cdn),
      /already being used by 'projects\/demo\/global\/urlMaps\/web'/,
    );
  });

  it("after a restart the services run and the load balancer listens on the same port", async () => {
    const before = await addresses();
    await t.restart();
    assert.deepEqual(t.cloud.problems, []);
    assert.deepEqual(await addresses(), before);
    const echo = JSON.parse(
      (await get(await portOf("https"), "/", { "x-rehearsal-client": "48.85,2.35" })).body,
    ) as Echo;
    assert.equal(echo.env["REGION"], "europe-west1");
  });

  it("skips a region without a service; names the missing link of a chain", async () => {
    const port = await portOf("https");
    await t.client.delete(serviceType, serviceId("web", "europe-west1"));
    const echo = JSON.parse((await get(port, "/", { "x-rehearsal-client": "48.85,2.35" })).body) as Echo;
    assert.equal(echo.env["REGION"], "us-central1");

    const id = serviceId("web", "us-central1");
    await put(serviceType, id, serviceInputs("web", "us-central1", "v2.tar.gz", { invokerIamDisabled: false }));
    const forbidden = await get(port, "/");
    assert.deepEqual([forbidden.status, /allUsers/.test(forbidden.body)], [403, true]);
    await t.client.delete(serviceType, id);
    const nothing = await get(port, "/");
    assert.equal(nothing.status, 503);
    assert.match(nothing.body, /services\/web does not exist; .*services\/web does not exist/);
  });
});

interface Echo {
  version: string;
  url: string;
  headers: Record<string, string>;
  env: Record<string, string>;
}

/** GET with a custom Host header, which fetch does not allow. */
async function get(
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; location: string | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, headers: { host, ...headers }, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => {
        body += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, location: response.headers.location, body }),
      );
    });
    sent.on("error", reject);
    sent.end();
  });
}

async function addresses(): Promise<Address[]> {
  return (await (await fetch(`${t.cloud.control}/v1/load-balancers`)).json()) as Address[];
}

async function portOf(name: string): Promise<number> {
  return (await addresses()).find((address) => address.name === name)!.port;
}
