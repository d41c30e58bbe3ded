import { z } from "zod";
import { filesFormat, imagesFileFormat, projectFormat, withdrawnFormat } from "./formats.ts";

/** The folder of the JSON Schemas, from the repository's root. */
export const schemaFolder = "components/manifests/schema";

/**
 * The JSON Schemas (draft 7, which editors understand best) by file name, derived from the formats that the reader
 * validates with. They describe single values of one file; rules across values (a tag on two digests, a path used
 * twice) are checked only by `npm run check`.
 */
export function jsonSchemas(): Record<string, Record<string, unknown>> {
  return {
    "project.schema.json": schemaOf(projectFormat),
    "images.schema.json": schemaOf(imagesFileFormat),
    "files.schema.json": schemaOf(filesFormat),
    "withdrawn.schema.json": schemaOf(withdrawnFormat),
  };
}

function schemaOf(format: z.ZodType): Record<string, unknown> {
  // "output": the formats read every scalar as text, but an editor sees numbers and booleans.
  const { $schema, ...schema } = z.toJSONSchema(format, { target: "draft-7", io: "output" });
  return { $schema, ...schema };
}
