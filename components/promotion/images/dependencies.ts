import type { CopyDependencies } from "../blobs/blob-copy.ts";
import type { BucketRegistry } from "../bucket-registry/bucket-registry.ts";
import type { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import type { Transport } from "../oci/transport.ts";
import type { StorageSettings } from "../run/request.ts";
import type { StoreAddress } from "../run/store-address.ts";
import type { Bucket } from "../storage/bucket.ts";
import type { SignerRule } from "../trust/policy.ts";
import type { SigningSettings } from "../trust/signing-settings.ts";
import type { StatementSigner } from "../trust/statement-signer.ts";
import type { RefreshedRoots } from "../trust/tuf-roots.ts";

/** What all runs of a process share. */
export interface Dependencies extends Omit<CopyDependencies, "signal"> {
  readonly transport: Transport;
  /** A bucket that is an image mirror, as a registry. */
  store(settings: StorageSettings, address: StoreAddress): Store;
  /** Runs the work on one digest, within the limit of the whole process. */
  limit<T>(work: () => Promise<T>): Promise<T>;
  /** Bytes of OCI manifests of attachments that are being read. */
  readonly attachmentMemory: WeightedSemaphore;
  /** {@link currentRoots} */
  roots(file: string, signers: readonly SignerRule[]): Promise<RefreshedRoots>;
  /** The signer of a stack, opened once in a process. @throws Error if it cannot be opened. */
  signer(settings: SigningSettings): Promise<StatementSigner>;
  bucket(settings: StorageSettings, name: string, region: string): Bucket;
  /** All keys of a bucket under a prefix; projects that ask at the same time share one listing. */
  keys(bucket: Bucket, prefix: string, signal: AbortSignal): Promise<readonly string[]>;
}

/** A bucket that is an image mirror. */
export interface Store {
  readonly bucket: Bucket;
  readonly registry: BucketRegistry;
}
