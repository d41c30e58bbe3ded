/** The settings that every stack must have, of an organisation `org`; its regions are for each test to add. */
export const orgSettings = {
  "artifacts:organization": "org",
  "artifacts:repository": "example/artifacts",
  "artifacts:repositoryId": "123456789",
  "artifacts:githubOwners": { example: "1234567" },
  "artifacts:domain": "example.org",
  "artifacts:projectNumber": "415926535897",
  "artifacts:zoneId": "0123456789abcdef0123456789abcdef",
};
