import type { KeyObject } from "node:crypto";

/** A key that signs bytes. */
export interface RawKey {
  readonly publicKey: KeyObject;
  sign(data: Buffer): Promise<Buffer>;
}
