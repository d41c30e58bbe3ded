/** The provider plugin of promotion: the process that the engine starts. */
import { serve } from "../../plugin/protocol.ts";
import { traceTo } from "../http/trace.ts";
import { byType } from "./by-type.ts";
import { catalogueEntryType, catalogueProvider } from "./catalogue-provider.ts";
import { promotionProvider } from "./provider.ts";

serve((log) => {
  if (log.debug !== undefined) traceTo(log.debug); // one line a request, under `pulumi up --debug`
  const catalogue = catalogueProvider(log);
  return byType(promotionProvider(log, catalogue), { [catalogueEntryType]: catalogue });
});
