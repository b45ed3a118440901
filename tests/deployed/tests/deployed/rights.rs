//! That the emulator enforces rights is what makes every other test one of the template's policies.

use aws_config::BehaviorVersion;
use aws_sdk_secretsmanager::config::{Credentials, SharedCredentialsProvider};
use deployed_tests::World;

#[tokio::test]
async fn aws_lets_nobody_in_without_rights() {
    let world = World::closed().await;
    let nobody = Credentials::new("AKIANOBODYATALL00000", "not-a-secret", None, None, "test");
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(world.aws.endpoint_url().unwrap())
        .credentials_provider(SharedCredentialsProvider::new(nobody))
        .load()
        .await;
    let secrets = aws_sdk_secretsmanager::Client::new(&sdk);
    let answer = secrets.get_secret_value().secret_id(&world.deployment.outputs["LinkKeysArn"]).send().await;
    let refused = answer.unwrap_err().raw_response().unwrap().status().as_u16();
    assert!((400..500).contains(&refused), "{refused}");
}
