import assert from "node:assert/strict";
import { it } from "mocha";
import type { CertificateResponse } from "../../../../components/promotion/provider/certificate-manager.ts";
import {
  certificateProvider,
  issuedCertificateType,
} from "../../../../components/promotion/provider/certificate-provider.ts";

const certificate = "projects/p/locations/global/certificates/c";
const managed = (state: string, more: object = {}): CertificateResponse => ({ managed: { state, ...more } });
const provisioning = managed("PROVISIONING", {
  provisioningIssue: { reason: "AUTHORIZATION_ISSUE", details: "no \u202eCNAME" },
});

/** Creates the resource against these answers, the last of which is repeated. */
async function creating(answers: readonly (CertificateResponse | Error)[], preview = false) {
  const said: string[] = [];
  let asked = 0;
  let waited = 0;
  const provider = certificateProvider(
    { status: async (_, line) => void said.push(line) },
    {
      ask: async () => {
        const answer = answers[Math.min(asked++, answers.length - 1)]!;
        if (answer instanceof Error) throw answer;
        return answer;
      },
      pause: async (ms) => {
        waited += ms;
      },
    },
  );
  const call = { urn: "urn", type: issuedCertificateType, name: "c", inputs: { certificate }, preview, timeout: 0 };
  const ended: { id?: string; error?: string } = await provider.create(call).then(
    ({ id }) => ({ id }),
    (error: Error) => ({ error: error.message }),
  );
  return { ended, said, asked, seconds: waited / 1000 };
}

it("is there once the certificate is ACTIVE; until then it says what Google waits for", async () => {
  const unreachable = new Error("connect ECONNREFUSED");
  const answers = [provisioning, unreachable, { status: 503, message: "later" }, managed("ACTIVE")];
  const { ended, said, seconds } = await creating(answers);
  assert.deepEqual(ended, { id: certificate });
  assert.equal(seconds, 1 + 2 + 4);
  assert.match(said[0]!, /PROVISIONING, AUTHORIZATION_ISSUE: no +CNAME, 0 s$/);
  assert.match(said[1]!, /ECONNREFUSED, 1 s$/);
  assert.match(said[2]!, /HTTP 503 later, 3 s$/);
});

it("gives up after 15 minutes, with the reason and what to do", async () => {
  const { ended, seconds } = await creating([provisioning]);
  assert.ok(seconds >= 900 && seconds < 930, `${seconds} s`);
  assert.match(ended.error ?? "", /certificates\/c is not issued \(PROVISIONING, AUTHORIZATION_ISSUE: .*waits again/);
});

it("does not wait for a certificate that Google has given up, nor without the right to ask", async () => {
  const failed = await creating([managed("FAILED")]);
  assert.match(failed.ended.error ?? "", /FAILED.*delete the certificate/);
  assert.equal(failed.asked, 1);
  const refused = await creating([{ status: 403, message: "certs.get denied" }]);
  assert.match(refused.ended.error ?? "", /cannot be read: HTTP 403 certs\.get denied$/);
  assert.equal(refused.asked, 1);
});

it("a preview asks nothing", async () => {
  const { asked, ended } = await creating([managed("FAILED")], true);
  assert.equal(asked, 0);
  assert.deepEqual(ended, { id: "" });
});

it("another certificate is another resource; another endpoint is not", async () => {
  const provider = certificateProvider({ status: async () => {} });
  const diff = (news: object) =>
    provider.diff!({
      type: issuedCertificateType,
      id: certificate,
      olds: {},
      oldInputs: { certificate },
      news,
    } as never);
  assert.deepEqual(await diff({ certificate: "other" }), { changed: ["certificate"], replaces: ["certificate"] });
  assert.deepEqual(await diff({ certificate, endpoint: "http://127.0.0.1" }), { changed: ["endpoint"], replaces: [] });
});
