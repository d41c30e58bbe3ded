/** Files of checksums, as sha256sum and goreleaser write them. */

const fileNames = /^(?:SHA256SUMS?|sha256sums?|checksums)(?:\.txt)?$|_(?:SHA256SUMS|checksums)(?:\.txt)?$/;

/** Whether a file of that name, without its folder, lists checksums. */
export function listsChecksums(name: string): boolean {
  return fileNames.test(name);
}

/**
 * The checksums of a text: hex digests by path. Lines `<hex>  name`, `<hex> *name`, `SHA256 (name) = <hex>`; others are left out.
 * @param folder of the file that holds the text; paths are relative to it.
 */
export function readChecksums(text: string, folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [, hex, name] = /^([0-9a-f]{64}) [ *](?:\.\/)?(\S.*)$/i.exec(line) ?? [];
    const [, bsdName, bsdHex] = /^SHA256 \((?:\.\/)?(.+)\) = ([0-9a-f]{64})$/i.exec(line) ?? [];
    const digest = hex ?? bsdHex;
    const path = name ?? bsdName;
    if (digest !== undefined && path !== undefined) found.set(`${folder}${path}`, digest.toLowerCase());
  }
  return found;
}
