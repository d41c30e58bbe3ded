/** The part of `npm run bench -- scale` on the catalogue: what a change writes to each mirror beside a project of 337,000 files, and what it wrote before. */
import { measureChanges } from "../support/catalogue-change.ts";
import { k8sSize } from "../support/generate-manifests.ts";
import { startObjectStores } from "../support/object-stores.ts";

/** Bytes to one mirror of a change of one file of a project of k8s.io's, and of a new release of the large project. */
export async function catalogueChange(files = 337_000): Promise<void> {
  const stores = await startObjectStores();
  try {
    const { small, large, documentsOfLarge, partsOfSmall, partsOfLarge, undivided } = await measureChanges(
      stores,
      k8sSize,
      files,
    );
    console.log(`figure: scale.catalogue.change.bytes = ${small} bytes`);
    console.log(`figure: scale.catalogue.change.undivided.bytes = ${small - partsOfSmall + undivided} bytes`);
    console.log(`figure: scale.catalogue.large-change.bytes = ${large} bytes`);
    console.log(`figure: scale.catalogue.large-change.documents.bytes = ${documentsOfLarge} bytes`);
    console.log(`figure: scale.catalogue.large-change.undivided.bytes = ${large - partsOfLarge + undivided} bytes`);
    console.log(`  of lines ${partsOfSmall} and ${partsOfLarge}; undivided ${undivided}`);
  } finally {
    await stores.stop();
  }
}
