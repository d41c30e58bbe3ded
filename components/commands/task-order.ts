/** The orders of jobs on mirrors, as their tasks and commands read them. */
import type { AuditOrder } from "./audit-order.ts";
import { CommandError } from "./command.ts";
import type { FillOrder } from "./fill-order.ts";

/** Reads an order of either job from JSON. @param from its file, for messages. @throws CommandError */
export function readTaskOrder(text: string, from: string): FillOrder | AuditOrder {
  let order: Partial<FillOrder & AuditOrder> | null | undefined;
  try {
    order = JSON.parse(text) as typeof order;
  } catch {
    // Said below.
  }
  if (order?.fillOrder === 1) return order as FillOrder;
  if (order?.auditOrder === 1) return order as AuditOrder;
  throw new CommandError(`${from} is not an order that artifacts fill or artifacts audit wrote`);
}
