import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** The version of the SDK package `@pulumi/<name>`, which is also that of the plugin, or of the engine, that it requires. */
export function sdkVersion(name: string): string {
  const manifest = require(`@pulumi/${name}/package.json`) as { version: string; pulumi?: { version?: string } };
  return manifest.pulumi?.version ?? manifest.version;
}
