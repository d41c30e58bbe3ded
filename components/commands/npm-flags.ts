/** Options that npm took for itself: `npm run adopt --preview-only` runs `adopt` without it, and sets npm_config_preview_only. */
import { readFileSync } from "node:fs";

/**
 * npm's own settings, as `npm config ls --long` of 11.19 names them, and what npm adds to the environment of scripts. Such a name may come
 * from an .npmrc, and says nothing unless the command has an option of that name.
 */
const npmSettings = new Set(
  `_auth access all allow_same_version allow_directory allow_file allow_git allow_remote allow_scripts also audit audit_level auth_type before
bin_links browser bypass_2fa ca cache cache_max cache_min cafile call cert cidr color commit_hooks cpu dangerously_allow_all_scripts depth
description dev diff diff_ignore_all_space diff_name_only diff_no_prefix diff_dst_prefix diff_src_prefix diff_text diff_unified dry_run editor
email engine_strict expect_result_count expect_results expires fetch_retries fetch_retry_factor fetch_retry_maxtimeout fetch_retry_mintimeout
fetch_timeout force foreground_scripts format_package_lock fund git git_tag_version global globalconfig global_prefix global_style heading
https_proxy if_present ignore_scripts include include_attestations include_staged include_workspace_root init_author_email init_author_name
init_author_url init_license init_module init_private init_type init_version install_links install_strategy json key legacy_bundling
legacy_peer_deps libc link local_address local_prefix location lockfile_version loglevel logs_dir logs_max long maxsockets message
metrics_registry min_release_age min_release_age_exclude name node_gyp node_options nodedir noproxy npm_version offline omit
omit_lockfile_registry_resolved only optional orgs orgs_permission os otp pack_destination package package_lock package_lock_only packages
packages_all packages_and_scopes_permission parseable allow_scripts_pending allow_scripts_pin password prefer_dedupe prefer_offline
prefer_online prefix preid production progress provenance provenance_file proxy python read_only rebuild_bundle registry
replace_registry_host save save_bundle save_dev save_exact save_optional save_peer save_prefix save_prod sbom_format sbom_type scope scopes
script_shell searchexclude searchlimit searchopts searchstaleness shell shrinkwrap sign_git_commit sign_git_tag sso_poll_frequency sso_type
strict_allow_scripts strict_peer_deps strict_ssl tag tag_version_prefix timing tmp token_description umask unicode update_notifier usage
user_agent userconfig version versions viewer which workspace workspaces workspaces_update yes`.split(/\s+/),
);

/**
 * The options that npm took for itself of a command that it runs, as they were written (`--dry-run`): those that the command knows, and those
 * that are no setting of npm's either. Pure but for the files that `settingsOf` reads.
 * @param env the process's environment.
 * @param options the long names of the command's options, without dashes.
 * @param settingsOf reads the names in an .npmrc; these are settings of the machine.
 */
export function flagsTakenByNpm(
  env: NodeJS.ProcessEnv,
  options: readonly string[],
  settingsOf: (file: string | undefined) => readonly string[] = namesInNpmrc,
): string[] {
  if (env["npm_command"] === undefined || env["npm_command"] === "exec") return [];
  const own = new Set(options.map((name) => name.replaceAll("-", "_")));
  const taken = Object.entries(env)
    .filter(([name, value]) => name.startsWith("npm_config_") && value !== "" && value !== undefined)
    .map(([name]) => name.slice("npm_config_".length))
    .filter((name) => own.has(name) || !(npmSettings.has(name) || /^(_|@|\/\/)/.test(name)));
  if (taken.length === 0) return [];
  const files = ["npm_config_userconfig", "npm_config_globalconfig"].map((name) => env[name]);
  const folder = env["npm_config_local_prefix"];
  const settled = new Set([...files, folder && `${folder}/.npmrc`].flatMap((file) => settingsOf(file)));
  return taken.filter((name) => !settled.has(name)).map((name) => `--${name.replaceAll("_", "-")}`);
}

function namesInNpmrc(file: string | undefined): string[] {
  try {
    const text = file === undefined ? "" : readFileSync(file, "utf8");
    return [...text.matchAll(/^\s*([\w.-]+)(?:\[\])?\s*=/gm)].map((match) => match[1]!.replaceAll("-", "_"));
  } catch {
    return []; // no such file: npm names it all the same
  }
}
