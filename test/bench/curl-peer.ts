/**
 * What the machine itself needs to read a file over TLS, or to read and send it, with its SHA-256: curl and OpenSSL, by which Node hashes too. (Debian's sha256sum
 * does not use the processor's instructions for it.)
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** What the programs read and send. */
interface CurlTask {
  readonly url: string;
  /** Where it is sent to; undefined: nowhere. */
  readonly to: string | undefined;
  readonly size: number;
  /** The server's certificate. */
  readonly cert: string;
}

/** Seconds of processor time of all these processes, and the digest that they found. */
export async function curlPeer({ url, to, size, cert }: CurlTask): Promise<{ cpu: number; sha256: string }> {
  const folder = await mkdtemp(join(tmpdir(), "artifacts-curl-"));
  try {
    const ca = join(folder, "ca.pem");
    await writeFile(ca, cert);
    const env = { ...process.env, URL: url, TO: to, CA: ca, RANGE: `bytes 0-${size - 1}/${size}`, TIMEFORMAT: "%U %S" };
    // What bash has waited for is in its times: a process substitution would not be.
    const send = `mkfifo fifo; time { openssl dgst -sha256 -r < fifo > sum & curl -sf --cacert "$CA" "$URL" | tee fifo | curl -sf --cacert "$CA" -H "content-range: $RANGE" -T - "$TO" > sent; wait; }`;
    const read = `time { curl -sf --cacert "$CA" "$URL" | openssl dgst -sha256 -r > sum; }`;
    const script = `set -o pipefail; ${to === undefined ? read : send} && cat sum`;
    const { stdout, stderr } = await promisify(execFile)("bash", ["-c", script], { cwd: folder, env });
    const times = stderr.trim().split(/\s+/).map(Number);
    return { cpu: times.reduce((sum, seconds) => sum + seconds, 0), sha256: stdout.slice(0, 64) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
