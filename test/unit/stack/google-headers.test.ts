import assert from "node:assert/strict";
import { type AuthClient, JWT, UserRefreshClient } from "google-auth-library";
import { it } from "mocha";
import { googleHeaders } from "../../../components/stack/google-headers.ts";

const scope = "https://www.googleapis.com/auth/monitoring.read";

/** A login with a token that is good for a while. */
function withToken<Login extends AuthClient>(login: Login): Login {
  login.setCredentials({ access_token: "t0ken", expiry_date: Date.now() + 3_600_000 });
  return login;
}

it("a person's call is counted in the project, or Google refuses it", async () => {
  assert.deepEqual(await googleHeaders("acme-artifacts", scope, withToken(new UserRefreshClient())), {
    authorization: "Bearer t0ken",
    "x-goog-user-project": "acme-artifacts",
  });
});

it("a service account's call names no project: that takes a right of its own", async () => {
  assert.deepEqual(await googleHeaders("acme-artifacts", scope, withToken(new JWT())), {
    authorization: "Bearer t0ken",
  });
});
