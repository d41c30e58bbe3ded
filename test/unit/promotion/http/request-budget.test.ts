/** A process keeps below the quota of a region of Artifact Registry. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { defaultRules, Host } from "../../../../components/promotion/http/host.ts";
import { quotaOf, quotaShare, RequestBudget } from "../../../../components/promotion/http/request-budget.ts";

describe("the budget of requests", () => {
  /** Requests that are sent in each second, asked for as fast as they may be sent. */
  function sentBySecond(method: string, seconds: number): number[] {
    let now = 0;
    const budget = new RequestBudget(60_000, () => now);
    const sent = Array.from({ length: seconds }, () => 0);
    for (;;) {
      now += budget.book(method);
      if (now >= seconds * 1_000) return sent;
      sent[Math.floor(now / 1_000)]!++;
    }
  }

  it("is half of the quota: a burst of ten seconds, then 500 a second", () => {
    const sent = sentBySecond("GET", 60);
    const [first = 0, ...others] = sent;
    assert.ok(first >= 5_000 && first <= 5_502, `${first}`);
    for (const each of others) assert.ok(each >= 499 && each <= 501, `${each}`);
    // The quota is of each minute, whichever begins when: a run that begins with a burst leaves two fifths of it.
    assert.ok(sent.reduce((sum, each) => sum + each, 0) < 36_000);
  });

  it("of 18,000 writes and as many deletions a minute, half too; one does not wait for the other", () => {
    for (const method of ["PUT", "POST", "PATCH", "DELETE"]) {
      const sent = sentBySecond(method, 30);
      for (const each of sent.slice(1)) assert.ok(each >= 149 && each <= 151, `${method}: ${each}`);
    }
    const budget = new RequestBudget(60_000, () => 0);
    while (budget.book("PUT") === 0);
    assert.equal(budget.book("DELETE"), 0);
    assert.equal(budget.book("HEAD"), 0);
  });

  it("what is not used comes back", () => {
    let now = 0;
    const budget = new RequestBudget(60_000, () => now);
    while (budget.book("GET") === 0);
    now += 11_000;
    for (let each = 0; each < 5_000; each++) assert.equal(budget.book("GET"), 0);
  });
});

describe("the quota", () => {
  it("is known of Artifact Registry alone, by default Google's", () => {
    assert.equal(quotaOf("us-central1-docker.pkg.dev", {}), 60_000);
    assert.equal(quotaOf("europe-docker.pkg.dev", { ARTIFACTS_REGISTRY_QUOTA: "" }), 60_000);
    for (const host of ["127.0.0.1:5000", "registry.example.org", "docker.pkg.dev.example.org"])
      assert.equal(quotaOf(host, { ARTIFACTS_REGISTRY_QUOTA: "600" }), undefined, host);
  });
  it("is shared by processes that run at the same time", () => {
    assert.equal(quotaShare(10, {}), "6000");
    assert.equal(quotaShare(7, { ARTIFACTS_REGISTRY_QUOTA: "1000" }), "142");
    assert.equal(quotaShare(10_000, {}), "100");
  });
  it("is what was granted", () => {
    assert.equal(quotaOf("us-central1-docker.pkg.dev", { ARTIFACTS_REGISTRY_QUOTA: "600000" }), 600_000);
    for (const wrong of ["0", "99", "-600", "6e5", "many", "60000.5"])
      assert.throws(
        () => quotaOf("us-central1-docker.pkg.dev", { ARTIFACTS_REGISTRY_QUOTA: wrong }),
        /ARTIFACTS_REGISTRY_QUOTA is a number of requests a minute/,
        wrong,
      );
  });
});

describe("a host", () => {
  it("lets requests wait for its quota, each region for its own, and an aborted one no longer", async () => {
    const rules = { ...defaultRules, quota: (name: string) => (name === "small" ? 600 : undefined) };
    const [small, other] = [new Host("small", rules), new Host("other", rules)];
    const stop = new AbortController();
    let sent = 0;
    let turn: Promise<void> | undefined;
    while (turn === undefined) {
      turn = small.withinQuota("GET", stop.signal);
      sent++;
    }
    assert.ok(sent >= 50 && sent <= 60, `${sent}`); // ten seconds of 300 a minute
    assert.equal(other.withinQuota("GET", stop.signal), undefined);
    stop.abort(new Error("stopped"));
    await assert.rejects(turn, /stopped/);
  });
});
