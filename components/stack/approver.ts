/** Who approves: a GitHub user's login, or a team as `organization/team` (its slug). */
export const approverPattern = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,38})(?:\/[a-z0-9][a-z0-9_-]{0,99})?$/;
