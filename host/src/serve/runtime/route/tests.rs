use super::*;

fn found(base: &str, routes: &[&str], path: &str) -> Option<(String, String)> {
    let router = Router::new(base, routes.iter().map(|route| (*route, "c"))).unwrap();
    router
        .find(path)
        .map(|found| (found.raw_route.to_owned(), found.path_info))
}

#[test]
fn most_specific_route_wins() {
    let routes = [
        "/...",
        "/",
        "/a",
        "/a/...",
        "/a/b",
        "/users/:id",
        "/users/me",
        "/users/:id/...",
        "/:any/fixed",
    ];
    let cases = [
        ("/", "/", ""),
        ("", "/", ""),
        ("/a", "/a", ""),
        ("/a/", "/a", ""),
        ("/a/b", "/a/b", ""),
        ("/a/c", "/a/...", "/c"),
        ("/a/b/c", "/a/...", "/b/c"),
        ("/a//b/", "/a/b", ""),
        ("/a/c/", "/a/...", "/c/"),
        ("/ab", "/...", "/ab"),
        ("/users/me", "/users/me", ""),
        ("/users/7", "/users/:id", ""),
        ("/users/7/x", "/users/:id/...", "/x"),
        ("/x/fixed", "/:any/fixed", ""),
        ("/x/y", "/...", "/x/y"),
    ];
    for order in [false, true] {
        let mut routes = routes.to_vec();
        if order {
            routes.reverse();
        }
        for (path, route, info) in cases {
            let expected = Some((route.to_owned(), info.to_owned()));
            assert_eq!(found("/", &routes, path), expected, "{path}");
        }
    }
}

#[test]
fn base_prefixes_every_route() {
    assert_eq!(
        found("/api", &["/..."], "/api/x"),
        Some(("/...".into(), "/x".into()))
    );
    assert_eq!(
        found("/api/", &["/..."], "/api"),
        Some(("/...".into(), String::new()))
    );
    assert_eq!(found("/api", &["/..."], "/x"), None);
    assert_eq!(found("/", &["/a"], "/b"), None);
}

#[test]
fn wildcards_are_named() {
    let router = Router::new("/", [("/users/:id/:what", "c")].into_iter()).unwrap();
    let found = router.find("/users/7/x").unwrap();
    assert_eq!(
        found.named,
        [("id", "7".to_owned()), ("what", "x".to_owned())]
    );
}

#[test]
fn invalid_routes_are_rejected() {
    for routes in [
        &["a"][..],
        &["/a...b"],
        &["/.../a"],
        &["/a", "/a"],
        &["/a/:x", "/a/:y"],
    ] {
        let result = Router::new("/", routes.iter().map(|route| (*route, "c")));
        assert!(result.is_err(), "{routes:?}");
    }
}
