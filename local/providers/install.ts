import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sdkVersion } from "../../components/plugin/sdk-version.ts";

/** The emulated providers. */
const emulatedProviders = ["gcp", "aws", "cloudflare"] as const;

/**
 * Installs the emulated providers in the engine's plugin folder, with the versions that the SDKs require. Writes one short script per
 * provider, so every start can call it.
 * @param pulumiHome the rehearsal's own `PULUMI_HOME`, so that the user's plugins are not shadowed.
 */
export function installProviders(pulumiHome: string): void {
  const here = dirname(fileURLToPath(import.meta.url));
  for (const name of emulatedProviders) {
    const folder = join(pulumiHome, "plugins", `resource-${name}-v${sdkVersion(name)}`);
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `pulumi-resource-${name}`);
    // The Node.js of this process runs TypeScript; the machine's may not.
    writeFileSync(file, `#!/bin/sh\nexec ${quoted(process.execPath)} ${quoted(join(here, `${name}.ts`))} "$@"\n`);
    chmodSync(file, 0o755);
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
