use proptest::prelude::*;

use super::*;
use crate::fetch::allow::InvalidAllow;

fn policy(allow: &str) -> FetchPolicy {
    FetchPolicy { allow: allow.parse().unwrap(), hosts: Vec::new() }
}

fn judged(allow: &str, url: &str) -> Result<(), Failure> {
    policy(allow).judge(&Url::parse(url).unwrap())
}

#[test]
fn every_spelling_of_an_inner_address_is_refused_as_typed() {
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "017700000001",
        "127.0.0.1.",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "0",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "0xa9fea9fe",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:169.254.169.254]",
        "[::127.0.0.1]",
        "[64:ff9b::a00:1]",
        "[64:ff9b:1::a00:1]",
        "[2001::1]",
        "[2001:0:4136:e378::]",
        "[2001:1ff::1]",
        "[2002:7f00:1::]",
        "[fc00::1]",
        "[fd00::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[100::1]",
        "[5f00::1]",
        "[4000::1]",
    ] {
        let Ok(url) = Url::parse(&format!("https://{host}/a.difypkg")) else {
            continue;
        };
        let refused = policy("").judge(&url).unwrap_err();
        assert_eq!(refused.reason, Reason::UrlForbidden, "{host}");
        assert!(refused.message.starts_with("URL host not allowed: "), "{host}");
    }
}

#[test]
fn public_and_documentation_addresses_pass() {
    for host in [
        "1.1.1.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "192.0.2.1",
        "198.17.0.1",
        "198.20.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "223.255.255.255",
        "[2600::1]",
        "[2001:200::1]",
        "[2001:db8::1]",
        "[3fff::1]",
        "files.example",
    ] {
        assert_eq!(judged("", &format!("https://{host}/")), Ok(()), "{host}");
    }
}

#[test]
fn schemes_ports_and_user_info_are_judged() {
    for url in [
        "http://files.example/",
        "ftp://files.example/",
        "file:///etc/passwd",
        "gopher://files.example/",
        "data:text/plain,x",
        "https://files.example:8443/",
        "https://files.example:22/",
        "https://user@files.example/",
        "https://user:pw@files.example/",
        "https://:pw@files.example/",
    ] {
        assert_eq!(judged("", url).unwrap_err().reason, Reason::UrlForbidden, "{url}");
    }
    assert_eq!(judged("", "https://files.example:80/"), Ok(()));
    assert!(!judged("", "https://user:pw@files.example/").unwrap_err().message.contains("pw"));
}

#[test]
fn the_allow_list_lets_single_networks_and_ports_through() {
    assert_eq!(judged("127.0.0.0/8", "http://127.0.0.1:9999/"), Ok(()));
    assert_eq!(judged("127.0.0.1:8080", "http://127.0.0.1:8080/"), Ok(()));
    assert!(judged("127.0.0.1:8080", "http://127.0.0.1:8081/").is_err());
    assert!(judged("127.0.0.1:8080", "http://127.0.0.2:8080/").is_err());
    assert_eq!(judged("[::1]:80", "http://[::1]/"), Ok(()));
    assert_eq!(judged("fd00::/8, 10.0.0.0/8:443", "https://[fd12::1]:8443/"), Ok(()));
    assert_eq!(judged("10.0.0.0/8:443", "https://10.2.3.4/"), Ok(()));
    assert!(judged("10.0.0.0/8:443", "http://10.2.3.4/").is_err());
    assert!(judged("10.0.0.0/8", "https://[::ffff:10.0.0.1]/").is_err());
    assert!(judged("127.0.0.0/8", "ftp://127.0.0.1/").is_err());
    assert_eq!(judged("[fd00::]/8:81", "http://[fd01::1]:81/"), Ok(()));
    assert_eq!(judged("127.0.0.0/8", "http://localhost:1/"), Ok(()));
}

#[test]
fn a_name_may_wait_for_its_addresses_only_where_they_could_make_it_right() {
    let allowing = policy("10.0.0.0/8:8443");
    let url = |text| Url::parse(text).unwrap();
    assert!(allowing.judge(&url("https://mirror.example:8443/")).is_ok());
    assert!(allowing.judge(&url("http://mirror.example/")).is_err());
    let inner = "10.1.1.1".parse().unwrap();
    let public = "1.1.1.1".parse().unwrap();
    assert!(allowing.admits(&url("https://mirror.example:8443/"), inner, 8443));
    assert!(!allowing.admits(&url("https://mirror.example:8443/"), public, 8443));
    assert!(!allowing.admits(&url("https://mirror.example/"), inner, 443));
    assert!(allowing.admits(&url("https://mirror.example/"), public, 443));
}

#[test]
fn what_is_no_network_is_named() {
    for text in ["localhost", "10.0.0.0/33", "10.0.0.1:0", "10.0.0.1:x", "::1/129", "[::1", "1.2.3"] {
        assert_eq!(text.parse::<FetchAllow>(), Err(InvalidAllow(text.to_owned())));
    }
    assert_eq!("".parse::<FetchAllow>(), Ok(FetchAllow::default()));
}

#[test]
fn hosts_are_exact_names_or_dot_suffixes() {
    let policy = FetchPolicy {
        hosts: vec!["git.example".to_owned(), ".files.example".to_owned()],
        ..FetchPolicy::default()
    };
    let listed = |host: &str| policy.lists(&Url::parse(&format!("https://{host}/")).unwrap());
    assert!(listed("git.example") && listed("GIT.example") && listed("a.files.example"));
    for host in ["evilgit.example", "a.git.example", "files.example", "evilfiles.example", "git.example.org"]
    {
        assert!(!listed(host), "{host}");
    }
}

proptest! {
    #[test]
    fn no_spelling_of_a_forbidden_v4_address_passes(bits: u32, form in 0..6) {
        let address = Ipv4Addr::from(bits);
        let [a, b, c, d] = address.octets();
        let host = match form {
            0 => address.to_string(),
            1 => bits.to_string(),
            2 => format!("0x{bits:x}"),
            3 => format!("0{a:o}.0x{b:x}.{}", u32::from(c) << 8 | u32::from(d)),
            4 => format!("[::ffff:{address}]"),
            _ => format!("{address}."),
        };
        let url = Url::parse(&format!("https://{host}/")).unwrap();
        let passes = policy("").judge(&url).is_ok();
        let should = form != 4 && !is_forbidden(IpAddr::V4(address));
        prop_assert_eq!(passes, should);
    }

    #[test]
    fn a_v6_address_that_carries_an_inner_one_never_passes(low: u32) {
        for high in [0, 0xffff_u128 << 32, 0x64_ff9b_u128 << 96, (0x64_ff9b_u128 << 96) | (1 << 80)] {
            prop_assert!(is_forbidden(IpAddr::V6(Ipv6Addr::from(high | u128::from(low)))));
        }
        let inside_6to4 = (0x2002_u128 << 112) | (u128::from(low) << 80);
        prop_assert!(is_forbidden(IpAddr::V6(Ipv6Addr::from(inside_6to4))));
    }
}
