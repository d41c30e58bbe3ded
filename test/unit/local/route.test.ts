import assert from "node:assert/strict";
import { it } from "mocha";
import { CloudInventory, type Resource, type Values } from "../../../local/cloud/inventory.ts";
import { followUrlMap, MissingLink } from "../../../local/cloud/route.ts";

const global = "projects/p/global";
const rule: Resource = resource("globalForwardingRule:GlobalForwardingRule", `${global}/forwardingRules/r`, {
  name: "r",
  target: `${global}/targetHttpsProxies/t`,
});
const proxy = resource("targetHttpsProxy:TargetHttpsProxy", `${global}/targetHttpsProxies/t`, {
  name: "t",
  urlMap: `${global}/urlMaps/m`,
});
const service = (name: string) => [
  resource("backendService:BackendService", `${global}/backendServices/${name}`, {
    name,
    backends: [{ group: `projects/p/regions/eu/networkEndpointGroups/${name}` }],
  }),
  resource(
    "regionNetworkEndpointGroup:RegionNetworkEndpointGroup",
    `projects/p/regions/eu/networkEndpointGroups/${name}`,
    { name, region: "eu", cloudRun: { service: name } },
  ),
];
const backend = (name: string): string => `https://www.googleapis.com/compute/v1/${global}/backendServices/${name}`;

function resource(type: string, id: string, inputs: Values): Resource {
  return { type: `gcp:compute/${type}`, id, inputs, computed: {}, config: { project: "p" } };
}

/** Where the chain with this URL map leads: the name of the Cloud Run service, the Location of a redirect, or the error. */
function lead(map: Values, host: string, target: string, parts: Resource[] = ["a", "b", "c"].flatMap(service)): string {
  const urlMap = resource("uRLMap:URLMap", `${global}/urlMaps/m`, { name: "m", ...map });
  const inventory = new CloudInventory("never written", [rule, proxy, urlMap, ...parts], {});
  try {
    const way = followUrlMap(inventory, rule, { host, target });
    if (way.kind === "bucket") return `gs://${way.bucket}`;
    return way.kind === "redirect" ? `${way.status} ${way.location}` : way.services.map(({ id }) => id).join(" ");
  } catch (error) {
    assert.ok(error instanceof MissingLink);
    return `${error.status} ${error.message}`;
  }
}

const cloudRun = (name: string): string => `projects/p/locations/eu/services/${name}`;

it("the most specific host rule and the longest path decide", () => {
  const map = {
    defaultService: backend("a"),
    hostRules: [
      { hosts: ["*"], pathMatcher: "any" },
      { hosts: ["*.example.org"], pathMatcher: "wild" },
      { hosts: ["x.example.org"], pathMatcher: "exact" },
    ],
    pathMatchers: [
      { name: "any", defaultService: backend("a") },
      { name: "wild", defaultService: backend("b") },
      {
        name: "exact",
        defaultService: backend("a"),
        pathRules: [
          { paths: ["/v2/*"], service: backend("b") },
          { paths: ["/v2/deep/*", "/one"], service: backend("c") },
        ],
      },
    ],
  };
  const cases: [host: string, target: string, service: string][] = [
    ["other.net", "/", "a"],
    ["y.example.org", "/v2/", "b"],
    ["x.example.org", "/", "a"],
    ["x.example.org", "/v2/", "b"],
    ["x.example.org", "/v2", "b"],
    ["x.example.org", "/v2/deep/er?q=/one", "c"],
    ["x.example.org", "/one", "c"],
    ["x.example.org", "/one/more", "a"],
  ];
  for (const [host, target, name] of cases) assert.equal(lead(map, host, target), cloudRun(name), `${host}${target}`);
  assert.equal(
    lead({ defaultService: backend("c") }, "x.example.org", "/"),
    cloudRun("c"),
    "no host rules: the default",
  );
});

it("a host may lead to a backend bucket", () => {
  const id = `${global}/backendBuckets/cdn`;
  const bucket = resource("backendBucket:BackendBucket", id, { name: "cdn", bucketName: "files", enableCdn: true });
  const map = {
    defaultService: backend("a"),
    hostRules: [{ hosts: ["cdn.example.org"], pathMatcher: "cdn" }],
    pathMatchers: [{ name: "cdn", defaultService: `https://www.googleapis.com/compute/v1/${id}` }],
  };
  assert.equal(lead(map, "cdn.example.org", "/binaries/x", [bucket, ...service("a")]), "gs://files");
  assert.equal(lead(map, "x.example.org", "/binaries/x", [bucket, ...service("a")]), cloudRun("a"));
  assert.match(lead(map, "cdn.example.org", "/", service("a")), /^502 .*backendBuckets\/cdn does not exist$/);
});

it("redirects keep or drop the path and query as configured", () => {
  const https = { httpsRedirect: true, redirectResponseCode: "MOVED_PERMANENTLY_DEFAULT", stripQuery: false };
  assert.equal(lead({ defaultUrlRedirect: https }, "h.org", "/a?b=c"), "301 https://h.org/a?b=c");
  const other = {
    hostRedirect: "o.org",
    pathRedirect: "/p",
    redirectResponseCode: "TEMPORARY_REDIRECT",
    stripQuery: true,
  };
  assert.equal(lead({ defaultUrlRedirect: other }, "h.org", "/a?b=c"), "307 https://o.org/p");
});

it("names a missing link", () => {
  const map = { defaultService: backend("a") };
  assert.equal(lead(map, "h", "/", []), `502 URL map m: its backend service ${backend("a")} does not exist`);
  assert.equal(lead({}, "h", "/"), "404 URL map m has no service for h/");
  const unmatched = { hostRules: [{ hosts: ["h"], pathMatcher: "gone" }] };
  assert.equal(lead(unmatched, "h", "/"), "502 URL map m: its path matcher gone does not exist");
  const [backendA, group] = service("a");
  assert.match(
    lead(map, "h", "/", [backendA!]),
    /^502 backend service a: its network endpoint group .*networkEndpointGroups\/a does not exist$/,
  );
  const empty = { ...backendA!, inputs: { name: "a" } };
  assert.equal(lead(map, "h", "/", [empty]), "503 backend service a has no backends");
  const nameless = { ...group!, inputs: { name: "a", region: "eu" } };
  assert.match(
    lead(map, "h", "/", [backendA!, nameless]),
    /^503 network endpoint group a: cloudRun\.service is not set/,
  );
  const orphan = new CloudInventory("never written", [rule], {});
  assert.throws(
    () => followUrlMap(orphan, rule, { host: "h", target: "/" }),
    /forwarding rule r: its target proxy .*t does not exist/,
  );
});
