/** What a client wants to be answered with, by its Accept header (RFC 9110 section 12.5.1). */

/** Forms that an answer of ours can have. */
export type Form = "html" | "json" | "text";

/**
 * The form for a client. Only who names `text/html` gets HTML, as browsers do and command-line clients do not; only who names a JSON type, or
 * prefers one, gets JSON; all others get text.
 */
export function preferredForm(accept: string | undefined): Form {
  let best: Form = "text";
  let bestWeight = 0;
  for (const range of (accept ?? "").toLowerCase().split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const form = forms.get(type) ?? (type.endsWith("+json") ? "json" : undefined);
    const weight = weightOf(parameters);
    // Of equal weights the one named first, which RFC 9110 leaves to us.
    if (form !== undefined && weight > bestWeight) {
      best = form;
      bestWeight = weight;
    }
  }
  return best;
}

/** Whether a client takes content compressed by gzip (RFC 9110 section 12.5.3). Without the header it is not sent. */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  return (acceptEncoding ?? "")
    .toLowerCase()
    .split(",")
    .some((coding) => {
      const [name, ...parameters] = coding.split(";").map((part) => part.trim());
      return (name === "gzip" || name === "x-gzip") && weightOf(parameters) > 0;
    });
}

const forms: ReadonlyMap<string, Form> = new Map([
  ["text/html", "html"],
  ["application/xhtml+xml", "html"],
  ["application/json", "json"],
  ["text/plain", "text"],
]);

/** Of the parameters `q=0.5` and others; 1 without one; 0 for one that is no weight. */
function weightOf(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith("q="));
  if (given === undefined) return 1;
  return /^q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(given) ? Number(given.slice(2)) : 0;
}
