//! Addresses as they are given on the command line.

use url::{Host, Url};

/// An address that a token is sent to: https, except on this machine.
pub(super) fn api(text: &str) -> Result<Url, String> {
    let url = plain(text)?;
    if url.scheme() == "https" || url.scheme() == "http" && is_this_machine(&url) {
        Ok(url)
    } else {
        Err("it has to start with https://, since a token is sent there".to_owned())
    }
}

/// An address that events are posted to.
pub(super) fn sink(text: &str) -> Result<Url, String> {
    let url = plain(text)?;
    if url.scheme() == "https" {
        Ok(url)
    } else {
        Err("it has to start with https://, since each delivery brings a token".to_owned())
    }
}

/// An address that names nothing but a place.
fn plain(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("it is no address: {error}"))?;
    if !url.has_host() {
        Err("it names no host".to_owned())
    } else if !url.username().is_empty() || url.password().is_some() {
        Err("leave out user and password: they would be listed with it".to_owned())
    } else if url.fragment().is_some() {
        Err("leave out what follows the `#`: it is never sent".to_owned())
    } else {
        Ok(url)
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_out_over_tls_or_not_at_all() {
        for good in ["https://console-api.enforce.dev", "http://127.0.0.1:8000", "http://[::1]:1", "http://localhost/"]
        {
            assert!(api(good).is_ok(), "{good}");
        }
        for bad in ["http://console-api.enforce.dev", "http://localhost.evil.example", "ftp://127.0.0.1", "127.0.0.1"] {
            assert!(api(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn events_go_to_a_plain_address_over_tls() {
        assert!(sink("https://api.acme.example/chainguard/events").is_ok());
        for bad in [
            "http://api.acme.example/chainguard/events",
            "http://127.0.0.1/chainguard/events",
            "api.acme.example",
            "https://user:hush@api.acme.example/",
            "https://api.acme.example/#events",
            "mailto:dana@acme.example",
            "",
        ] {
            let error = sink(bad).unwrap_err();
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
