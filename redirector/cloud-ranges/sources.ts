import { z } from "zod";
import { type Prefix, readPrefix } from "./prefix.ts";

/** Parsers of the clouds' published address ranges. Each parses one document and throws if it is invalid. */

const aws = z.object({
  prefixes: z.array(z.object({ ip_prefix: z.string(), region: z.string().min(1) })),
  ipv6_prefixes: z.array(z.object({ ipv6_prefix: z.string(), region: z.string().min(1) })),
});

/** Amazon's `ip-ranges.json` (docs: "AWS IP address ranges"): of all services, because pods and machines use them all. */
export function readAws(text: string): Prefix[] {
  const { prefixes, ipv6_prefixes } = parse("Amazon's ip-ranges.json", aws, text);
  return [
    ...prefixes.map((each) => readPrefix("aws", each.region, each.ip_prefix)),
    ...ipv6_prefixes.map((each) => readPrefix("aws", each.region, each.ipv6_prefix)),
  ];
}

const gcp = z.object({
  prefixes: z.array(
    z.object({ ipv4Prefix: z.string().optional(), ipv6Prefix: z.string().optional(), scope: z.string().min(1) }),
  ),
});

/** Google's `cloud.json`: addresses of customers' resources. */
export function readGcp(text: string): Prefix[] {
  return parse("Google's cloud.json", gcp, text).prefixes.map((each) => {
    const cidr = each.ipv4Prefix ?? each.ipv6Prefix;
    if (cidr === undefined)
      throw new Error(`Google's cloud.json: an entry of ${each.scope} has neither ipv4Prefix nor ipv6Prefix`);
    return readPrefix("gcp", each.scope, cidr);
  });
}

const serviceTags = z.object({
  values: z.array(z.object({ name: z.string(), properties: z.object({ addressPrefixes: z.array(z.string()) }) })),
});
const byRegion = z.record(z.string().min(1), z.array(z.string()));

/**
 * Microsoft's `ServiceTags_Public_<date>.json`, of which the tags `AzureCloud.<region>` hold a region's addresses; or the same
 * reduced to `{region: [prefix]}`.
 */
export function readAzure(text: string): Prefix[] {
  const what = "Microsoft's service tags";
  const whole = parse(what, z.union([serviceTags, byRegion]), text);
  const regions = isServiceTags(whole)
    ? whole.values
        .filter((tag) => tag.name.startsWith("AzureCloud."))
        .map((tag) => [tag.name.slice("AzureCloud.".length), tag.properties.addressPrefixes] as const)
    : Object.entries(whole);
  return regions.flatMap(([region, prefixes]) => prefixes.map((prefix) => readPrefix("azure", region, prefix)));
}

function isServiceTags(
  value: z.infer<typeof serviceTags> | z.infer<typeof byRegion>,
): value is z.infer<typeof serviceTags> {
  return "values" in value && value.values.some((each) => typeof each === "object");
}

function parse<Schema extends z.ZodType>(what: string, schema: Schema, text: string): z.output<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${what} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new Error(`${what} is not as expected at ${issue.path.join(".") || "its top"}: ${issue.message}`);
}
