//! What the stand-in for Chainguard knows about this program: the role that it runs as, and who that role is there.

use aws_credential_types::Credentials;
use fake_chainguard::{AwsRole, Entitlement, Identity, Tier, Trust};
use serde_json::json;

/// The one key of this program's role. It opens nothing.
const KEY: &str = "local";

/// What a custom role needs that this program's identity has, and what its documentation says.
const CAPABILITIES: [&str; 5] = ["groups.list", "repo.create", "repo.list", "registry.entitlements.list", "tag.list"];

/// The parts of the identities' ids after the organisation's, one for each kind of secret that has an identity.
const WEB_IDENTITY: &str = "1111111111111111";
const SIGNED_REQUEST: &str = "2222222222222222";
const EXCHANGE: &str = "3333333333333333";

/// The upstream token of the kind `exchange`.
const UPSTREAM_TOKEN: &str = "stand-in";

/// The role that the functions run as here.
pub(crate) fn role() -> AwsRole {
    AwsRole {
        account: "123456789012".to_owned(),
        role: "cgr-request".to_owned(),
        session: "cgr-request".to_owned(),
        access_key_id: KEY.to_owned(),
        secret_access_key: KEY.to_owned(),
        session_token: None,
    }
}

/// What the stand-in's organisation has bought: most of the catalog, so that a refusal can be met too.
pub(crate) fn entitlement() -> Entitlement {
    Entitlement::Catalog { tiers: vec![Tier::Application, Tier::Base, Tier::Fips, Tier::Devtools] }
}

/// Its credentials.
pub(crate) fn credentials() -> Credentials {
    Credentials::new(KEY, KEY, None, None, "local")
}

/// The identities of the organisation with this UIDP, as its administrator would make them: each may do what adding
/// images takes, and nothing else.
pub(crate) fn identities(organization: &str) -> Vec<Identity> {
    let role = role();
    let trusts = [
        (WEB_IDENTITY, Trust::AwsWebIdentity { subject: role.role_arn() }),
        (SIGNED_REQUEST, Trust::AwsSignedRequest { arn: role.assumed_role_arn(), user_id: role.user_id() }),
        (EXCHANGE, Trust::Token(UPSTREAM_TOKEN.to_owned())),
    ];
    let identity = |(part, trusts)| Identity {
        id: format!("{organization}/{part}"),
        trusts,
        capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
    };
    trusts.into_iter().map(identity).collect()
}

/// The secret with the credential for the organisation with this UIDP: the recommended kind, which holds no secret.
pub(crate) fn credential(organization: &str) -> String {
    json!({"kind": "aws-web-identity", "identity": format!("{organization}/{WEB_IDENTITY}")}).to_string()
}
