/**
 * Runs inside a redirector before it starts: at SIGUSR2 it collects what nothing refers to, and writes `collected`, how often it did so, and
 * the bytes that are left.
 */

const jsc = "bun:jsc"; // Node's types lack it
const { heapStats } = (await import(jsc)) as { heapStats: () => { readonly heapSize: number } };
let times = 0;
process.on("SIGUSR2", () => {
  Bun.gc(true);
  process.stderr.write(`collected ${++times} ${heapStats().heapSize}\n`);
});

declare const Bun: { gc(force: boolean): void };

export {};
