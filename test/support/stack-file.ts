/** The file of a stack that has what it must have and nothing else. Lines that are added at its end belong to `config`. */
export const stackFile = `config:
  artifacts:organization: org
  artifacts:repository: example/artifacts
  artifacts:repositoryId: "123456789"
  artifacts:githubOwners: {example: "1234567"}
  artifacts:domain: example.org
  artifacts:projectNumber: "415926535897"
  artifacts:zoneId: 0123456789abcdef0123456789abcdef
  artifacts:gcpRegions: [us-central1]
  gcp:project: some-project
`;
