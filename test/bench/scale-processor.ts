/**
 * The part of `npm run bench -- scale` on processor time: a large file from staging to one mirror over TLS, in a process of its own: read once and copied by
 * the store, and sent. Beside them what the machine needs for these bytes: Node, which pipes them from one connection to the other and hashes them, and curl
 * with OpenSSL, which read them, or read and send them.
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
import { curlPeer } from "./curl-peer.ts";
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
  /** @param isSent the store makes no copies, or is not asked. */
  const measured = async (work: Task["work"] | "curl", isSent: boolean): Promise<Pick<Result, "cpu" | "rss">> => {
    const store = await content.serve(tls, !isSent);
    if (work === "curl") {
      const url = `${store.url}/storage/v1/b/staging/o/large?alt=media`;
      const to = isSent ? `${store.url}/upload/session` : undefined;
      const { cpu, sha256 } = await curlPeer({ url, to, size: content.size, cert: tls.cert }).finally(store.stop);
      if (sha256 !== content.sha256 || store.received() !== (isSent ? content.size : 0))
        throw new Error("curl read or sent something else");
      return { cpu, rss: 0 };
    }
    const child = fork(import.meta.filename, ["measure"]);
    try {
      const request = content.request({
        mirrors: [{ name: "gcs", kind: "gcs", bucket: "production", region: "us" }],
        storage: { gcsEndpoint: store.url },
      });
      child.send({ work, request, cert: tls.cert } satisfies Task);
      const [result] = (await once(child, "message")) as [Result];
      if (result.failures.length > 0) throw new Error(result.failures.join("\n"));
      if (store.received() !== (isSent ? content.size : 0))
        throw new Error(`the mirror received ${store.received()} bytes`);
      return result;
    } finally {
      child.kill();
      store.stop();
    }
  };
  const print = (name: string, { cpu }: Pick<Result, "cpu">): void =>
    console.log(`figure: scale.files.${name} = ${((cpu * 1_024) / mebibytes).toFixed(2)} s/GiB`);
  const curl = await measured("curl", false);
  const copied = await measured("promote", false);
  const curlPipe = await measured("curl", true);
  const pipe = await measured("pipe", true);
  const sent = await measured("promote", true);
  print("cpu-seconds-per-gib", copied);
  print("curl.cpu-seconds-per-gib", curl);
  console.log(`figure: scale.files.cpu-vs-curl = ${(copied.cpu / curl.cpu).toFixed(2)} x`);
  print("streamed.cpu-seconds-per-gib", sent);
  print("streamed.curl.cpu-seconds-per-gib", curlPipe);
  print("streamed.bare-pipe.cpu-seconds-per-gib", pipe);
  console.log(`figure: scale.files.streamed.cpu-vs-curl = ${(sent.cpu / curlPipe.cpu).toFixed(2)} x`);
  console.log(`figure: scale.files.streamed.cpu-vs-bare-pipe = ${(sent.cpu / pipe.cpu).toFixed(2)} x`);
  console.log(
    `  ${mebibytes} MiB from staging to one mirror over TLS; ${copied.rss.toFixed(0)} MiB at most, sent ${sent.rss.toFixed(0)} MiB`,
  );
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
