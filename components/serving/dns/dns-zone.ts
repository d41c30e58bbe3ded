import type * as pulumi from "@pulumi/pulumi";

/** Records of one name and type, as every DNS has them. */
export interface Records {
  /** Logical name of the resource. A zone that has one resource for each value adds the value to it, where there are several. */
  readonly logicalName: string;
  /** The logical name until 0.2.0, if there was one: what a stack has under it stays. */
  readonly formerName?: string | undefined;
  /** The name, without a final dot. */
  readonly name: string;
  readonly type: "A" | "AAAA" | "CNAME";
  /** The value: an address, or a name without a final dot. */
  readonly value: pulumi.Input<string>;
  /** What the records are for, as people read it in the zone. */
  readonly comment: string;
  /** What must be there before the records are made. */
  readonly after?: readonly pulumi.Resource[];
}

/** Which authorities may issue certificates for a name (CAA records, RFC 8659). */
export interface Issuers {
  readonly logicalName: string;
  /** The logical name until 0.2.0, if there was one. */
  readonly formerName?: string | undefined;
  readonly name: string;
  /** Domain names of the authorities. */
  readonly authorities: readonly string[];
}

/** The zone that holds the names that clients use, and whoever serves it. */
export interface DnsZone {
  /** Declares a record. Returns what must be there before others rely on it. */
  addRecord(records: Records, parent: pulumi.Resource): readonly pulumi.CustomResource[];
  /** Declares the issuers of a name, and returns the same. */
  addIssuers(issuers: Issuers, parent: pulumi.Resource): readonly pulumi.CustomResource[];
}

/** Seconds for which resolvers may remember a record. */
export const ttl = 300;
