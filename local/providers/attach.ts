/** The emulated providers in this process. The engine attaches to them: without, each of its runs starts three processes. */
import { type AttachableProvider, serveAttachable } from "../../components/plugin/protocol.ts";
import { emulations } from "./emulations.ts";
import { emulatedProvider } from "./provider.ts";

/** The emulated providers, while they are served. */
export interface AttachableProviders {
  /** The engine's environment variable PULUMI_DEBUG_PROVIDERS: where it finds them. */
  readonly addresses: string;
  close(): void;
}

/** @param control URL of the emulated cloud's control API. */
export async function serveProviders(control: string): Promise<AttachableProviders> {
  const served: AttachableProvider[] = [];
  const addresses: string[] = [];
  for (const emulation of Object.values(emulations)) {
    const provider = await serveAttachable(() => emulatedProvider(emulation, control));
    served.push(provider);
    addresses.push(`${emulation.name}:${provider.port}`);
  }
  return {
    addresses: addresses.join(","),
    close: () => {
      for (const provider of served) provider.close();
    },
  };
}
