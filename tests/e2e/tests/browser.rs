//! The approval page in a real browser: Chromium, driven through `ChromeDriver`.
//!
//! Needs Debian's `chromium` and `chromium-driver`, or their like, and the script of axe-core, whose path is in
//! `AXE_CORE`; so it is built with the feature `browser` only. `.ci/run` does all that.

#![recursion_limit = "256"]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, whatever is unexpected ends it"
)]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use e2e::{World, link_in, until};
use fantoccini::key::Key;
use fantoccini::{Client as Browser, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// A phone and a desktop, in CSS pixels.
const SIZES: [(&str, u32, u32); 2] = [("phone", 390, 844), ("desktop", 1280, 900)];

/// `ChromeDriver` on a port of its own; ends with the test.
struct Driver {
    process: Child,
    url: String,
}

impl Driver {
    fn start() -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts: install chromium and chromium-driver");
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        // "ChromeDriver was started successfully on port 39555."
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| line.split_once("started successfully on port ").map(|(_, port)| port.to_owned()))
            .expect("chromedriver says its port");
        let url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
        Self { process, url }
    }

    async fn browser(&self, width: u32, height: u32, dark: bool) -> Browser {
        let mut arguments = vec![
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            format!("--window-size={width},{height}"),
        ];
        if dark {
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        let metrics = json!({"width": width, "height": height, "pixelRatio": 1.0});
        let options = json!({
            "args": arguments,
            "mobileEmulation": {"deviceMetrics": metrics},
        });
        let Value::Object(capabilities) = json!({
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }) else {
            panic!("capabilities are an object")
        };
        ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&self.url).await.unwrap()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

async fn text_of(browser: &Browser, css: &str) -> String {
    browser.find(Locator::Css(css)).await.unwrap().text().await.unwrap()
}

/// Nothing is wider than the window, and axe-core finds nothing that keeps anybody out.
async fn check_the_page(browser: &Browser, what: &str) {
    let overflow = browser
        .execute("return document.documentElement.scrollWidth - document.documentElement.clientWidth", vec![])
        .await
        .unwrap();
    assert_eq!(overflow, 0, "{what} scrolls sideways");
    browser.execute(&axe(), vec![]).await.unwrap();
    let result = browser.execute_async("axe.run().then(arguments[arguments.length - 1])", vec![]).await.unwrap();
    let violations: Vec<String> = result["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|violation| format!("{}: {} {}", violation["id"], violation["help"], violation["nodes"][0]["html"]))
        .collect();
    assert!(violations.is_empty(), "{what}: {violations:#?}");
    screenshot(browser, what).await;
}

#[expect(clippy::disallowed_methods, reason = "a test's own setting, not the product's")]
fn axe() -> String {
    let path = std::env::var("AXE_CORE").expect("AXE_CORE is the path of axe-core's axe.min.js");
    std::fs::read_to_string(path).unwrap()
}

/// Kept beside the build, for people to look at.
async fn screenshot(browser: &Browser, what: &str) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{what}.png")), browser.screenshot().await.unwrap()).unwrap();
}

async fn press(browser: &Browser, keys: &str) {
    browser.active_element().await.unwrap().send_keys(keys).await.unwrap();
}

/// Tabs on until the element with the focus fits.
async fn tab_to(browser: &Browser, css: &str) {
    for _ in 0..40 {
        press(browser, &Key::Tab.to_string()).await;
        let there =
            browser.execute("return document.activeElement.matches(arguments[0])", vec![css.into()]).await.unwrap();
        if there == true {
            return;
        }
    }
    panic!("{css} cannot be reached with the keyboard");
}

async fn console(browser: &Browser) -> Vec<String> {
    let entries = browser
        .execute("return performance.getEntriesByType('resource').map(entry => entry.name)", vec![])
        .await
        .unwrap();
    entries.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

async fn submitted(world: &World, token: &str, body: &Value) -> String {
    let reply = world.client.submit(token, body).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    reply.text("requestId").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_follows_the_mail_and_approves_with_the_keyboard_on_every_screen() {
    let driver = Driver::start();
    let world = World::start().await;
    let jane = world.client.token("jane").await;
    for (screen, width, height) in SIZES {
        for dark in [false, true] {
            let scheme = if dark { "dark" } else { "light" };
            let body = json!({
                "image": "python:latest-dev",
                "customName": format!("python-{screen}-{scheme}"),
                "justification": "ML pipeline <b>not bold</b> \u{202e}reversed\u{202c} and a_very_long_word_that_goes_on_and_on_and_on_and_on_and_on_and_on",
                "team": "data-engineering",
            });
            let id = submitted(&world, &jane, &body).await;
            let link = link_in(&world.client, &id, "dana@acme.example").await;
            let browser = driver.browser(width, height, dark).await;
            browser.goto(&format!("{}{link}", world.runtime.base_url())).await.unwrap();
            check_the_page(&browser, &format!("pending-{screen}-{scheme}")).await;
            assert!(text_of(&browser, "h1").await.contains("python"), "the heading names the image");
            assert!(text_of(&browser, "main").await.contains("<b>not bold</b>"));
            assert_eq!(console(&browser).await, Vec::<String>::new(), "the page loads nothing else");

            // A rejection without a reason comes back with what to do, and decides nothing.
            tab_to(&browser, "button[value=reject]").await;
            press(&browser, &Key::Enter.to_string()).await;
            browser.wait().for_element(Locator::Css("[role=alert]")).await.unwrap();
            check_the_page(&browser, &format!("reason-missing-{screen}-{scheme}")).await;

            tab_to(&browser, "textarea").await;
            press(&browser, "go ahead").await;
            tab_to(&browser, "button[value=approve]").await;
            press(&browser, &Key::Enter.to_string()).await;
            until("the page says that it is approved", || async {
                let text = text_of(&browser, "main").await;
                (text.contains("go ahead") && text.to_lowercase().contains("approved")).then_some(())
            })
            .await;
            check_the_page(&browser, &format!("approved-{screen}-{scheme}")).await;
            let request = world.client.until_status(&id, "available", &jane).await;
            assert_eq!(request["approvals"][0]["comment"], "go ahead");

            // Going back and sending the form again decides nothing.
            browser.refresh().await.unwrap();
            assert!(browser.find(Locator::Css("form")).await.is_err());
            browser.close().await.unwrap();
        }
    }
    world.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_without_a_decision_to_make_are_as_good() {
    let driver = Driver::start();
    let world = World::start().await;
    let jane = world.client.token("jane").await;
    let review = json!({
        "image": "base-image/wolfi-base",
        "justification": "base of our services",
        "riskAssessment": "contained",
        "team": "data-engineering",
    });
    let id = submitted(&world, &jane, &review).await;
    let link = link_in(&world.client, &id, "sasha@acme.example").await;
    for (screen, width, height) in SIZES {
        let browser = driver.browser(width, height, false).await;
        browser.goto(&format!("{}{link}", world.runtime.base_url())).await.unwrap();
        check_the_page(&browser, &format!("security-review-{screen}")).await;
        assert!(browser.find(Locator::Css("button")).await.is_err(), "a link alone does not decide");
        browser.goto(&format!("{}{link}0", world.runtime.base_url())).await.unwrap();
        check_the_page(&browser, &format!("tampered-{screen}")).await;
        assert!(!text_of(&browser, "body").await.contains("jane@acme.example"));
        browser.close().await.unwrap();
    }
    world.runtime.stop().await;
}
