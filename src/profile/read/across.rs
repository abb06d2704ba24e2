//! What no key of a profile can see alone: settings of transports that no URL has, and those that shut each other out.

use super::{Draft, Position};
use crate::{
    mqtt::check,
    wire::{endpoint::Endpoint, tls::Verify},
};

/// What was found: the path, the place, and the end of a sentence that begins with the path.
pub(super) type Note = (String, Option<Position>, String);

impl Draft {
    /// Checks what goes into CONNECT, by the rules that would keep it from being sent.
    pub(super) fn check_connect(&self, notes: &mut Vec<Note>) {
        let options = self.profile.with_stand_ins();
        let place = |path: &str| self.find(path).and_then(|setting| setting.at);
        if let Err(failure) = check::credentials(&options, options.protocol) {
            let method = self.find("connect.authentication.method");
            let (path, at) = match method {
                Some(method) => ("connect.authentication", method.at),
                None => {
                    ("password", self.settings.iter().find(|setting| setting.path.starts_with("password")).and_then(|it| it.at))
                }
            };
            notes.push((path.into(), at, failure.to_string()));
        }
        // How long one with words in braces becomes is not known here.
        if !options.client_id.contains('{')
            && let Err(failure) = check::client_id(&options.client_id, options.protocol)
        {
            notes.push(("client_id".into(), place("client_id"), failure.to_string()));
        }
    }

    /// Checks the keys that belong to some transports against the URLs.
    pub(super) fn check_transports(&mut self, notes: &mut Vec<Note>) {
        let first = |prefix: &str| self.settings.iter().find(|setting| setting.path.starts_with(prefix)).map(|setting| setting.at);
        let fallbacks = first("fallback_urls").flatten();
        let template = &mut self.profile.template;
        if template.endpoint.is_encrypted() {
            let before = template.fallbacks.len();
            template.fallbacks.retain(|fallback| fallback.is_encrypted() || fallback.is_local());
            if template.fallbacks.len() < before {
                let why = "what is not encrypted is not used, because the url is: who blocks that would see all in the clear";
                notes.push(("fallback_urls".into(), fallbacks, why.into()));
            }
        }
        let template = &self.profile.template;
        if let Some(at) = first("tls.")
            && !template.endpoints().any(Endpoint::is_encrypted)
        {
            let why = "has no effect, because no url is mqtts://, wss:// or quic://: nothing is encrypted or verified";
            notes.push(("tls".into(), at, why.into()));
        }
        let websockets: Vec<_> = template.endpoints().filter(|endpoint| endpoint.transport.is_websocket()).collect();
        if let Some(at) = first("websocket.")
            && websockets.is_empty()
        {
            notes.push(("websocket".into(), at, "has no effect, because no url is ws:// or wss://".into()));
        } else if let Some(at) = first("websocket.path")
            && websockets.iter().all(|endpoint| !endpoint.path.is_empty())
        {
            notes.push(("websocket.path".into(), at, "has no effect, because the url has a path".into()));
        }
        self.check_proxy(notes);
    }

    fn check_proxy(&mut self, notes: &mut Vec<Note>) {
        let template = &self.profile.template;
        let Some(proxy) = &template.proxy else { return };
        let at = |path: &str| self.find(path).map(|setting| setting.at);
        if let Some(at) = at("proxy.password")
            && proxy.username.is_none()
        {
            notes.push(("proxy.password".into(), at, "has no effect, because proxy.url names no user".into()));
        }
        if template.endpoints().any(|endpoint| !endpoint.transport.is_tcp()) {
            let why = "carries TCP only; the profile is not used, because quic:// or unix:// would go past the proxy";
            notes.push(("proxy".into(), at("proxy.url").flatten(), why.into()));
            self.is_blocked = true;
        }
    }

    /// Checks the keys of TLS against each other.
    pub(super) fn check_tls(&self, notes: &mut Vec<Note>) {
        let tls = &self.profile.template.tls;
        if tls.cert_file.is_none()
            && let Some(key) = self.find("tls.key_file").filter(|_| self.find("tls.cert_file").is_none())
        {
            notes.push(("tls.key_file".into(), key.at, "has no effect, because there is no cert_file".into()));
        }
        if tls.verify != Verify::Full
            && let Some(authorities) = self.find("tls.ca_file")
        {
            notes.push(("tls.ca_file".into(), authorities.at, "has no effect, because verify is not \"full\"".into()));
        }
    }
}
