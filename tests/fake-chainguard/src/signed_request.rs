//! The request that a role has signed and that stands for a token, checked as Chainguard and then STS would check it
//! (FACTS §4.4, way B).

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use sha2::{Digest as _, Sha256};

use crate::{aws::AwsRole, fake::Inner, status::Status, time::after, uidp::hex};

const HOST: &str = "sts.amazonaws.com";
const REQUEST_LINE: &str = "POST /?Action=GetCallerIdentity&Version=2011-06-15 HTTP/1.1";
const CANONICAL_START: &str = "POST\n/\nAction=GetCallerIdentity&Version=2011-06-15\n";
const MUST_BE_SIGNED: [&str; 4] = ["host", "x-amz-date", "chainguard-audience", "chainguard-identity"];
const OLDEST: Duration = Duration::from_mins(15);
const FURTHEST_AHEAD: Duration = Duration::from_mins(5);

/// The role that signed `token` to be `identity`.
pub(crate) fn verify<'a>(fake: &'a Inner, token: &str, identity: &str, now: Timestamp) -> Result<&'a AwsRole, Status> {
    let refused = |why: &str| Status::unauthenticated(format!("the AWS token {why}"));
    let request = Request::parse(token).ok_or_else(|| refused("has an invalid encoding"))?;
    if request.header("host") != Some(HOST) {
        return Err(refused("is for another host"));
    }
    if !request.header("chainguard-audience").is_some_and(|audience| fake.is_issuer(audience)) {
        return Err(refused("is for somebody else"));
    }
    if request.header("chainguard-identity") != Some(identity) {
        return Err(refused("is of another identity"));
    }
    let date = request.header("x-amz-date").and_then(instant).ok_or_else(|| refused("has no date"))?;
    if after(date, OLDEST) < now || after(now, FURTHEST_AHEAD) < date {
        return Err(refused("is expired"));
    }
    // STS would answer XML, which the verifier does not read.
    if request.header("accept") != Some("application/json") {
        return Err(refused("asks for another answer than JSON"));
    }
    let authorization = request.header("authorization").and_then(Authorization::parse);
    let authorization = authorization.ok_or_else(|| refused("is not signed"))?;
    if MUST_BE_SIGNED.iter().any(|name| !authorization.signed_headers.contains(name)) {
        return Err(refused("leaves a header unsigned"));
    }
    let role = fake.options.aws.as_ref().filter(|role| {
        role.access_key_id == authorization.access_key_id && role.session_token.as_deref() == request.session_token()
    });
    let role = role.ok_or_else(|| refused("is of keys that AWS does not know"))?;
    if request.signature(&authorization, &role.secret_access_key).as_deref() == Some(authorization.signature) {
        Ok(role)
    } else {
        Err(refused("was rejected by STS"))
    }
}

/// A serialised request.
struct Request {
    /// Names in lower case, each once.
    headers: Vec<(String, String)>,
}

impl Request {
    /// From the padded base64 of URLs. No other request than the one, no header twice, no body.
    fn parse(token: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE.decode(token).ok()?).ok()?;
        let mut lines = text.strip_suffix("\r\n\r\n")?.split("\r\n");
        if lines.next()? != REQUEST_LINE {
            return None;
        }
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let name = name.to_ascii_lowercase();
            if headers.iter().any(|(other, _)| *other == name) {
                return None;
            }
            headers.push((name, value.trim().to_owned()));
        }
        Some(Self { headers })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    fn session_token(&self) -> Option<&str> {
        self.header("x-amz-security-token")
    }

    /// The signature that the request should have: AWS's Signature Version 4.
    fn signature(&self, authorization: &Authorization<'_>, secret_access_key: &str) -> Option<String> {
        let mut canonical = CANONICAL_START.to_owned();
        for name in &authorization.signed_headers {
            for part in [name, ":", self.header(name)?, "\n"] {
                canonical.push_str(part);
            }
        }
        for part in ["\n", &authorization.signed_headers.join(";"), "\n", &hex(&Sha256::digest(b""))] {
            canonical.push_str(part);
        }
        let date = self.header("x-amz-date")?;
        let day = date.get(..8)?;
        let scope = format!("{day}/us-east-1/sts/aws4_request");
        if authorization.scope != scope {
            return None;
        }
        let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let mut key = format!("AWS4{secret_access_key}").into_bytes();
        for part in [day, "us-east-1", "sts", "aws4_request"] {
            key = keyed(&key, part)?;
        }
        keyed(&key, &to_sign).map(|signature| hex(&signature))
    }
}

fn keyed(key: &[u8], text: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

/// `20260901T120000Z`
fn instant(text: &str) -> Option<Timestamp> {
    let datetime = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    TimeZone::UTC.to_timestamp(datetime).ok()
}

/// The header of that name.
struct Authorization<'a> {
    access_key_id: &'a str,
    scope: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix("AWS4-HMAC-SHA256 ")?.split(", ");
        let (access_key_id, scope) = parts.next()?.strip_prefix("Credential=")?.split_once('/')?;
        let signed_headers = parts.next()?.strip_prefix("SignedHeaders=")?.split(';').collect();
        let signature = parts.next()?.strip_prefix("Signature=")?;
        parts.next().is_none().then_some(Self { access_key_id, scope, signed_headers, signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FakeChainguard, Options};

    const IDENTITY: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/6666666666666666";

    /// Somebody else's arithmetic on AWS's example keys: the project's fact sheet has it as a test vector.
    const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260901/us-east-1/sts/aws4_request, SignedHeaders=accept;chainguard-audience;chainguard-identity;host;x-amz-date, Signature=5b29b80f1a5fa1679963ab50620c7d85600d9f1760ab8f522cba98f6f8ad151c";

    fn request() -> String {
        [
            REQUEST_LINE,
            "Host: sts.amazonaws.com",
            "Accept: application/json",
            &format!("Authorization: {AUTHORIZATION}"),
            "Chainguard-Audience: https://issuer.enforce.dev",
            &format!("Chainguard-Identity: {IDENTITY}"),
            "X-Amz-Date: 20260901T120000Z",
            "\r\n",
        ]
        .join("\r\n")
    }

    /// Why a request is refused, or whom it is of.
    fn verdict(request: &str, now: &str) -> String {
        let role = AwsRole {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
            ..AwsRole::example()
        };
        let fake = FakeChainguard::new(Options { aws: Some(role), ..Options::default() });
        match verify(fake.inner(), &URL_SAFE.encode(request), IDENTITY, now.parse().unwrap()) {
            Ok(role) => role.user_id(),
            Err(status) => status.message().trim_start_matches("the AWS token ").to_owned(),
        }
    }

    #[test]
    fn a_signed_request_is_good_for_a_quarter_of_an_hour_and_five_minutes_early() {
        for (now, expected) in [
            ("2026-09-01T12:00:00Z", "AROAFAKECHAINGUARD00:broker-fn"),
            ("2026-09-01T12:15:00Z", "AROAFAKECHAINGUARD00:broker-fn"),
            ("2026-09-01T11:55:00Z", "AROAFAKECHAINGUARD00:broker-fn"),
            ("2026-09-01T12:15:01Z", "is expired"),
            ("2026-09-01T11:54:59Z", "is expired"),
        ] {
            assert_eq!(verdict(&request(), now), expected, "{now}");
        }
    }

    #[test]
    fn a_request_that_differs_in_anything_is_refused() {
        let audience = "Chainguard-Audience: https://issuer.enforce.dev";
        for (from, to, expected) in [
            ("POST", "GET", "has an invalid encoding"),
            ("HTTP/1.1", "HTTP/2", "has an invalid encoding"),
            ("\r\n\r\n", "\r\n\r\nbody", "has an invalid encoding"),
            ("Accept: ", "Host: sts.amazonaws.com\r\nAccept: ", "has an invalid encoding"),
            ("Host: sts.amazonaws.com", "Host: sts.eu-west-1.amazonaws.com", "is for another host"),
            (audience, "Chainguard-Audience: https://console-api.enforce.dev", "is for somebody else"),
            (audience, "X-Nothing: nothing", "is for somebody else"),
            ("/6666666666666666", "/7777777777777777", "is of another identity"),
            ("X-Amz-Date: 20260901T120000Z", "X-Amz-Date: today", "has no date"),
            ("Accept: application/json", "Accept: text/xml", "asks for another answer than JSON"),
            ("AWS4-HMAC-SHA256 Credential", "Bearer Credential", "is not signed"),
            (";chainguard-identity;", ";", "leaves a header unsigned"),
            ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7ANOTHER", "is of keys that AWS does not know"),
            ("X-Amz-Date:", "X-Amz-Security-Token: x\r\nX-Amz-Date:", "is of keys that AWS does not know"),
            ("X-Amz-Date: 20260901T120000Z", "X-Amz-Date: 20260901T120001Z", "was rejected by STS"),
            ("/us-east-1/", "/eu-west-1/", "was rejected by STS"),
            ("Signature=5b29", "Signature=5b28", "was rejected by STS"),
        ] {
            let changed = request().replacen(from, to, 1);
            assert_ne!(changed, request());
            assert_eq!(verdict(&changed, "2026-09-01T12:00:00Z"), expected, "{from} -> {to}");
        }
    }
}
