import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { nodeProxies, proxySettings } from "../../../../components/promotion/http/proxy.ts";

const own = "localhost,127.0.0.1,::1";

describe("proxies of the environment", () => {
  for (const [what, environment, http, https, direct] of [
    ["none", {}, undefined, undefined, own],
    ["empty", { HTTP_PROXY: "", HTTPS_PROXY: " " }, undefined, undefined, own],
    ["both", { HTTP_PROXY: "http://a:1", HTTPS_PROXY: "https://b:2" }, "http://a:1/", "https://b:2/", own],
    ["only HTTP_PROXY", { HTTP_PROXY: "http://a:1" }, "http://a:1/", "http://a:1/", own],
    ["only HTTPS_PROXY", { HTTPS_PROXY: "http://b:2" }, undefined, "http://b:2/", own],
    ["small letters first", { HTTPS_PROXY: "http://b:2", https_proxy: "http://c:3" }, undefined, "http://c:3/", own],
    ["empty in small letters", { HTTPS_PROXY: "http://b:2", https_proxy: "" }, undefined, undefined, own],
    [
      "no scheme",
      { HTTP_PROXY: "proxy.example:3128" },
      "http://proxy.example:3128/",
      "http://proxy.example:3128/",
      own,
    ],
    ["NO_PROXY", { NO_PROXY: "a,.b" }, undefined, undefined, `a,.b,${own}`],
    ["no_proxy first", { NO_PROXY: "a", no_proxy: "c" }, undefined, undefined, `c,${own}`],
  ] as [string, Record<string, string>, string | undefined, string | undefined, string][]) {
    it(what, () => {
      const settings = proxySettings(environment);
      assert.deepEqual([settings.http?.url, settings.https?.url, settings.direct], [http, https, direct]);
      const node = nodeProxies(environment);
      assert.deepEqual([node["HTTP_PROXY"], node["HTTPS_PROXY"], node["NO_PROXY"]], [http, https, direct]);
    });
  }

  it("titles name the variable, and neither user nor password", () => {
    const { http, https } = proxySettings({ HTTP_PROXY: "http://me:secret@a:1", https_proxy: "http://b:2" });
    assert.deepEqual([http?.title, https?.title], ["http://a:1 (HTTP_PROXY)", "http://b:2 (https_proxy)"]);
  });

  for (const value of ["socks5://a:1", "http://", "ftp://x", "http://a b"]) {
    it(`${value} is no proxy's URL`, () => {
      assert.throws(() => proxySettings({ HTTP_PROXY: value }), /^Error: the environment variable HTTP_PROXY must be/);
    });
  }
});
