import assert from "node:assert/strict";
import type { Attachment } from "../../components/promotion/images/attachments.ts";
import { type Digest, digestOf } from "../../components/promotion/oci/digest.ts";
import { ociIndex, ociManifest } from "../../components/promotion/oci/manifest.ts";
import type { Remote } from "../../components/promotion/oci/remote.ts";
import type { Call, Response } from "../../components/promotion/oci/transport.ts";

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";
const emptyConfig = Buffer.from("{}");

/** A registry in memory, which knows how many bytes of responses it is sending, if each may be as large as its request accepts. */
export class MemoryRegistry {
  readonly contents = new Map<Digest, Buffer>([[digestOf(emptyConfig), emptyConfig]]);
  readonly referrers = new Map<Digest, Digest[]>();
  readonly tags = new Map<string, Digest>();
  /** What was read: `manifests sha256:<hex>`, `blobs ...`. */
  readonly read: string[] = [];
  /** Bytes that requests in progress may receive, and the most of them at any time. */
  sending = 0;
  most = 0;

  readonly at: Remote = {
    repository: { host: "registry.example.org", origin: "https://registry.example.org", name: "app" },
    signal: new AbortController().signal,
    transport: {
      call: (call) => this.#respond(call),
      stream: () => assert.fail("attachments are read whole"),
    },
  };

  add(bytes: Buffer): { digest: Digest; size: number } {
    const digest = digestOf(bytes);
    this.contents.set(digest, bytes);
    return { digest, size: bytes.length };
  }

  /** Attaches bundles to a digest, as one referrer. */
  attach(subject: Digest, bundles: readonly Buffer[], annotations: Record<string, string> = {}): Attachment {
    const manifest = {
      schemaVersion: 2,
      mediaType: ociManifest,
      artifactType: bundleType,
      config: { mediaType: "application/vnd.oci.empty.v1+json", ...this.add(emptyConfig) },
      layers: bundles.map((bundle) => ({ mediaType: bundleType, ...this.add(bundle) })),
      subject: { mediaType: ociManifest, digest: subject, size: 1 },
      annotations,
    };
    const { digest } = this.add(Buffer.from(JSON.stringify(manifest)));
    this.referrers.set(subject, [...(this.referrers.get(subject) ?? []), digest]);
    return { subject, digest };
  }

  /** An image of nothing. */
  image(nonce: string): Digest {
    const config = {
      mediaType: "application/vnd.oci.image.config.v1+json",
      ...this.add(Buffer.from(`{"os":"linux","nonce":"${nonce}"}`)),
    };
    const manifest = { schemaVersion: 2, mediaType: ociManifest, config, layers: [] };
    return this.add(Buffer.from(JSON.stringify(manifest))).digest;
  }

  async #respond({ method, url, limit = 0, into }: Call): Promise<Response> {
    const bytes = into?.length ?? limit;
    this.sending += bytes;
    this.most = Math.max(this.most, this.sending);
    await new Promise((resolve) => setImmediate(resolve));
    this.sending -= bytes;
    const [, , , kind, reference] = String(url).split("/") as [string, string, string, string, string];
    if (method === "GET") this.read.push(`${kind} ${reference}`);
    const at = { url: String(url), headers: {} };
    if (kind === "referrers") {
      const manifests = (this.referrers.get(reference) ?? []).map((each) => ({ digest: each }));
      const body = Buffer.from(JSON.stringify({ manifests }));
      return { ...at, status: 200, headers: { "content-type": ociIndex }, body };
    }
    const found = this.contents.get(this.tags.get(reference) ?? reference);
    if (found === undefined) return { ...at, status: 404, body: Buffer.alloc(0) };
    const headers = { "content-type": ociManifest, "docker-content-digest": digestOf(found) };
    return { ...at, status: 200, headers, body: found };
  }
}
