import { z } from "zod";
import { formats } from "./formats.ts";

/** The folder of the JSON Schemas, relative to the repository's root. */
export const catalogueSchemaFolder = "components/catalogue/schema";

/** The JSON Schemas (2020-12) of the published documents, by file name, for programs that read the catalogue. */
export function catalogueSchemas(): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(formats).map(([name, format]) => {
      // "input": documents of a later version may have more members.
      const { $schema, ...schema } = z.toJSONSchema(format, { target: "draft-2020-12", io: "input" });
      return [`${name}.schema.json`, { $schema, ...schema }];
    }),
  );
}
