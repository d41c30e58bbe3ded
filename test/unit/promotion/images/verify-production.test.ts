import assert from "node:assert/strict";
import { it } from "mocha";
import type { Dependencies } from "../../../../components/promotion/images/dependencies.ts";
import { verifyProduction } from "../../../../components/promotion/images/verify-production.ts";
import type { ImagesRequest } from "../../../../components/promotion/run/request.ts";

it("roots that are refused are a failure of the verification, not of the audit", async () => {
  const roots = () => Promise.reject(new Error("the roots of tuf.example are refused: expired"));
  const trust = { mode: "require", signers: [], predicates: [], trustedRoot: "" };
  const request = {
    project: "p",
    images: `app:v1 sha256:${"a".repeat(64)}\n`,
    prefix: "p",
    mirrors: [{ name: "images-us", repository: "us.example/images" }],
    trust,
  } as unknown as ImagesRequest;
  const context = { signal: new AbortController().signal, report: () => {} };
  assert.deepEqual(await verifyProduction(request, { roots } as unknown as Dependencies, context), {
    verified: 0,
    unverified: [],
    failures: ["project p, images-us: its images cannot be verified: the roots of tuf.example are refused: expired"],
  });
});
