/** Where a stack's config sends clients, the redirector starts with: both refuse the same addresses, the config before anything is deployed. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { mirrorAddresses } from "../../../components/mirrors/mirror-names.ts";
import { mirrorsConfig, redirectorConfigArgs, regionConfig } from "../../../components/serving/redirector-config.ts";
import { parseStackConfig } from "../../../components/stack/config.ts";
import { parseConfig } from "../../../redirector/config.ts";
import { config as least } from "../../support/graph/fixtures.ts";

const store = { name: "own", bucket: "images", endpoint: "https://s3.example.org", keys: "OWN", near: "us-central1" };
const settings = {
  "artifacts:publicUrls.us-central1": (url: string) => ({ "artifacts:publicUrls": { "us-central1": url } }),
  "artifacts:imageStores[0].url": (url: string) => ({ "artifacts:imageStores": [{ ...store, url }] }),
};

const addresses: readonly (readonly [what: string, url: string, problem?: string])[] = [
  ["a host", "https://cdn.example.org"],
  ["a host and a path", "https://cdn.example.org/images/v2"],
  ["a port", "http://127.0.0.1:9000/images"],
  ["an escaped space", "https://cdn.example.org/a%20b"],
  ["a slash at the end", "https://cdn.example.org/", "must not end with a slash"],
  ["a slash at a path's end", "https://cdn.example.org/images/", "must not end with a slash"],
  ["no scheme", "cdn.example.org", "must be an absolute http(s) URL"],
  ["another scheme", "ftp://cdn.example.org", "must be an absolute http(s) URL"],
  ["no host", "https://", "must be an absolute http(s) URL"],
  ["a port that is none", "https://cdn.example.org:99999", "must be an absolute http(s) URL"],
  ["an upper-case host", "https://CDN.example.org", "must be written as https://cdn.example.org"],
  ["the port that is usual", "https://cdn.example.org:443/a", "must be written as https://cdn.example.org/a"],
  ["dot segments", "https://cdn.example.org/a/../b", "must be written as https://cdn.example.org/b"],
  ["a backslash", "https://cdn.example.org\\b", "must be written as https://cdn.example.org/b"],
  ["a host in another script", "https://bücher.example", "must be written as https://xn--bcher-kva.example"],
  ["a user name", "https://me@cdn.example.org", "must not hold a user name or password"],
  ["a query", "https://cdn.example.org/a?b", "must not have a query or fragment"],
  ["a fragment", "https://cdn.example.org/a#b", "must not have a query or fragment"],
  ["a line break", "https://cdn.example.org/a\nb", "must be written as https://cdn.example.org/ab"],
];

for (const [setting, values] of Object.entries(settings))
  describe(setting, () => {
    for (const [what, url, problem] of addresses)
      it(`${what}: ${problem ?? "taken, and the redirector starts"}`, () => {
        const parsed = parseStackConfig({ ...least, ...values(url) });
        if (problem !== undefined) {
          assert.deepEqual("errors" in parsed && parsed.errors, [`${setting}: ${JSON.stringify(url)} ${problem}`]);
          return;
        }
        assert.ok("config" in parsed, JSON.stringify(parsed));
        const { config } = parsed;
        const args = redirectorConfigArgs(config);
        const mirrors = mirrorsConfig(mirrorAddresses(config), args);
        const text = JSON.stringify(regionConfig(args, config.gcpRegions[0], mirrors, { trustedHops: 1 }));
        const started = parseConfig(text);
        assert.ok("config" in started, JSON.stringify(started));
        assert.ok(text.includes(JSON.stringify(url)));
      });
  });
