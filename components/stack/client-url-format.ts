import { z } from "zod";
import { baseUrlProblem } from "../../redirector/config.ts";

/** An address that clients are sent to. The redirector's own rule: it would not start with another one. */
export const clientUrlFormat = z.string({ error: "must be an absolute http(s) URL" }).superRefine((text, context) => {
  const message = baseUrlProblem(text);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});
