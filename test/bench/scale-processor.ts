/** The part of `npm run bench -- scale` on processor time: a large file from staging to one mirror, over TLS both ways, in a process of its own. */
import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { setDefaultCACertificates } from "node:tls";
import { promoteFiles } from "../../components/promotion/files/files.ts";
import type { FilesRequest } from "../../components/promotion/run/request.ts";
import { selfSigned } from "../support/self-signed.ts";
import { LargeContent } from "./large-content.ts";

const mebibyte = 1024 * 1024;

/** What the child is asked. */
interface Task {
  readonly request: FilesRequest;
  readonly cert: string;
}

/** Processor seconds a GiB, which the machine's other load hardly changes. */
export async function filesProcessorTime(mebibytes = 2_048): Promise<void> {
  const content = new LargeContent(randomBytes(8 * mebibyte), mebibytes / 8);
  const tls = selfSigned("127.0.0.1");
  const store = await content.serve(tls);
  const child = fork(import.meta.filename, ["promote"]);
  try {
    const request: FilesRequest = {
      project: "bench",
      files: `large sha256:${content.sha256}\n`,
      prefix: "bench",
      staging: "staging",
      removalShare: 1,
      mirrors: [{ name: "gcs", kind: "gcs", bucket: "production", region: "us" }],
      storage: { gcsEndpoint: store.url },
    };
    child.send({ request, cert: tls.cert } satisfies Task);
    const [{ failures, cpu, rss }] = (await once(child, "message")) as [
      { failures: string[]; cpu: number; rss: number },
    ];
    if (failures.length > 0) throw new Error(failures.join("\n"));
    if (store.received() !== content.size) throw new Error(`the mirror received ${store.received()} bytes`);
    console.log(`figure: scale.files.cpu-seconds-per-gib = ${((cpu * 1_024) / mebibytes).toFixed(2)} s/GiB`);
    console.log(`  ${mebibytes} MiB from staging to one mirror, TLS both ways; ${rss.toFixed(0)} MiB at most`);
  } finally {
    child.kill();
    store.stop();
  }
}

async function promote({ request, cert }: Task): Promise<void> {
  setDefaultCACertificates([cert]);
  const began = process.cpuUsage();
  const { failures } = await promoteFiles(request, undefined, {
    signal: new AbortController().signal,
    report: () => {},
  });
  const { user, system } = process.cpuUsage(began);
  process.send!({ failures, cpu: (user + system) / 1e6, rss: process.resourceUsage().maxRSS / 1_024 }, () =>
    process.exit(),
  );
}

if (process.argv[2] === "promote" && process.send !== undefined)
  process.once("message", (task) => void promote(task as Task));
