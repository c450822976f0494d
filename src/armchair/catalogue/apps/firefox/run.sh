#!/bin/sh
# Firefox with a profile of the session's own, so that several run at once, and without pages of its own at the start.
set -u

profile=$ARMCHAIR_DIR/firefox
if [ "${ARMCHAIR_FIELD_KEEP:-false}" = true ]; then
    profile=${XDG_DATA_HOME:-$HOME/.local/share}/armchair/firefox
fi
mkdir -p "$profile" || exit 1

# Read at each start. Nothing is sent to Mozilla and no page comes up by itself; the processor draws, and the cache is in memory,
# as the profile may be on a network's disk.
cat >"$profile/user.js" <<'SETTINGS'
user_pref("app.normandy.enabled", false);
user_pref("app.shield.optoutstudies.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.cache.disk.enable", false);
user_pref("browser.discovery.enabled", false);
user_pref("browser.newtabpage.enabled", false);
user_pref("browser.rights.3.shown", true);
user_pref("browser.sessionstore.resume_from_crash", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage", "about:blank");
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("browser.tabs.crashReporting.sendReport", false);
user_pref("datareporting.healthreport.uploadEnabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("gfx.webrender.software", true);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("startup.homepage_welcome_url", "");
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
user_pref("toolkit.telemetry.unified", false);
user_pref("trailhead.firstrun.didSeeAboutWelcome", true);
SETTINGS

exec firefox-esr --no-remote --new-instance --profile "$profile" ${ARMCHAIR_FIELD_URL:+"$ARMCHAIR_FIELD_URL"}
