import assert from "node:assert/strict";
import { describe, it } from "mocha";
import {
  readStoreAddress,
  type StoreAddress,
  storeAddress,
} from "../../../../components/promotion/run/store-address.ts";

describe("the address of an object store", () => {
  const addresses: [StoreAddress, string][] = [
    [
      { kind: "s3", bucket: "acme-artifacts-us-east-1", region: "us-east-1" },
      "s3://acme-artifacts-us-east-1?region=us-east-1",
    ],
    [{ kind: "gcs", bucket: "acme.example.com", region: "" }, "gs://acme.example.com"],
    [
      { kind: "s3", bucket: "images", region: "auto", endpoint: "https://1a2b.r2.cloudflarestorage.com", keys: "R2" },
      "s3://images?region=auto&endpoint=https%3A%2F%2F1a2b.r2.cloudflarestorage.com&keys=R2",
    ],
    [
      { kind: "s3", bucket: "kept", region: "us-west-2", endpoint: "https://s3.example.org", keys: "KEPT", lock: 30 },
      "s3://kept?region=us-west-2&endpoint=https%3A%2F%2Fs3.example.org&keys=KEPT&lock=30",
    ],
  ];
  for (const [address, text] of addresses)
    it(`${text} is written and read`, () => {
      assert.equal(storeAddress(address), text);
      assert.deepEqual(readStoreAddress(text), address);
    });

  it("the URI of a registry is none", () => {
    for (const text of ["us-central1-docker.pkg.dev/p/images", "127.0.0.1:5000/p"])
      assert.equal(readStoreAddress(text), undefined);
  });

  for (const text of [
    "s3://images",
    "s3://?region=us-east-1",
    "gs://Images",
    "https://registry.example.com/p",
    "s3://a/b?region=x",
  ])
    it(`${text} is refused`, () => assert.throws(() => readStoreAddress(text), /is no image mirror/));
});
