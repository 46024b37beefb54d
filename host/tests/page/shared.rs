//! Several pages on one bucket that accept each other's sessions.

use std::fs;

use crate::{client::Visitor, review::Site};

#[tokio::test(flavor = "multi_thread")]
async fn session_of_one_page_holds_on_all_until_it_is_ended_on_one() {
    let site = Site::new(1).await;
    let path = |name: &str| site.dir.path().join(name).display().to_string();
    fs::write(path("one"), "0123456789abcdef".repeat(2)).unwrap();
    fs::write(path("two"), "fedcba9876543210".repeat(2)).unwrap();
    let start = |key: &str| site.start_with(&["--page-session-key-file", &path(key)]);
    let ((first, one), (_second, two), (_third, other)) =
        (start("one"), start("one"), start("two"));
    let alice = site.sign_in(&one, "alice");
    let at = |page: &Visitor| Visitor {
        cookie: alice.visitor.cookie.clone(),
        ..page.clone()
    };
    assert_eq!(at(&two).get("/review").status, 200);
    assert_eq!(at(&other).get("/review").header("location"), "/login");
    // Its forms too: a claim on the second page is this person's on the first.
    let next = at(&two).post("/review/next", &format!("form_token={}", alice.token));
    assert!(next.header("location").starts_with("/review/"), "{next:?}");
    assert_eq!(alice.next(), next.header("location"));
    let forged = format!("{}0", alice.visitor.cookie);
    let forged = Visitor {
        cookie: forged,
        ..two.clone()
    };
    assert_eq!(forged.get("/review").header("location"), "/login");

    // A page that ends ends no session.
    drop(first);
    let (_first, one) = start("one");
    assert_eq!(at(&one).get("/review").status, 200);
    let second = site.sign_in(&two, "alice");
    let out = at(&two).post("/logout", &format!("form_token={}", alice.token));
    assert_eq!((out.status, out.header("location")), (303, "/login"));
    for page in [&one, &two] {
        assert_eq!(at(page).get("/review").header("location"), "/login");
    }
    // The other session of this person goes on.
    assert_eq!(second.visitor.get("/review").status, 200);
    assert!(site.audit(&["verify"]).contains("whole: "));
    // Without a store that knows the ends, nobody is let in.
    fs::rename(path("store/xrays-audit"), path("gone")).unwrap();
    assert_eq!(second.visitor.get("/review").status, 502);
}

#[test]
fn short_session_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (line, _) = crate::roles::token("alice", "reviewer");
    fs::write(dir.path().join("users"), line).unwrap();
    fs::write(dir.path().join("key"), "short").unwrap();
    fs::write(
        dir.path().join("keys"),
        "AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n",
    )
    .unwrap();
    let mut command =
        crate::roles::xray(&["page", "--listen", "127.0.0.1:0", "--page-users", "users"]);
    command.args([
        "--page-credentials-file",
        "keys",
        "--page-session-key-file",
        "key",
    ]);
    let output = command.current_dir(dir.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("openssl rand -hex 32"), "{said}");
    assert!(!output.status.success());
}
