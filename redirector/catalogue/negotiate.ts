/** Content negotiation by the Accept and Accept-Encoding headers (RFC 9110 section 12.5). */

/** The forms that a response can have. */
export type Form = "html" | "json" | "text";

/**
 * The form for a client. HTML only if the client names `text/html`, as browsers do and command-line clients do not; JSON only if it names or
 * prefers a JSON type; text otherwise.
 */
export function preferredForm(accept: string | undefined): Form {
  let best: Form = "text";
  let bestWeight = 0;
  for (const range of (accept ?? "").toLowerCase().split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const form = forms.get(type) ?? (type.endsWith("+json") ? "json" : undefined);
    const weight = weightOf(parameters);
    // Of equal weights the first one: RFC 9110 leaves the choice to the server.
    if (form !== undefined && weight > bestWeight) {
      best = form;
      bestWeight = weight;
    }
  }
  return best;
}

/** Whether a client accepts gzip (RFC 9110 section 12.5.3). Without the header: no. */
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

/** The weight among parameters such as `q=0.5`; 1 if there is none; 0 if it is invalid. */
function weightOf(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith("q="));
  if (given === undefined) return 1;
  return /^q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(given) ? Number(given.slice(2)) : 0;
}
