import { z } from "zod";
import { filesFormat, imagesFileFormat, projectFormat } from "./formats.ts";

/** Where the JSON Schemas lie, from the repository's root. */
export const schemaFolder = "components/manifests/schema";

/**
 * The JSON Schemas (draft 7, which editors understand best) by file name, derived from the formats that the reader
 * validates with. They say what one file may hold; what several places must not hold together (a tag on two digests, a
 * path used twice) only `npm run check` says.
 */
export function jsonSchemas(): Record<string, Record<string, unknown>> {
  return {
    "project.schema.json": schemaOf(projectFormat),
    "images.schema.json": schemaOf(imagesFileFormat),
    "files.schema.json": schemaOf(filesFormat),
  };
}

function schemaOf(format: z.ZodType): Record<string, unknown> {
  // "output": the formats take every scalar as text, an editor sees numbers and booleans.
  const { $schema, ...schema } = z.toJSONSchema(format, { target: "draft-7", io: "output" });
  return { $schema, ...schema };
}
