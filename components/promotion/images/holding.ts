import type { Digest } from "../oci/digest.ts";
import type { Remote } from "../oci/remote.ts";
import type { Attachment } from "./attachments.ts";

/** What one mirror has of one image. */
export interface Holding {
  readonly at: Remote;
  readonly digests: Map<Digest, Set<string>>;
  /** Wanted indexes of which it lacks an image, as far as the registry was asked. */
  readonly incomplete: readonly Digest[];
  /** The attachments of what it has; of Google's registries only those by tag. */
  readonly attached: Attachment[];
  /** Whether `attached` has the referrers too. */
  readonly showsReferrers: boolean;
  /** Google's registries and buckets: all manifests, and those without a tag, which include children of indexes and attachments. */
  readonly listed: { readonly all: ReadonlySet<Digest>; readonly untagged: ReadonlySet<Digest> } | undefined;
}
