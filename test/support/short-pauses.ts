import { after, before } from "mocha";
import { shortenPauses } from "../../components/promotion/http/retry-policy.ts";
import { afterTest } from "./cleanup.ts";

const share = 0.05;

/**
 * Within the suite that calls this, the pauses between attempts (retry-policy.ts) take a twentieth of their time: 10 ms to half a second.
 * Their number and order stay.
 */
export function withShortPauses(): void {
  let restore: () => void;
  before(() => {
    restore = shortenPauses(share);
  });
  after(() => restore());
}

/** In such a suite, until the current test is over: pauses of their true length. */
export function withTruePauses(): void {
  shortenPauses(1);
  afterTest(() => {
    shortenPauses(share);
  });
}
