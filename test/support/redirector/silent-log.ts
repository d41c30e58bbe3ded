import type { Log } from "../../../redirector/telemetry/log.ts";

/** A log that nobody reads. */
export const silentLog: Log = { entry: () => undefined, dropped: 0, flush: () => Promise.resolve() };
