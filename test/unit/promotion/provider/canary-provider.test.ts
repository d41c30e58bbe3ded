import assert from "node:assert/strict";
import { it } from "mocha";
import type { CanaryFindings } from "../../../../components/promotion/provider/canary-probe.ts";
import { canaryProvider, probedCanaryType } from "../../../../components/promotion/provider/canary-provider.ts";

const inputs = {
  address: "203.0.113.1",
  host: "canary.artifacts.example.org",
  revision: "projects/p/locations/l/services/redirector/revisions/redirector-00002",
  image: "/v2/team/app/manifests/sha256:1",
  imageMirrors: ["https://mirror.example/v2/images"],
  fileMirrors: [],
};
const right: CanaryFindings = { kind: "right" };
const wrong: CanaryFindings = { kind: "wrong", what: "/v2/ is answered with 500" };
const elsewhere: CanaryFindings = { kind: "elsewhere", what: "/v2/ is answered by redirector-00001" };

/** Probes that find this, the last of which is repeated. */
async function probing(rounds: readonly CanaryFindings[], how: "create" | "update" = "create", preview = false) {
  const said: string[] = [];
  const asked: string[] = [];
  let waited = 0;
  const provider = canaryProvider(
    { status: async (_, line) => void said.push(line) },
    {
      probe: async ({ revision }) => {
        asked.push(revision);
        return rounds[Math.min(asked.length, rounds.length) - 1]!;
      },
      pause: async (ms) => {
        waited += ms;
      },
    },
  );
  const call = { urn: "urn", type: probedCanaryType, name: "c", inputs, preview, timeout: 0 };
  const ended = how === "create" ? provider.create(call) : provider.update({ ...call, id: "canary" } as never);
  const error = await ended.then(
    () => "",
    (reason: Error) => reason.message,
  );
  return { error, said, asked, seconds: waited / 1000 };
}

for (const how of ["create", "update"] as const) {
  it(`${how} ends when the new revision has answered right three times in a row`, async () => {
    const { error, asked, said } = await probing([elsewhere, right, elsewhere, wrong, right], how);
    assert.equal(error, "");
    assert.deepEqual(asked, Array(7).fill("redirector-00002"));
    assert.deepEqual(
      said,
      [elsewhere, elsewhere, wrong].map(({ what }) => `asking the new revision: ${what}`),
    );
  });
}

it("a revision that goes on answering wrong fails the run, which says what is wrong and what to do", async () => {
  const { error, asked, seconds } = await probing([wrong]);
  assert.match(
    error,
    /revision redirector-00002 of the redirector answers wrong: \/v2\/ is answered with 500\. .*the other regions keep/,
  );
  assert.match(error, /revert its commit, and run `pulumi up`/);
  assert.equal(asked.length, 6);
  assert.ok(seconds < 15);
});

it("waits ten minutes for the load balancer to lead to the new revision", async () => {
  const { error, seconds } = await probing([elsewhere]);
  assert.match(error, /does not answer after 6\d\d s: \/v2\/ is answered by redirector-00001\. /);
  assert.ok(seconds >= 600 && seconds < 630, `${seconds}`);
});

it("a revision that answers now right, now wrong fails the run after ten minutes too", async () => {
  const flapping = Array.from({ length: 500 }, (_, round) => (round % 2 === 0 ? wrong : right));
  const { error, seconds } = await probing(flapping);
  assert.match(error, /does not answer right after 6\d\d s: \/v2\/ is answered with 500\. /);
  assert.ok(seconds >= 600 && seconds < 630, `${seconds}`);
});

it("a preview asks nothing", async () => {
  assert.deepEqual((await probing([wrong], "create", true)).asked, []);
  assert.deepEqual((await probing([wrong], "update", true)).asked, []);
});

it("another revision, or other mirrors, are asked again; another image to ask for is no change", async () => {
  const provider = canaryProvider({ status: async () => {} });
  const diff = (news: object) =>
    provider.diff!({ type: probedCanaryType, id: "canary", olds: {}, oldInputs: inputs, news } as never);
  assert.deepEqual(await diff({ ...inputs, revision: "redirector-00003" }), { changed: ["revision"] });
  assert.deepEqual(await diff({ ...inputs, fileMirrors: ["https://files.example"] }), { changed: ["fileMirrors"] });
  assert.deepEqual(await diff({ ...inputs, image: "/v2/other/manifests/v1", file: "/binaries/a" }), { changed: [] });
});

it("a refresh changes nothing, and an import is refused", async () => {
  const provider = canaryProvider({ status: async () => {} });
  const call = { urn: "urn", type: probedCanaryType, name: "c", id: "canary", outputs: {} };
  assert.deepEqual(await provider.read({ ...call, inputs } as never), { id: "canary", inputs, outputs: {} });
  await assert.rejects(async () => await provider.read({ ...call, inputs: {} } as never), /cannot be imported/);
});
