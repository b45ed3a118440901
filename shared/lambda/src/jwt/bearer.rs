//! The bearer token in the header `Authorization`.

use super::TokenError;

const SCHEME: &str = "bearer";

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The bearer token in the header's value. Source: RFC 6750, section 2.1.
pub fn bearer_token(value: &str) -> Result<&str, TokenError> {
    let value = value.trim();
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    let token = token.trim_start();
    match (scheme.eq_ignore_ascii_case(SCHEME), token.len()) {
        (_, 0) | (false, _) => Err(TokenError::Missing),
        (true, length) if length > MAX_TOKEN_BYTES => Err(TokenError::TooLong),
        (true, _) => Ok(token),
    }
}
