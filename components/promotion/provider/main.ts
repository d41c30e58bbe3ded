/** The provider plugin of promotion: the process that the engine starts. */
import { serve } from "../../plugin/protocol.ts";
import { byType } from "./by-type.ts";
import { catalogueEntryType, catalogueProvider } from "./catalogue-provider.ts";
import { promotionProvider } from "./provider.ts";

serve((log) => {
  const catalogue = catalogueProvider(log);
  return byType(promotionProvider(log, catalogue), { [catalogueEntryType]: catalogue });
});
