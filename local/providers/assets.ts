/** The key and values that mark a map as an asset or an archive (sdk/go/common/resource/sig). */
const signatureKey = "4dabf18193072939515e22adb298388d";
const signatures = ["c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7"];

/** Reduces assets to their hash, so that the same content at another path is no change. */
export function forComparison(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, reduced(inner)]));
}

function reduced(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reduced);
  if (value === null || typeof value !== "object") return value;
  const map = value as Record<string, unknown>;
  return signatures.includes(String(map[signatureKey])) ? { asset: map["hash"] } : forComparison(map);
}
