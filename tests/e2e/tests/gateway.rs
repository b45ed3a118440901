//! What happens to a call on its way to a function, to the byte.

#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "in a test, whatever is unexpected ends it")]

use e2e::World;
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A link that leads nowhere: its page says so, to whoever asks.
const LINK: &str = "/approval/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f?approver=x";

/// All that comes over the wire in answer to a call without a body: the head, and what follows it.
async fn answer(world: &World, method: &str, path: &str) -> (String, String) {
    let address = world.runtime.base_url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let call = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(call.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_as_get_is_but_without_a_body() {
    let world = World::start().await;
    let (got, page) = answer(&world, "GET", LINK).await;
    let (head, nothing) = answer(&world, "HEAD", LINK).await;
    assert!(page.contains("<html"), "{page}");
    assert_eq!(nothing, "");
    let described = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::to_lowercase);
        lines.filter(|line| !["date:", "content-length:"].iter().any(|name| line.starts_with(name))).collect()
    };
    assert_eq!(described(&head), described(&got));
    assert!(described(&head).iter().any(|line| line.starts_with("content-type: text/html")), "{head}");
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_no_route_has_is_no_route_also_where_another_one_is() {
    let world = World::start().await;
    let client = &world.client;
    for (method, path) in [
        (Method::OPTIONS, LINK),
        (Method::PUT, LINK),
        (Method::PATCH, LINK),
        (Method::DELETE, LINK),
        (Method::OPTIONS, "/request"),
        (Method::HEAD, "/requests"),
        (Method::GET, "/request"),
    ] {
        let reply = client.call(method.clone(), path, &[], Vec::new()).await;
        // What answers HEAD cannot say which problem it is.
        let problem = if method == Method::HEAD { "" } else { "route-not-found" };
        assert_eq!((reply.status, reply.problem()), (404, problem), "{method} {path}");
    }
    world.runtime.stop().await;
}
