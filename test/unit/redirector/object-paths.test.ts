import assert from "node:assert/strict";
import { describe, it } from "mocha";
import {
  fileKey,
  filesPrefix,
  imageName,
  layerKey,
  manifestPath,
  objectPath,
} from "../../../redirector/object-paths.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("object paths in production", () => {
  for (const [found, expected] of [
    [filesPrefix("tool"), "binaries/tool/"],
    [filesPrefix("a/b"), "binaries/a/b/"],
    [filesPrefix(""), "binaries/"],
    [fileKey("tool", "v1.0.0/linux/tool"), "binaries/tool/v1.0.0/linux/tool"],
    [fileKey("", "v1.0.0/tool"), "binaries/v1.0.0/tool"],
    [objectPath(fileKey("tool", "a b+c%d")), "/binaries/tool/a%20b+c%25d"],
    [layerKey(digest), `containers/images/${digest}`],
    [imageName("tool", "controller"), "tool/controller"],
    [imageName("", "pause"), "pause"],
    [manifestPath("tool", "controller", digest), `/v2/tool/controller/manifests/${digest}`],
    [manifestPath("", "pause", "3.9"), "/v2/pause/manifests/3.9"],
  ] as const) {
    it(expected, () => assert.equal(found, expected));
  }
});
