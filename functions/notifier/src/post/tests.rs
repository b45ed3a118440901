use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::settings::Settings;

/// Answers every status that is asked for.
struct Answer(u16);

impl Post for Answer {
    async fn post(&self, _: &Posting) -> Result<StatusCode, PostError> {
        Ok(StatusCode::from_u16(self.0).unwrap())
    }
}

fn posting(url: &str) -> Posting {
    let text = serde_json::json!({"slack": {"webhookUrl": url}}).to_string();
    let to = Settings::from_json(&text).unwrap().slack.unwrap().webhook_url;
    Posting { to, headers: vec![("X-Test", "1".to_owned())], body: "{\"a\":\"ü\"}".to_owned() }
}

#[tokio::test]
async fn an_answer_is_success_later_or_never() {
    let posting = posting("https://acme.example/x");
    for (status, expected) in [
        (200, None),
        (204, None),
        (301, Some(false)),
        (307, Some(false)),
        (400, Some(false)),
        (401, Some(false)),
        (404, Some(false)),
        (408, Some(true)),
        (410, Some(false)),
        (429, Some(true)),
        (500, Some(true)),
        (503, Some(true)),
    ] {
        let outcome = deliver(&Answer(status), &posting).await;
        assert_eq!(outcome.err().map(|error| error.is_retryable()), expected, "{status}");
    }
}

#[tokio::test]
async fn what_is_posted_arrives_as_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let received = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&received);
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 4096];
        let mut text = String::new();
        while !text.ends_with('}') {
            let count = stream.read(&mut buffer).await.unwrap();
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        *seen.lock().unwrap() = text;
        let answer = b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    });
    let status = HttpPost::default().post(&posting(&format!("http://{address}/hook?a=b"))).await.unwrap();
    server.await.unwrap();
    assert_eq!(status, StatusCode::FOUND);
    let text = received.lock().unwrap().clone();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{head}");
    let head = head.to_lowercase();
    assert!(head.contains("content-type: application/json") && head.contains("x-test: 1"), "{head}");
    assert_eq!(body, "{\"a\":\"ü\"}");
}

#[tokio::test]
async fn an_error_does_not_show_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = HttpPost::default().post(&posting(&format!("http://{address}/top-secret"))).await.unwrap_err();
    assert!(error.is_retryable());
    assert!(!format!("{error:?} {}", lambda::batch::chain(&error)).contains("top-secret"));
}
