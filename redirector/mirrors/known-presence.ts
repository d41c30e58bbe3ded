/** What a mirror said of an object, as one number: a hundred thousand of them take a few MiB. */
interface KnownPresence {
  readonly presence: "present" | "absent" | "refused";
  /** Milliseconds of the clock, until when it is believed. */
  readonly until: number;
  /** The mirror's epoch when the check started, of 12 bits. */
  readonly epoch: number;
}

const presences = ["present", "absent", "refused"] as const;
const epochs = 4096;

/** Packs it. The clock may be at 2^38 ms at most, which is eight years. */
export function packPresence({ presence, until, epoch }: KnownPresence): number {
  return (Math.floor(until) * epochs + (epoch % epochs)) * 4 + presences.indexOf(presence);
}

/** Of a packed presence. */
export function presenceIn(packed: number): KnownPresence["presence"] {
  return presences[packed % 4]!;
}

/** Until when it is believed. */
export function untilIn(packed: number): number {
  return Math.floor(packed / (4 * epochs));
}

/** Whether it was said in this epoch of the mirror. */
export function isOfEpoch(packed: number, epoch: number): boolean {
  return Math.floor(packed / 4) % epochs === epoch % epochs;
}
