/** The text that `curl https://<host>/` gets: what the host serves, how to pull, where the lists are. ASCII. */
export function frontText(host: string): string {
  return `${host} serves container images and files from the mirror nearest to you.

  docker pull ${host}/<image>:<tag>
  curl -fLO https://${host}/binaries/<path>

Catalogue:

  https://${host}/                           web page, for browsers
  https://${host}/catalog/index.json         projects, images and releases, for programs
  https://${host}/catalog/listing.json       names texts with a line per digest and file

  https://${host}/catalog/recent.atom        what was promoted lately, for feed readers (or recent.json)

  curl -fsSL https://${host}/catalog/listing.json | grep -o 'catalog/listing/[^"]*' | \\
    sed 's,^,https://${host}/,' | xargs curl -fsSL | gunzip | grep <name or digest>

  (catalog/platforms/ in place of catalog/listing/: the digests of each version's platforms)

Health of the mirrors:

  curl https://${host}/status
`;
}
