import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sdkVersion } from "./schema.ts";

/** The providers that are emulated. */
export const emulatedProviders = ["gcp", "aws", "cloudflare"] as const;

/**
 * Puts the emulated providers where the engine looks for plugins, as the versions that the SDKs ask for. Cheap: writes one line per
 * provider, so every start may call it.
 * @param pulumiHome the rehearsal's own `PULUMI_HOME`: the user's plugins must not be shadowed.
 */
export function installProviders(pulumiHome: string): void {
  const here = dirname(fileURLToPath(import.meta.url));
  for (const name of emulatedProviders) {
    const folder = join(pulumiHome, "plugins", `resource-${name}-v${sdkVersion(name)}`);
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `pulumi-resource-${name}`);
    // This Node, not the machine's: it runs TypeScript.
    writeFileSync(file, `#!/bin/sh\nexec ${quoted(process.execPath)} ${quoted(join(here, `${name}.ts`))} "$@"\n`);
    chmodSync(file, 0o755);
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
