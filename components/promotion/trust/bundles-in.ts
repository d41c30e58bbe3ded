/** The bundles of a text: one, or one a line, as `gh attestation download` writes them. */
export function bundlesIn(text: string): string[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const isList = lines.length > 1 && lines.every((line) => line.startsWith("{") && line.trimEnd().endsWith("}"));
  return isList ? lines : [text];
}
