import assert from "node:assert/strict";
import { it } from "mocha";
import { SourceError } from "../../../../components/promotion/blobs/blob-copy.ts";
import { WrongContent } from "../../../../components/promotion/blobs/fan-out.ts";
import { UnreachableError } from "../../../../components/promotion/http/errors.ts";
import { failureKind, mostHopeful } from "../../../../components/promotion/http/failure-kind.ts";
import { TransientError } from "../../../../components/promotion/http/retry.ts";
import { AbsentError } from "../../../../components/promotion/images/tree.ts";

import { RegistryError, WrongContentError } from "../../../../components/promotion/oci/errors.ts";
import { CircuitBreaker } from "../../../../components/promotion/run/circuit-breaker.ts";
import { Failures } from "../../../../components/promotion/run/failures.ts";
import { BucketAbsent, Denied, ObjectChanged, UploadLost } from "../../../../components/promotion/storage/bucket.ts";

const digest = `sha256:${"a".repeat(64)}`;
const refused = (status: number, code = "") => new RegistryError("h", "push", status, code, "");

it("what fails by itself, until somebody grants it, or until somebody mends its cause", () => {
  for (const [error, kind] of [
    [new TransientError("503"), "transient"],
    [new UnreachableError("h", new Error("x")), "transient"],
    [new Error("anything"), "transient"],
    ["text", "transient"],
    [undefined, "transient"],
    [refused(503), "transient"],
    [refused(429), "transient"],
    [refused(403, "TOOMANYREQUESTS"), "transient"],
    [new ObjectChanged("x"), "transient"],
    [new UploadLost("x"), "transient"],
    [new AbsentError(digest, "x", true), "transient"],
    [refused(401), "denied"],
    [refused(403), "denied"],
    [new Denied("403"), "denied"],
    [new SourceError(new Denied("403")), "denied"],
    [refused(404), "permanent"],
    [new BucketAbsent("404"), "permanent"],
    [new AbsentError(digest, "x", false), "permanent"],
    [new WrongContent("other", "b"), "permanent"],
    [new SourceError(new WrongContentError("other")), "permanent"],
    [new AggregateError([new WrongContent("other", "b"), new Denied("403")]), "denied"],
  ] as const)
    assert.equal(failureKind(error), kind, String(error));
});

it("together they are as hopeful as the most hopeful of them", () => {
  assert.equal(mostHopeful([]), undefined);
  assert.equal(mostHopeful([undefined, "permanent"]), "permanent");
  assert.equal(mostHopeful(["permanent", "denied"]), "denied");
  assert.equal(mostHopeful(["denied", "permanent", "transient"]), "transient");
});

it("a run remembers it of the failures that have lines, and a mirror that is given up of the one that was its last", () => {
  const failures = new Failures("p", ["m"], (what) => what);
  failures.add("m", "a", new BucketAbsent("x"));
  assert.equal(failures.kind, "permanent");
  failures.add("m", "b", new TransientError("x"));
  assert.equal(failures.kind, "transient");
  const breaker = new CircuitBreaker(() => "fatal");
  assert.equal(breaker.failureKind, undefined);
  breaker.failed(new Denied("403"));
  assert.equal(breaker.failureKind, "denied");
});
