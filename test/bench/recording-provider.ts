/**
 * The provider of promotion that copies nothing: what it is asked to make it records as done, so that a state of production's size can be
 * had without the 12,400 images. Checks and ids are the real provider's, and what it records is what a complete run records, so that the
 * real one finds nothing to do afterwards (`test/bench/preview.ts` makes sure of that).
 */
import { createHash } from "node:crypto";
import { type ResourceProvider, serveProvider } from "../../components/plugin/protocol.ts";
import { byType } from "../../components/promotion/provider/by-type.ts";
import { canaryProvider, probedCanaryType } from "../../components/promotion/provider/canary-provider.ts";
import { catalogueEntryType, catalogueProvider } from "../../components/promotion/provider/catalogue-provider.ts";
import {
  certificateProvider,
  issuedCertificateType,
} from "../../components/promotion/provider/certificate-provider.ts";
import { promotionProvider } from "../../components/promotion/provider/provider.ts";

serveProvider((log) => {
  const promotions = recording(promotionProvider(log), ({ inputs }) => ({
    id: `${inputs["project"]}:${inputs["prefix"]}`,
    outputs: {},
  }));
  const entries = recording(catalogueProvider(log), ({ inputs }) => ({
    id: String(inputs["project"]),
    outputs: { document: createHash("sha256").update(JSON.stringify(inputs)).digest("hex") },
  }));
  const certificates = recording(certificateProvider(log), ({ inputs }) => ({
    id: String(inputs["certificate"]),
    outputs: {},
  }));
  const canaries = recording(canaryProvider(log), () => ({ id: "canary", outputs: {} }));
  return byType(promotions, {
    [catalogueEntryType]: entries,
    [issuedCertificateType]: certificates,
    [probedCanaryType]: canaries,
  });
});

type Create = ResourceProvider["create"];

function recording(provider: ResourceProvider, record: (call: Parameters<Create>[0]) => Awaited<ReturnType<Create>>) {
  return {
    ...provider,
    create: async (call: Parameters<Create>[0]) => record(call),
    update: () => Promise.reject(new Error("only first runs are recorded")),
  };
}
