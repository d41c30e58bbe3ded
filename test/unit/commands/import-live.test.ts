import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { liveSourceOf } from "../../../components/commands/import-live.ts";

describe("what import is given", () => {
  for (const [text, source] of [
    ["regsync.yml", { kind: "regsync", file: "regsync.yml" }],
    ["./config/regsync.yaml", { kind: "regsync", file: "./config/regsync.yaml" }],
    ["gs://releases", { kind: "bucket", bucket: "releases", prefix: "" }],
    ["gs://releases/tool", { kind: "bucket", bucket: "releases", prefix: "tool/" }],
    ["registry.example.org/mirror", { kind: "registry", uri: "registry.example.org/mirror" }],
    ["https://localhost:5000/a/b/", { kind: "registry", uri: "localhost:5000/a/b" }],
    ["127.0.0.1:5000/x", { kind: "registry", uri: "127.0.0.1:5000/x" }],
    ["k8s.io", undefined],
    ["../k8s.io", undefined],
    ["checkout/of/it", undefined],
  ] as const)
    it(text, () => assert.deepEqual(liveSourceOf(text), source));
});
