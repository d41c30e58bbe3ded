/** The provider plugin of promotion: the process that the engine starts. */
import { serve } from "../../plugin-protocol.ts";
import { promotionProvider } from "./provider.ts";

serve(promotionProvider);
