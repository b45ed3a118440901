//! Who signs tokens, and where their keys are.

use url::{Host, Url};

/// Where an issuer says where its keys are. Source: `OpenID` Connect Discovery 1.0, section 4.
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";

/// Somebody who signs tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Exactly as in the claim `iss`.
    pub name: String,
    /// Where its keys are.
    pub keys_at: KeysAt,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysAt {
    /// There.
    Jwks(Url),
    /// Where the document there says.
    Discovery(Url),
}

impl Issuer {
    /// One whose keys are where its discovery document says. Otherwise a completion of "… is wrong".
    pub fn discovered(name: &str) -> Result<Self, &'static str> {
        secure_url(name)?;
        let discovery = secure_url(&format!("{}{DISCOVERY_PATH}", name.trim_end_matches('/')))?;
        Ok(Self { name: name.to_owned(), keys_at: KeysAt::Discovery(discovery) })
    }
}

/// A URL that keys may come from: https, or on this very machine. Otherwise a completion of "… is wrong".
pub fn secure_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is no URL")?;
    let loopback = match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err("names no host"),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return Err("is not https"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a password");
    }
    if url.fragment().is_some() {
        return Err("has a fragment");
    }
    Ok(url)
}
