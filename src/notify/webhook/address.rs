//! The address of a receiver, checked once.
//!
//! Floor 6. It may hold a token in its path or query, and is shown by host and port alone.

use super::WebhookError;
use reqwest::Url;
use std::net::IpAddr;

pub(crate) struct Address {
    url: Url,
    host: String,
    is_loopback: bool,
}

impl Address {
    /// # Errors
    /// [`WebhookError::Unusable`] for what is no `https` address, or plain `http` to another machine
    /// without `allows_plain_http`, or a name and password before the host.
    pub(crate) fn parse(text: &str, allows_plain_http: bool) -> Result<Self, WebhookError> {
        let unusable = |reason: &str| WebhookError::Unusable { reason: reason.to_owned() };
        let url = Url::parse(text).map_err(|_| unusable("its address is no URL"))?;
        let name = url.host_str().ok_or_else(|| unusable("its address names no host"))?;
        let is_loopback = is_loopback(name);
        match url.scheme() {
            "https" => {}
            "http" if is_loopback || allows_plain_http => {}
            "http" => {
                return Err(unusable(
                    "its address is plain http to another machine: use https, or say `plain_http: true`",
                ));
            }
            _ => return Err(unusable("its address is not https")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(unusable("its address holds a name or password: a signature does their work"));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        let host = format!("{name}:{port}");
        Ok(Self { url, host, is_loopback })
    }

    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, allows_plain_http: bool, expected: Result<&str, &str>) {
        match (Address::parse(text, allows_plain_http), expected) {
            (Ok(address), Ok(host)) => assert_eq!(address.host(), host),
            (Err(error), Err(part)) => {
                let said = error.to_string();
                assert!(said.contains(part) && !said.contains("token"), "{said}");
            }
            (found, _) => panic!("{text}: {:?}", found.map(|address| address.host)),
        }
    }

    #[test]
    fn only_https_or_this_machine_unless_said() {
        check("https://hooks.example.org/token", false, Ok("hooks.example.org:443"));
        check("http://127.0.0.1:9/token", false, Ok("127.0.0.1:9"));
        check("http://[::1]:9/token", false, Ok("[::1]:9"));
        check("http://localhost/token", false, Ok("localhost:80"));
        check("http://hooks.example.org/token", false, Err("plain http"));
        check("http://localhost.example.org/token", false, Err("plain http"));
        check("http://hooks.example.org/token", true, Ok("hooks.example.org:80"));
    }

    #[test]
    fn what_is_no_address_of_a_receiver_is_refused_without_repeating_it() {
        check("token", true, Err("no URL"));
        check("file:///token", true, Err("no host"));
        check("ftp://example.org/token", true, Err("not https"));
        check("https://me:token@example.org/", true, Err("name or password"));
    }
}
