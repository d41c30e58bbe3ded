/** The lines of a text, without empty ones. */
export function splitLines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
