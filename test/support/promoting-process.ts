/** Promotes images as a process of its own, which a test can kill and whose clock can differ. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { flushCompileCache } from "node:module";
import { text } from "node:stream/consumers";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import type { ImagesRequest, Outcome, Previous } from "../../components/promotion/run/request.ts";
import { afterFile } from "./cleanup.ts";

/** What such a process does. */
export interface PromotionOrder {
  readonly request: ImagesRequest;
  readonly previous?: Previous<ImagesRequest> | undefined;
  /** Milliseconds that its clock is ahead. */
  readonly clockAhead?: number;
}

/** Starts the process. `ended` is its outcome; undefined if it was killed. */
export function startPromotion(order: PromotionOrder): {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome | undefined>;
} {
  flushCompileCache(); // what this process has compiled, it need not: one that is killed keeps nothing for the next
  const child = spawn(process.execPath, [import.meta.filename], { stdio: ["pipe", "pipe", "inherit"] });
  afterFile(() => child.kill("SIGKILL"));
  child.stdin.end(JSON.stringify(order));
  const output = text(child.stdout);
  const ended = once(child, "close").then(async ([, signal]): Promise<Outcome | undefined> => {
    return signal === null ? (JSON.parse(await output) as Outcome) : undefined;
  });
  return { child, ended };
}

if (import.meta.main) {
  const { request, previous, clockAhead = 0 } = JSON.parse(await text(process.stdin)) as PromotionOrder;
  if (clockAhead !== 0) setClockAhead(clockAhead);
  const promotion = imagePromotion();
  const context = { signal: new AbortController().signal, report: () => {} };
  const outcome = await promotion.promote(request, previous, context);
  await promotion.close();
  process.stdout.write(JSON.stringify(outcome));
}

function setClockAhead(milliseconds: number): void {
  const RealDate = Date;
  const now = () => RealDate.now() + milliseconds;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
  });
}
