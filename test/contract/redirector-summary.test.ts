/** The summaries that the redirector writes into its log, as Cloud Run would take them from its output. */
import assert from "node:assert/strict";
import { it } from "mocha";
import { exchange, startRedirector } from "../support/redirector-process.ts";

type Line = Readonly<Record<string, unknown>>;

const linesOf = (output: string): Line[] =>
  output.split("\n").flatMap((line) => (line.startsWith("{") && line.endsWith("}") ? [JSON.parse(line) as Line] : []));

it("summaries in the log: redirects by mirror, no healthy mirror, and the final counts at exit", async () => {
  const mirror = (name: string, url: string) => ({
    name,
    url,
    cloud: "gcp" as const,
    region: "us-central1",
    latitude: 0,
    longitude: 0,
  });
  const redirector = await startRedirector({
    config: {
      host: "artifacts.example.dev",
      region: { name: "us-central1", latitude: 41.26, longitude: -95.86 },
      imageMirrors: [mirror("images-a", "http://127.0.0.1:1/v2/p/images")], // where nothing listens
      health: { intervalSeconds: 0.05, recheckSeconds: 0.05 },
      existence: { mirrors: false },
      log: { summarySeconds: 0.1 },
    },
  });
  try {
    const deadline = Date.now() + 60_000;
    while (!linesOf(redirector.output()).some(({ unserved }) => unserved !== undefined)) {
      assert.ok(Date.now() < deadline, `no summary tells it:\n${redirector.output()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (let index = 0; index < 3; index++) {
      const request = `GET /v2/demo/app/manifests/v${index} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
      assert.match(await exchange(redirector.port, request), /^HTTP\/1\.1 307 /);
    }
  } finally {
    assert.equal(await redirector.stop(), 0);
  }
  const lines = linesOf(redirector.output());
  const unserved = lines.find((line) => line["unserved"] !== undefined);
  assert.equal(unserved?.["unserved"], "images");
  assert.equal(unserved["severity"], "ERROR");
  assert.equal(unserved["message"], "summary");
  assert.deepEqual(unserved["healthy"], { images: 0, files: 0 });
  assert.equal(unserved["cloudRanges"], 0);
  const ofMirror = lines.filter(({ sent }) => sent !== undefined);
  assert.equal(
    ofMirror.reduce((sum, { sent }) => sum + Number(sent), 0),
    3,
  );
  assert.ok(ofMirror.some(({ trouble }) => trouble === "unhealthy"));
  assert.equal(lines.at(-1)?.["message"], "ended");
});
