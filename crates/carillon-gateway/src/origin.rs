//! Which sites' scripts may talk to the gateway, and what their browsers are to be told about it.
//!
//! The same for all transports. No answer ever allows credentials: the gateway knows clients by their tokens alone.

use std::net::IpAddr;

use http::Uri;
use http::header::{self, HeaderMap, HeaderValue};

/// How long a browser may remember what it asked, in seconds: the most that the common ones accept.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("7200");

/// Browsers say which site's script connects. What says nothing is no browser.
pub(crate) fn may_connect(headers: &HeaderMap, origins: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if origins.iter().any(|it| it == "*" || it.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else { return false };
    let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    is_loopback(host) || own.is_some_and(|own| own.eq_ignore_ascii_case(authority.as_str()))
}

/// What lets the script of an origin that may connect read an answer.
pub(crate) fn allow(headers: &HeaderMap) -> HeaderMap {
    let mut allowed = HeaderMap::new();
    // What stands between must not give one site's answer to another.
    allowed.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = headers.get(header::ORIGIN) {
        allowed.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    allowed
}

/// As [`allow`], for the question that browsers ask before a request.
pub(crate) fn allow_preflight(headers: &HeaderMap) -> HeaderMap {
    let mut allowed = allow(headers);
    allowed.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    allowed.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type"));
    allowed.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
    allowed
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|it| it.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(origin: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("chat.example.com"));
        headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        headers
    }

    #[test]
    fn browsers_connect_from_listed_origins_loopback_and_the_servers_own() {
        let origins = ["https://shop.example.com".to_owned()];
        let check = |origin| may_connect(&headers(origin), &origins);
        for good in [
            "https://shop.example.com",
            "https://chat.example.com",
            "http://localhost:3000",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
        ] {
            assert!(check(good), "{good}");
        }
        for bad in
            ["https://evil.example.com", "null", "", "https://localhost.evil.example", "https://chat.example.com:444"]
        {
            assert!(!check(bad), "{bad}");
        }
        assert!(may_connect(&HeaderMap::new(), &origins), "no browser");
    }

    #[test]
    fn an_answer_is_for_the_origin_that_asked() {
        let allowed = allow_preflight(&headers("https://shop.example.com"));
        assert_eq!(allowed[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://shop.example.com");
        assert_eq!(allowed[header::VARY], "Origin");
        assert_eq!(allowed[header::ACCESS_CONTROL_ALLOW_HEADERS], "Content-Type");
        assert!(!allowed.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
        assert!(!allow(&HeaderMap::new()).contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    }
}
