//! Which secrets of a profile belong to what an option puts something else in the place of.

use super::args::ConnectArgs;
use crate::profile::need::Need;

/// A secret that goes, and the keys of the file that say where it comes from, or what it was for.
type Replaced = (Need, &'static [&'static str]);

/// Returns what must not go along with the options: a password would reach another proxy, a key another certificate.
pub(super) fn replaced(args: &ConnectArgs) -> Vec<Replaced> {
    let ConnectArgs { password, tls, authentication, way, .. } = args;
    let one: [(bool, Replaced); 4] = [
        (password.password_env.is_some() || password.password_file.is_some(), (Need::Password, &["password"])),
        (tls.cert.is_some(), (Need::Passphrase, &["tls.key_file", "tls.key_password"])),
        (authentication.auth_method.is_some(), (Need::Authentication, &["connect.authentication.data"])),
        (way.proxy.is_some(), (Need::ProxyPassword, &["proxy.password"])),
    ];
    // In the file, the headers that are given take the place of all others as it is.
    let headers = way.ws_header.iter().map(|(name, _)| (Need::Header(name.clone()), &[][..]));
    one.into_iter().filter_map(|(is_given, replaced)| is_given.then_some(replaced)).chain(headers).collect()
}
