//! Addresses: what parses, what does not, and in which words.

use std::collections::HashSet;

use super::super::address::SUN_PATH_MAX;
use super::*;

#[test]
fn addresses_are_understood_and_given_back() {
    for (url, name) in [
        ("tcp://127.0.0.1:7070/bank", Some("bank")),
        ("tcp://127.0.0.1:0", None),
        ("tcp://[::1]:7070/a/b.c-d_e", Some("a/b.c-d_e")),
        ("tcp://localhost:65535", None),
        ("tcp://node-1.example.org:1/x", Some("x")),
        ("tls://example.org:443/bank", Some("bank")),
        ("quic://10.0.0.1:443", None),
        ("unix:///run/bank.sock#bank", Some("bank")),
        ("unix:///run/bank.sock", None),
        ("unix:///tmp/a%20b/c%23d#x/y", Some("x/y")),
        ("mem://space/bank", Some("bank")),
        ("mem://space", None),
    ] {
        let parsed = address(url);
        assert_eq!(parsed.to_string(), url);
        assert_eq!(parsed.name(), name, "{url}");
        assert_eq!(parsed.without_name().name(), None);
        assert_eq!(parsed.without_name().with_name("other").unwrap().name(), Some("other"));
        assert_eq!(address(&parsed.to_string()), parsed);
    }
}

#[test]
fn spellings_of_one_address_are_equal() {
    assert_eq!(address("TCP://127.0.0.1:07070"), address("tcp://127.0.0.1:7070/"));
    assert_eq!(address("tcp://[0:0::0001]:1"), address("tcp://[::1]:1"));
    assert_eq!(address("unix:///a%62c"), address("unix:///abc"));
    assert_eq!(address("tcp://h:1/%62ank").name(), Some("bank"));
    assert_eq!(*address("unix:///a%20b").place(), Place::Unix { path: "/a b".into() });
    assert_eq!(*address("tcp://[::1]:7").place(), Place::Tcp { host: Host::Ip("::1".parse().unwrap()), port: 7 });
}

#[test]
#[cfg(unix)]
fn a_path_that_is_not_text_is_kept() {
    let url = "unix:///tmp/%FF%FE";
    assert_eq!(address(url).to_string(), url);
}

/// Each rule, what breaks it, and a piece of what the error says to write instead.
#[test]
fn every_broken_rule_is_named_with_what_to_write_instead() {
    use AddressError as Rule;
    let long_name = "n".repeat(129);
    let long_path = "p".repeat(SUN_PATH_MAX);
    let own = str::to_owned;
    let cases: Vec<(String, AddressError, &str)> = vec![
        (own(""), Rule::Empty, "tcp://127.0.0.1:7070/name"),
        (format!("tcp://h:1/{}", "x".repeat(4_096)), Rule::TooLong { bytes: 4_106 }, "at most 4096"),
        (own("tcp://h:1/a b"), Rule::Space { at: 11 }, "%20"),
        (own(" tcp://h:1"), Rule::Space { at: 0 }, "byte 0"),
        (own("tcp://h:1\n"), Rule::ControlCharacter { at: 9 }, "line break"),
        (own("tcp://bücher.de:1"), Rule::NotAscii { at: 7, character: 'ü' }, "xn--"),
        (own("localhost:7070/bank"), Rule::MissingScheme { text: own("localhost:7070/bank") }, "tcp://localhost:7070/bank"),
        (own("127.0.0.1:7070"), Rule::MissingScheme { text: own("127.0.0.1:7070") }, "tcp://127.0.0.1:7070"),
        (own("/run/x.sock"), Rule::MissingScheme { text: own("/run/x.sock") }, "unix:///run/x.sock"),
        (own("://h:1"), Rule::MissingScheme { text: own("h:1") }, "tcp://h:1"),
        (own("h:1/a://b"), Rule::MissingScheme { text: own("h:1/a://b") }, "tcp://h:1/a://b"),
        (own("tcp:h:1"), Rule::MissingSlashes { scheme: own("tcp"), rest: own("h:1") }, "tcp://h:1"),
        (own("unix:/run/x"), Rule::MissingSlashes { scheme: own("unix"), rest: own("run/x") }, "unix:///run/x"),
        (own("ftp://h:1"), Rule::UnknownScheme { scheme: own("ftp") }, "use tcp://"),
        (own("http://h:1"), Rule::WebScheme { scheme: own("http") }, "write tcp://"),
        (own("HTTPS://h"), Rule::WebScheme { scheme: own("HTTPS") }, "tls://"),
        (own("tcp://h:1/%zz"), Rule::BadPercent { at: 10 }, "%25"),
        (own("tcp://h:1/a\\b"), Rule::BadCharacter { at: 11, character: '\\' }, "percent-encode"),
        (own("tcp://user@h:1"), Rule::UserInfo, "up to the @"),
        (own("tcp://user:pass@h:1"), Rule::UserInfo, "up to the @"),
        (own("tcp://h:1/x?y=z"), Rule::Query { scheme: "tcp" }, "leave out the ?"),
        (own("unix:///x?y"), Rule::Query { scheme: "unix" }, "leave out the ?"),
        (own("mem://x/y?z"), Rule::Query { scheme: "mem" }, "leave out the ?"),
        (own("tcp://h:1#bank"), Rule::Fragment { scheme: "tcp" }, "/name"),
        (own("mem://x#bank"), Rule::Fragment { scheme: "mem" }, "/name"),
        (own("tcp://:7070"), Rule::EmptyHost, "localhost:7070"),
        (own("tcp://"), Rule::EmptyHost, "localhost:7070"),
        (own("tcp:///bank"), Rule::EmptyHost, "localhost:7070"),
        (own("tcp://256.0.0.1:1"), Rule::BadHost { host: own("256.0.0.1") }, "neither an IP address"),
        (own("tcp://a%2eb:1"), Rule::BadHost { host: own("a%2eb") }, "host names have letters"),
        (own("tcp://[::zz]:1"), Rule::BadIpv6 { host: own("[::zz]") }, "[::1]"),
        (own("tcp://[::1:1"), Rule::BadIpv6 { host: own("[::1:1") }, "[::1]"),
        (own("tcp://[v1.x]:1"), Rule::BadIpv6 { host: own("[v1.x]") }, "[::1]"),
        (own("tcp://::1:7070"), Rule::Ipv6WithoutBrackets { host: own("::1:7070") }, "[::1]:7070"),
        (own("tcp://localhost"), Rule::MissingPort { host: own("localhost") }, "localhost:7070"),
        (own("tcp://localhost:/x"), Rule::MissingPort { host: own("localhost") }, "localhost:0"),
        (own("tcp://[::1]/x"), Rule::MissingPort { host: own("[::1]") }, "[::1]:7070"),
        (own("tcp://h:http"), Rule::BadPort { port: own("http") }, "1 to 65535"),
        (own("tcp://h:-1"), Rule::BadPort { port: own("-1") }, "1 to 65535"),
        (own("tcp://[::1]7070"), Rule::BadPort { port: own("7070") }, "1 to 65535"),
        (own("tcp://h:65536"), Rule::PortOutOfRange { port: own("65536") }, "above 65535"),
        (own("tcp://h:99999999999999999999"), Rule::PortOutOfRange { port: own("99999999999999999999") }, "above 65535"),
        (own("unix:///x#"), Rule::EmptyName, "write one"),
        (own("tcp://h:1/a:b"), Rule::BadName { name: own("a:b"), character: ':' }, "slashes"),
        (own("tcp://h:1/a%20b"), Rule::BadName { name: own("a b"), character: ' ' }, "underscores"),
        (own("tcp://h:1/caf%C3%A9"), Rule::BadName { name: own("café"), character: 'é' }, "ASCII letters"),
        (own("unix:///x#a%00b"), Rule::BadName { name: own("a\0b"), character: '\0' }, "ASCII letters"),
        (format!("tcp://h:1/{long_name}"), Rule::NameTooLong { bytes: 129 }, "at most 128"),
        (format!("unix:///x#{long_name}"), Rule::NameTooLong { bytes: 129 }, "at most 128"),
        (own("unix://run/x.sock"), Rule::UnixRelative { path: own("run/x.sock") }, "unix:///run/x.sock"),
        (own("unix://"), Rule::UnixEmptyPath, "unix:///run/name.sock"),
        (own("unix:///"), Rule::UnixEmptyPath, "unix:///run/name.sock"),
        (own("unix:///run/"), Rule::UnixDirectory { path: own("/run/") }, "in that directory"),
        (format!("unix:///{long_path}"), Rule::UnixPathTooLong { bytes: SUN_PATH_MAX + 1 }, "shorter directory"),
        (own("unix://@name"), Rule::AbstractName, "write a path"),
        (own("unix:///%00name"), Rule::AbstractName, "write a path"),
        (own("mem://"), Rule::MemoryWithoutSpace, "mem://space/name"),
        (own("mem:///name"), Rule::MemoryWithoutSpace, "mem://space/name"),
        (own("mem://space:1/name"), Rule::MemoryPort { space: own("space:1") }, "leave out the colon"),
        (own("mem://a%20b"), Rule::BadSpace { space: own("a%20b") }, "another name"),
        (format!("mem://{long_name}"), Rule::BadSpace { space: long_name }, "another name"),
    ];
    let mut rules = HashSet::new();
    for (url, rule, instead) in cases {
        let error = Address::parse(&url).expect_err(&url);
        assert_eq!(error, rule, "{url:?}");
        let text = error.to_string();
        assert!(text.contains(instead), "{url:?}: {text}");
        assert!(!text.ends_with('.') && !text.contains('\n'), "{text}");
        rules.insert(std::mem::discriminant(&rule));
    }
    assert!(rules.len() >= 31, "{} rules have a case", rules.len());
}

#[test]
fn the_longest_paths_and_names_are_allowed() {
    let path = format!("unix:///{}", "p".repeat(SUN_PATH_MAX - 1));
    assert_eq!(address(&path).to_string(), path);
    let name = "n".repeat(128);
    assert_eq!(address(&format!("tcp://h:1/{name}")).name(), Some(name.as_str()));
}

#[test]
fn no_text_makes_parsing_panic() {
    let pieces = ["tcp", "unix", "mem", "tls", ":", "//", "/", "[", "]", "@", "%", "%41", "::1", "h", "1", "#", "?", "é", "\0", " ", "."];
    let mut state = 1u64;
    for _ in 0..50_000 {
        let mut text = String::new();
        for _ in 0..8 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[(state >> 33) as usize % pieces.len()]);
        }
        if let Ok(parsed) = Address::parse(&text) {
            assert_eq!(Address::parse(&parsed.to_string()), Ok(parsed), "{text:?}");
        }
    }
}
