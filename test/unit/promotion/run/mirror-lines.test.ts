import assert from "node:assert/strict";
import { it } from "mocha";
import { fileMirrorsSchema } from "../../../../components/promotion/provider/kinds.ts";
import {
  fileMirrorLines,
  imageMirrorLines,
  layerMirrorLines,
  readMirrorLines,
} from "../../../../components/promotion/run/mirror-lines.ts";

it("mirrors round-trip as lines, in order", () => {
  const images = [
    { name: "images-us", repository: "us-docker.pkg.dev/p/images", region: "us" },
    { name: "images-eu", repository: "eu-docker.pkg.dev/p/images", region: "eu" },
  ];
  const lines = "images-us us-docker.pkg.dev/p/images\nimages-eu eu-docker.pkg.dev/p/images\n";
  assert.equal(imageMirrorLines(images), lines);
  assert.deepEqual(
    readMirrorLines("images", lines),
    images.map(({ region: _, ...mirror }) => mirror),
  );
  const files = [{ name: "files-aws", kind: "s3", bucket: "b", region: "us-east-1" }] as const;
  assert.equal(fileMirrorLines(files), "files-aws s3 b us-east-1\n");
  assert.deepEqual(readMirrorLines("files", fileMirrorLines(files)), files);
  assert.equal(layerMirrorLines(files), "files-aws b us-east-1\n");
  assert.deepEqual(readMirrorLines("layers", ""), []);
});

it("reports an invalid mirror by the schema; accepts a list from an earlier state", () => {
  const problems = (value: unknown) =>
    fileMirrorsSchema.safeParse(value).error?.issues.map(({ path }) => path.join("."));
  assert.equal(problems("a s3 b r\n"), undefined);
  assert.deepEqual(problems("a s3 b r\nb ftp\n"), ["1.kind", "1.bucket", "1.region"]);
  assert.equal(problems([{ name: "a", kind: "gcs", bucket: "b", region: "r" }]), undefined);
});
