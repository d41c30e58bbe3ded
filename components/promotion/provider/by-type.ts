import type { ResourceProvider } from "../../plugin/protocol.ts";

/** Combines several providers into one: each of `others` has its own resource types, `main` has all remaining ones. */
export function byType(main: ResourceProvider, others: Readonly<Record<string, ResourceProvider>>): ResourceProvider {
  const all = [main, ...Object.values(others)];
  const of = (type: string): ResourceProvider => others[type] ?? main;
  return {
    name: main.name,
    version: main.version,
    async configure(config) {
      for (const provider of all) await provider.configure?.(config);
    },
    check: async (call) => (await of(call.type).check?.(call)) ?? { inputs: call.news },
    diff: async (call) => (await of(call.type).diff?.(call)) ?? { changed: [] },
    create: (call) => of(call.type).create(call),
    update: (call) => of(call.type).update(call),
    read: (call) => of(call.type).read(call),
    delete: (call) => of(call.type).delete(call),
    cancel() {
      for (const provider of all) provider.cancel?.();
    },
  };
}
