/** What `curl https://<host>/` is told: what this is, how to get something, where the lists are. ASCII. */
export function frontText(host: string): string {
  return `${host} serves container images and files, from the mirror near to you.

  docker pull ${host}/<image>:<tag>
  curl -fLO https://${host}/binaries/<path>

What there is:

  https://${host}/                           for people, in a browser
  https://${host}/catalog/index.json         for programs: projects, images, releases
  https://${host}/catalog/all.tsv.gz         a line for each digest and each file
  https://${host}/catalog/platforms.tsv.gz   the digests of the platforms of each

  curl -fsSL https://${host}/catalog/all.tsv.gz | gunzip | grep <name or digest>

Whether the mirrors answer:

  curl https://${host}/status
`;
}
