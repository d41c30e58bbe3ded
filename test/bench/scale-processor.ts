/**
 * The part of `npm run bench -- scale` on processor time: a large file from staging to one mirror, over TLS both ways, in a process of its own. Beside it the
 * least that Node needs for these bytes: they are piped from one connection to the other, and hashed.
 */
import { fork } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { pipeline } from "node:stream/promises";
import { setDefaultCACertificates } from "node:tls";
import { promoteFiles } from "../../components/promotion/files/files.ts";
import type { FilesRequest } from "../../components/promotion/run/request.ts";
import { crc32c } from "../../components/promotion/storage/crc32c.ts";
import { selfSigned } from "../support/self-signed.ts";
import { LargeContent } from "./large-content.ts";

const mebibyte = 1024 * 1024;

/** What the child is asked. */
interface Task {
  readonly work: "promote" | "pipe";
  readonly request: FilesRequest;
  readonly cert: string;
}
interface Result {
  readonly failures: readonly string[];
  /** Seconds of processor time. */
  readonly cpu: number;
  readonly rss: number;
}

/** Processor seconds a GiB. The machine's other load changes both, their ratio hardly. */
export async function filesProcessorTime(mebibytes = 2_048): Promise<void> {
  const content = new LargeContent(randomBytes(8 * mebibyte), mebibytes / 8);
  const tls = selfSigned("127.0.0.1");
  const measured = async (work: Task["work"]): Promise<Result> => {
    const store = await content.serve(tls);
    const child = fork(import.meta.filename, ["measure"]);
    try {
      const request = content.request({
        mirrors: [{ name: "gcs", kind: "gcs", bucket: "production", region: "us" }],
        storage: { gcsEndpoint: store.url },
      });
      child.send({ work, request, cert: tls.cert } satisfies Task);
      const [result] = (await once(child, "message")) as [Result];
      if (result.failures.length > 0) throw new Error(result.failures.join("\n"));
      if (store.received() !== content.size) throw new Error(`the mirror received ${store.received()} bytes`);
      return result;
    } finally {
      child.kill();
      store.stop();
    }
  };
  const pipe = await measured("pipe");
  const promotion = await measured("promote");
  const perGib = ({ cpu }: Result) => ((cpu * 1_024) / mebibytes).toFixed(2);
  console.log(`figure: scale.files.cpu-seconds-per-gib = ${perGib(promotion)} s/GiB`);
  console.log(`figure: scale.files.bare-pipe.cpu-seconds-per-gib = ${perGib(pipe)} s/GiB`);
  console.log(`figure: scale.files.cpu-vs-bare-pipe = ${(promotion.cpu / pipe.cpu).toFixed(2)} x`);
  console.log(`  ${mebibytes} MiB from staging to one mirror, TLS both ways; ${promotion.rss.toFixed(0)} MiB at most`);
}

async function measure({ work, request, cert }: Task): Promise<void> {
  setDefaultCACertificates([cert]);
  const began = process.cpuUsage();
  const failures = work === "promote" ? await promote(request) : await pipe(request);
  const { user, system } = process.cpuUsage(began);
  const result: Result = { failures, cpu: (user + system) / 1e6, rss: process.resourceUsage().maxRSS / 1_024 };
  process.send!(result, () => process.exit());
}

async function promote(request: FilesRequest): Promise<readonly string[]> {
  const { failures } = await promoteFiles(request, undefined, {
    signal: new AbortController().signal,
    report: () => {},
  });
  return failures;
}

/** One download that is one upload, by Node's own client. */
async function pipe({ files, storage }: FilesRequest): Promise<readonly string[]> {
  const download = httpsRequest(`${storage.gcsEndpoint}/storage/v1/b/staging/o/large?alt=media`).end();
  const [source] = (await once(download, "response")) as [IncomingMessage];
  const size = Number(source.headers["content-length"]);
  const headers = { "content-length": size, "content-range": `bytes 0-${size - 1}/${size}` };
  const upload = httpsRequest(`${storage.gcsEndpoint}/upload/session`, { method: "PUT", headers });
  const answered = once(upload, "response") as Promise<[IncomingMessage]>;
  const hash = createHash("sha256");
  let crc = 0;
  source.on("data", (slice: Buffer) => {
    hash.update(slice);
    crc = crc32c(slice, crc);
  });
  await pipeline(source, upload);
  const [{ statusCode }] = await answered;
  return statusCode === 200 && files.includes(hash.digest("hex")) && crc !== 0 ? [] : [`HTTP ${statusCode}`];
}

if (process.argv[2] === "measure" && process.send !== undefined)
  process.once("message", (task) => void measure(task as Task));
