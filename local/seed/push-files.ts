/** Uploads release files to a bucket with the JSON API of Cloud Storage. */
import { createHash } from "node:crypto";
import { type Dispatcher, request } from "undici";
import type { DemoFile } from "./demo-project.ts";
import type { PushSummary } from "./pushed.ts";

/** Uploads the files that the bucket lacks or has with other content. Throws an error that names file and bucket. */
export async function pushFiles(
  dispatcher: Dispatcher,
  files: readonly DemoFile[],
  endpoint: string,
  bucket: string,
  say: (line: string) => void,
): Promise<PushSummary> {
  const sent = await Promise.all(files.map((file) => pushFile(dispatcher, file, endpoint, bucket)));
  const pushed = files.filter((_, i) => sent[i]! > 0);
  for (const { path, bytes } of pushed) say(`gs://${bucket}/${path} ${bytes.length} bytes`);
  return { items: files.length, pushed: pushed.length, bytes: sent.reduce((sum, size) => sum + size, 0) };
}

/** Creates a bucket if it does not exist (JSON API, "Buckets: insert"; 409 = it exists). */
export async function createBucket(
  dispatcher: Dispatcher,
  endpoint: string,
  project: string,
  name: string,
): Promise<void> {
  const url = new URL("b", endpoint);
  url.searchParams.set("project", project);
  const { statusCode, body } = await request(url, {
    dispatcher,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name }),
  });
  const text = await body.text();
  if (statusCode !== 200 && statusCode !== 409) {
    throw new Error(`creating the bucket ${name}: the server answered ${statusCode} ${text.slice(0, 500)}`);
  }
}

/** Uploads one file. Returns the number of bytes sent: 0 if the bucket has the same content. */
async function pushFile(dispatcher: Dispatcher, file: DemoFile, endpoint: string, bucket: string): Promise<number> {
  const object = `b/${encodeURIComponent(bucket)}/o`;
  const url = new URL(`${object}/${encodeURIComponent(file.path)}`, endpoint);
  const found = await request(url, { dispatcher });
  const text = await found.body.text();
  if (found.statusCode === 200) {
    const md5 = createHash("md5").update(file.bytes).digest("base64");
    if ((JSON.parse(text) as { md5Hash?: string }).md5Hash === md5) return 0;
  } else if (found.statusCode !== 404) {
    throw new Error(`gs://${bucket}/${file.path}: the server answered ${found.statusCode} ${text.slice(0, 500)}`);
  }
  const upload = new URL(`/upload/storage/v1/${object}`, endpoint);
  upload.searchParams.set("uploadType", "media");
  upload.searchParams.set("name", file.path);
  const put = await request(upload, {
    dispatcher,
    method: "POST",
    headers: { "content-type": file.contentType },
    body: file.bytes,
  });
  const answer = await put.body.text();
  if (put.statusCode !== 200) {
    const hint = put.statusCode === 404 ? "; does the bucket exist?" : "";
    throw new Error(
      `uploading gs://${bucket}/${file.path}: the server answered ${put.statusCode} ${answer.slice(0, 500).trimEnd()}${hint}`,
    );
  }
  return file.bytes.length;
}
