import type { SigningSettings } from "./signing-settings.ts";
import { openSigner, type StatementSigner } from "./statement-signer.ts";

/** Opens each signer once, for as many projects as sign with it. A failure is not kept: the next one asks again. */
export function openedOnce(): (settings: SigningSettings) => Promise<StatementSigner> {
  const opened = new Map<string, Promise<StatementSigner>>();
  return (settings) => {
    const { by, key, fulcio, rekor, timestamps, identity, issuer } = settings;
    const name = JSON.stringify([by, key, fulcio, rekor, timestamps, identity, issuer]);
    const known = opened.get(name) ?? openSigner(settings);
    opened.set(name, known);
    known.catch(() => opened.delete(name));
    return known;
  };
}
