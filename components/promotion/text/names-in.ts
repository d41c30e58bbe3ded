/** The names in a text with blanks between them, as outputs in the state and inputs of resources have them. @param text undefined: there are none. */
export function namesIn(text: unknown): string[] {
  return typeof text === "string" ? text.split(" ").filter((name) => name !== "") : [];
}
