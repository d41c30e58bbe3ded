import assert from "node:assert/strict";
import { it } from "mocha";
import { releaseFileHeaders } from "../../../../components/promotion/files/release-file.ts";
import { formatBytes } from "../../../../components/promotion/text/format-bytes.ts";

for (const [path, contentType] of [
  ["v1/linux/amd64/kops", "application/octet-stream"],
  ["v1/kops.exe", "application/octet-stream"],
  ["v1/x.tar.gz", "application/gzip"],
  ["v1/x.TGZ", "application/gzip"],
  ["v1/kops.sha256", "text/plain; charset=utf-8"],
  ["v1/kops.sha256sum", "text/plain; charset=utf-8"],
  ["v1/SHA256SUMS", "text/plain; charset=utf-8"],
  ["v1/SHA512SUMS.sig", "text/plain; charset=utf-8"],
  ["v1/kops.cert", "text/plain; charset=utf-8"],
  ["v1/mysha256sums", "application/octet-stream"],
  ["v1/x.json", "application/json"],
  ["v1.json/x", "application/octet-stream"],
  ["v1/index.html", "application/octet-stream"],
] as const) {
  it(`${path} is ${contentType}`, () => assert.equal(releaseFileHeaders("kops", path, false).contentType, contentType));
}

for (const [bytes, text] of [
  [0, "0 bytes"],
  [1, "1 byte"],
  [1023, "1023 bytes"],
  [1024, "1.0 KiB"],
  [5 * 1024 ** 3, "5.0 GiB"],
  [1_040_000_000, "991.8 MiB"],
  [1_073_000_000, "1.0 GiB"],
  [3 * 1024 ** 5, "3072.0 TiB"],
] as const) {
  it(`${bytes} bytes are ${text}`, () => assert.equal(formatBytes(bytes), text));
}
