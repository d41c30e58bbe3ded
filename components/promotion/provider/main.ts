/** The provider plugin of promotion: the process that the engine starts. */
import { serveProvider } from "../../plugin/protocol.ts";
import { traceTo } from "../http/trace.ts";
import { byType } from "./by-type.ts";
import { canaryProvider, probedCanaryType } from "./canary-provider.ts";
import { catalogueEntryType, catalogueProvider } from "./catalogue-provider.ts";
import { certificateProvider, issuedCertificateType } from "./certificate-provider.ts";
import { promotionProvider } from "./provider.ts";

serveProvider((log) => {
  // One line for each request: under `pulumi up --debug` as debug messages; with ARTIFACTS_TRACE=1 to standard error, which is always shown.
  if (log.debug !== undefined && process.env["ARTIFACTS_TRACE"] !== "1") traceTo(log.debug);
  const catalogue = catalogueProvider(log);
  return byType(promotionProvider(log, catalogue), {
    [catalogueEntryType]: catalogue,
    [issuedCertificateType]: certificateProvider(log),
    [probedCanaryType]: canaryProvider(log),
  });
});
