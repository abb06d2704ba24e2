//! What a TARGET means: the profile of a name, or a URL.

use super::{Profile, Profiles, problem};
use crate::{base::text, wire::endpoint::Url};

/// Finds the profile that TARGET names, or makes one of a URL.
///
/// # Errors
///
/// Returns a sentence: what is wrong with the URL or the profile, or which names are near.
pub fn target(target: &str, profiles: &Profiles) -> Result<Profile, String> {
    if Url::is_url(target) {
        return Url::parse(target).map(Profile::ad_hoc);
    }
    let Some(entry) = profiles.find(target) else { return Err(unknown(target, profiles)) };
    entry.profile.clone().ok_or_else(|| {
        let reasons: Vec<String> = profiles.problems_of(target).map(ToString::to_string).collect();
        format!("the profile `{target}` cannot be used: {}", reasons.join("; "))
    })
}

fn unknown(target: &str, profiles: &Profiles) -> String {
    let mut sentence = format!("there is no profile `{}`", text::line(target, 60));
    // What has a port, a dot or a well-known name is a host whose scheme was left out.
    let is_host = !target.is_empty() && !target.contains(['/', '@', ' ']) && (target.contains([':', '.']) || target == "localhost");
    if let Some(near) = problem::nearest(target, profiles.entries().iter().map(|entry| entry.name.as_str())) {
        sentence.push_str(&format!("; did you mean `{near}`?"));
    } else if is_host && Url::parse(&format!("mqtt://{target}")).is_ok() {
        sentence.push_str(&format!("; a URL has a scheme: mqtt://{}", text::line(target, 60)));
    } else if profiles.entries().is_empty() {
        sentence.push_str(&format!(", and none is saved in {}", text::safe(&profiles.path().to_string_lossy())));
        sentence.push_str("; give a URL such as mqtt://localhost, or save one with `mqtap profiles add NAME URL`");
    } else {
        let names: Vec<&str> = profiles.entries().iter().take(10).map(|entry| entry.name.as_str()).collect();
        sentence.push_str(&format!("; there is {}", names.join(", ")));
        if profiles.entries().len() > names.len() {
            sentence.push_str(" and more");
        }
    }
    // The file may hold the profile that is missed behind what could not be read.
    if let Some(problem) = profiles.problems().iter().find(|problem| problem.path.is_empty()) {
        sentence.push_str(&format!(" ({problem})"));
    }
    sentence
}
