/** What takes time in the clouds, by kind: the issue of a certificate, a grant until it holds, and a zone's chain of trust. */
export interface DelaySettings {
  /** How often Certificate Manager says PROVISIONING of a new certificate. */
  readonly certificate?: number;
  /** How often a data plane refuses what a new grant allows. */
  readonly grant?: number;
  /** How often Cloudflare says pending of a zone's signatures after its DS record was entered at the registrar. */
  readonly dnssec?: number;
}

/** States that take time, by the count of questions rather than by a clock: a rehearsal is as fast as its program asks. */
export class Delays {
  #settings: DelaySettings;
  readonly #left = new Map<string, number>();

  constructor(settings: DelaySettings = {}) {
    this.#settings = settings;
  }

  /** Settings for what is made from now on. */
  set(settings: DelaySettings): void {
    this.#settings = settings;
  }

  /** Something was made. */
  begin(kind: keyof DelaySettings, id: string): void {
    const count = this.#settings[kind] ?? 0;
    if (count > 0) this.#left.set(`${kind} ${id}`, count);
  }

  /** Whether it holds by now. */
  holds(kind: keyof DelaySettings, id: string): boolean {
    return !this.#left.has(`${kind} ${id}`);
  }

  /** Somebody has asked for it: time passes. @returns whether it held when they asked. */
  asked(kind: keyof DelaySettings, id: string): boolean {
    const key = `${kind} ${id}`;
    const left = this.#left.get(key);
    if (left === undefined) return true;
    if (left > 1) this.#left.set(key, left - 1);
    else this.#left.delete(key);
    return false;
  }
}
