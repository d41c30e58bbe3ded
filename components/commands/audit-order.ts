import type { StorageSettings } from "../promotion/run/request.ts";
import { type MirrorOrder, mirrorOrderOf } from "./fill-order.ts";
import type { ProductionSources } from "./production.ts";

/** All that a task of an audit needs to know. */
export interface AuditOrder extends MirrorOrder {
  readonly auditOrder: 1;
  /** Bucket in Cloud Storage for the findings. */
  readonly findings: string;
  readonly storage: StorageSettings;
}

/** The order to read back one mirror. Pure. @param findings bucket in Cloud Storage that gets them. */
export function auditOrderOf(production: ProductionSources, mirror: string, findings: string): AuditOrder {
  const { storage } = production;
  return { auditOrder: 1, findings, storage, ...mirrorOrderOf(production, mirror, new Set()) };
}
