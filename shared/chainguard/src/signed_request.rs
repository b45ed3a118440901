//! A request to AWS that is never sent to AWS: signed by the role, it is handed to Chainguard as a token, and Chainguard
//! sends it to learn who signed it (FACTS §4.4, way B).

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use domain::ports::AwsCredentials;
use domain::time::Timestamp;

use crate::credential::Secret;
use crate::uidp::Uidp;

/// The verifier refuses every other host, regional ones too, and so every other region.
const HOST: &str = "sts.amazonaws.com";
const REGION: &str = "us-east-1";
const TARGET: &str = "/?Action=GetCallerIdentity&Version=2011-06-15";

/// The request could not be signed; the reason is left out, for it may quote what was to be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request that proves the AWS role could not be signed")]
pub(crate) struct SigningError;

/// The token: a `GetCallerIdentity` for `identity` and `audience`, signed at `now`, in the base64 of URLs with padding.
///
/// It is laid out as Chainguard's own SDK does it, the unsigned lines included: the verifier is known to read that.
pub(crate) fn signed_request(
    credentials: AwsCredentials,
    audience: &str,
    identity: &Uidp,
    now: Timestamp,
) -> Result<Secret, SigningError> {
    let signed = signatures(credentials, audience, identity, now)?;
    let mut request = format!("POST {TARGET} HTTP/1.1\r\n");
    let mut line = |name: &str, value: &str| {
        for part in [name, ": ", value, "\r\n"] {
            request.push_str(part);
        }
    };
    line("Host", HOST);
    line("User-Agent", "Go-http-client/1.1");
    line("Content-Length", "0");
    line("Accept", "application/json");
    line("Authorization", &signed.authorization);
    line("Chainguard-Audience", audience);
    line("Chainguard-Identity", identity.as_str());
    line("X-Amz-Date", &signed.date);
    if let Some(token) = &signed.session_token {
        line("X-Amz-Security-Token", token);
    }
    request.push_str("\r\n");
    Secret::new(&URL_SAFE.encode(request)).ok_or(SigningError)
}

struct Signed {
    authorization: String,
    date: String,
    session_token: Option<String>,
}

/// What signing adds to the request.
fn signatures(
    credentials: AwsCredentials,
    audience: &str,
    identity: &Uidp,
    now: Timestamp,
) -> Result<Signed, SigningError> {
    let AwsCredentials { access_key_id, secret_access_key, session_token } = credentials;
    let signer =
        Credentials::new(access_key_id, secret_access_key, session_token, None, "chainguard-aws-identity").into();
    let since_1970 = u64::try_from(now.as_millisecond()).map_err(|_before_1970| SigningError)?;
    let parameters = v4::SigningParams::builder()
        .identity(&signer)
        .region(REGION)
        .name("sts")
        .time(SystemTime::UNIX_EPOCH + Duration::from_millis(since_1970))
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| SigningError)?
        .into();
    let headers =
        [("accept", "application/json"), ("chainguard-audience", audience), ("chainguard-identity", identity.as_str())];
    let url = format!("https://{HOST}{TARGET}");
    let request = SignableRequest::new("POST", url, headers.into_iter(), SignableBody::Bytes(&[]));
    let (instructions, _) =
        sign(request.map_err(|_| SigningError)?, &parameters).map_err(|_| SigningError)?.into_parts();
    let value = |name: &str| {
        instructions.headers().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    Ok(Signed {
        authorization: value("authorization").ok_or(SigningError)?,
        date: value("x-amz-date").ok_or(SigningError)?,
        session_token: value("x-amz-security-token"),
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use jiff::civil::DateTime;
    use jiff::tz::TimeZone;
    use serde_json::Value;

    use super::*;

    const IDENTITY: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/6666666666666666";
    const AUDIENCE: &str = "https://issuer.enforce.dev";

    /// AWS's own example keys, which open nothing.
    fn example(session_token: Option<&str>) -> AwsCredentials {
        AwsCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: session_token.map(ToOwned::to_owned),
        }
    }

    fn serialised(credentials: AwsCredentials) -> String {
        let now: jiff::Timestamp = "2026-09-01T12:00:00Z".parse().unwrap();
        let token = signed_request(credentials, AUDIENCE, &IDENTITY.parse().unwrap(), now.into()).unwrap();
        String::from_utf8(URL_SAFE.decode(token.expose()).unwrap()).unwrap()
    }

    #[test]
    fn the_request_is_laid_out_and_signed_to_the_byte_as_by_chainguards_sdk() {
        for (session_token, signed_headers, signature) in [
            (
                None,
                "accept;chainguard-audience;chainguard-identity;host;x-amz-date",
                "5b29b80f1a5fa1679963ab50620c7d85600d9f1760ab8f522cba98f6f8ad151c",
            ),
            (
                Some("FwoGZXIvYXdzEXAMPLESESSIONTOKEN"),
                "accept;chainguard-audience;chainguard-identity;host;x-amz-date;x-amz-security-token",
                "8d52bdde8c6751f1f7b87df2243691cb0096f7dfd66043ea38117b05fa210df9",
            ),
        ] {
            let mut expected = [
                "POST /?Action=GetCallerIdentity&Version=2011-06-15 HTTP/1.1".to_owned(),
                "Host: sts.amazonaws.com".to_owned(),
                "User-Agent: Go-http-client/1.1".to_owned(),
                "Content-Length: 0".to_owned(),
                "Accept: application/json".to_owned(),
                format!(
                    "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260901/us-east-1/sts/aws4_request, SignedHeaders={signed_headers}, Signature={signature}"
                ),
                format!("Chainguard-Audience: {AUDIENCE}"),
                format!("Chainguard-Identity: {IDENTITY}"),
                "X-Amz-Date: 20260901T120000Z".to_owned(),
            ]
            .join("\r\n");
            expected.extend(session_token.map(|token| format!("\r\nX-Amz-Security-Token: {token}")));
            expected.push_str("\r\n\r\n");
            assert_eq!(serialised(example(session_token)), expected);
        }
    }

    #[test]
    fn the_published_vector_is_reproduced_where_it_lies_beside_the_project() {
        let path =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/chainguard/samples/aws-token-vector.json");
        let Ok(text) = std::fs::read_to_string(path) else { return };
        let vectors: Value = serde_json::from_str(&text).unwrap();
        for name in ["with_session_token", "without_session_token"] {
            let vector = &vectors[name];
            let text = |member: &str| vector[member].as_str().map(ToOwned::to_owned);
            let credentials = AwsCredentials {
                access_key_id: text("access_key_id").unwrap(),
                secret_access_key: text("secret_access_key").unwrap(),
                session_token: text("session_token"),
            };
            let date = DateTime::strptime("%Y%m%dT%H%M%SZ", text("x_amz_date").unwrap()).unwrap();
            let now = TimeZone::UTC.to_timestamp(date).unwrap();
            let identity = text("identity").unwrap().parse().unwrap();
            let token = signed_request(credentials, &text("audience").unwrap(), &identity, now.into()).unwrap();
            assert_eq!(token.expose(), text("token_base64url_padded").unwrap(), "{name}");
        }
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_not_signed() {
        let token = signed_request(
            example(Some("two\r\nlines")),
            AUDIENCE,
            &IDENTITY.parse().unwrap(),
            Timestamp::from_millisecond(0),
        );
        assert_eq!(token.err(), Some(SigningError));
    }
}
