/** Pages of S3's listings, from which what nothing reads is taken before they are parsed. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { it } from "mocha";
import { type Bucket, BucketAbsent, type Stored } from "../../../../components/promotion/storage/bucket.ts";
import { connectS3 } from "../../../../components/promotion/storage/s3.ts";
import { afterTest } from "../../../support/cleanup.ts";
import { serveOnLoopback } from "../../../support/loopback-server.ts";

const never = new AbortController().signal;

/** An entry as Amazon writes it. */
function entry(key: string, size: number, etag: string): string {
  return `<Contents><Key>${key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>${etag}</ETag><ChecksumAlgorithm>CRC32C</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>${size}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
}

function page(entries: string, more = "<IsTruncated>false</IsTruncated>"): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>${more}${entries}</ListBucketResult>`;
}

async function bucketOf(answer: (response: ServerResponse, request: number) => void): Promise<Bucket> {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: "testkey", AWS_SECRET_ACCESS_KEY: "testsecret" });
  let request = 0;
  const server = await serveOnLoopback((_, response) => answer(response, ++request));
  const client = connectS3({ region: "eu-west-1", endpoint: server.url, pathStyle: true });
  afterTest(async () => {
    await client.close();
    await server.close();
  });
  return client.bucket("b");
}

async function listed(bucket: Bucket): Promise<Stored[]> {
  const found: Stored[] = [];
  for await (const object of bucket.list("", never)) found.push(object);
  return found;
}

it("every key arrives as it is, also one that looks like what is taken away, over several pages", async () => {
  const md5 = "0123456789abcdef0123456789abcdef";
  const odd = "a &amp; b/&lt;StorageClass&gt;x&lt;/StorageClass&gt;&#13;ü";
  const more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>";
  const bucket = await bucketOf((response, request) =>
    response.end(
      request === 1
        ? page(entry(odd, 5, `&quot;${md5}&quot;`) + entry("LastModified", 0, '"x-2"'), more)
        : page(entry("z", 3 * 1024 ** 4, '"y-3"')),
    ),
  );
  assert.deepEqual(await listed(bucket), [
    { key: "a & b/<StorageClass>x</StorageClass>\rü", size: 5, version: `"${md5}"`, md5 },
    { key: "LastModified", size: 0, version: '"x-2"' },
    { key: "z", size: 3 * 1024 ** 4, version: '"y-3"' },
  ]);
});

it("a bucket that is not there is known by its error", async () => {
  const bucket = await bucketOf((response) =>
    response.writeHead(404).end('<?xml version="1.0"?><Error><Code>NoSuchBucket</Code><Message>no</Message></Error>'),
  );
  await assert.rejects(listed(bucket), BucketAbsent);
});

it("a page that breaks off is asked for again", async () => {
  const whole = page(entry("a", 1, '"x"'));
  let asked = 0;
  const bucket = await bucketOf((response, request) => {
    asked = request;
    if (request > 1) return void response.end(whole);
    response.writeHead(200, { "content-length": whole.length }).write(whole.slice(0, 200), () => response.destroy());
  });
  assert.deepEqual(
    (await listed(bucket)).map(({ key }) => key),
    ["a"],
  );
  assert.equal(asked, 2);
});
