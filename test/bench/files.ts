/**
 * Release files: `npm run bench -- files [GIB]`: one large file (5 GiB) from staging to a mirror in GCS and one in S3, each byte of it
 * hashed, in a process of its own, whose memory and time are the figures. The mirror in GCS is a copy inside the store.
 *
 * Staging and the GCS mirror are a server here that makes the bytes up and throws them away: fake-gcs-server keeps all in memory. The
 * mirror in S3 is versitygw, which verifies the whole object's CRC32C.
 */
import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { CreateBucketCommand, HeadObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { promoteFiles } from "../../components/promotion/files/files.ts";
import type { FilesRequest } from "../../components/promotion/run/request.ts";
import { startVersityGateway } from "../support/object-stores.ts";
import { LargeContent } from "./large-content.ts";

const mebibyte = 1024 * 1024;
const block = 8 * mebibyte;

async function bench(gibibytes: number): Promise<void> {
  const blocks = Math.round((gibibytes * 1024 * mebibyte) / block);
  const content = new LargeContent(randomBytes(block), blocks);
  const gcs = await content.serve();
  const s3 = await startVersityGateway();
  try {
    const client = new S3Client({ endpoint: s3.url, region: "us-east-1", forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: "production" }));
    const request = content.request({
      mirrors: [
        { name: "gcs", kind: "gcs", bucket: "production", region: "us" },
        { name: "s3", kind: "s3", bucket: "production", region: "us-east-1" },
      ],
      storage: { gcsEndpoint: gcs.url, s3Endpoint: s3.url, s3UsePathStyle: true },
    });
    const child = fork(import.meta.filename);
    child.send(request);
    const [result] = (await once(child, "message")) as [
      { failures: string[]; seconds: number; cpu: number; rss: number },
    ];
    child.kill();
    if (result.failures.length > 0) throw new Error(result.failures.join("\n"));
    const head = { Bucket: "production", Key: "binaries/bench/large", ChecksumMode: "ENABLED" } as const;
    const { ChecksumCRC32C, ContentLength } = await client.send(new HeadObjectCommand(head));
    if (ChecksumCRC32C !== content.crc32c || ContentLength !== content.size) throw new Error("S3 holds something else");
    if (gcs.copies() !== 1 || gcs.received() !== 0) throw new Error(`GCS received ${gcs.received()} bytes`);
    client.destroy();
    console.log(`figure: files.large.rss.mib = ${result.rss.toFixed(0)} MiB`);
    console.log(
      `figure: files.large.rate = ${(content.size / mebibyte / result.seconds).toFixed(0)} MiB/s to both mirrors`,
    );
    console.log(`figure: files.large.cpu = ${((result.cpu * 1024) / (content.size / mebibyte)).toFixed(2)} s/GiB`);
  } finally {
    gcs.stop();
    await s3.stop();
  }
}

/** In the child: the run, and what it took. */
async function promote(request: FilesRequest): Promise<void> {
  const began = performance.now();
  const { failures } = await promoteFiles(request, undefined, {
    signal: new AbortController().signal,
    report: () => {},
  });
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const cpu = (userCPUTime + systemCPUTime) / 1e6;
  process.send!({ failures, seconds: (performance.now() - began) / 1_000, cpu, rss: maxRSS / 1024 });
}

// The parent benches, its child promotes.
if (process.send === undefined) await bench(Number(process.argv[2] ?? 5));
else process.once("message", (request) => void promote(request as FilesRequest));
