//! HTTP as written: any host, any cookie.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

/// A response as it came.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines();
        let line = lines.find_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then_some(value)
        });
        line.unwrap_or_default()
    }

    /// Returns all headers of this name.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        let own = pairs.filter(|(own, _)| own.eq_ignore_ascii_case(name));
        own.map(|(_, value)| value).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the session's cookie, as a browser sends it back.
    pub fn cookie(&self) -> String {
        let cookie = self.header("set-cookie");
        cookie.split(';').next().unwrap_or_default().to_owned()
    }
}

/// Somebody who sends requests to a page.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Address that is connected to.
    pub address: String,
    /// Host that requests name.
    pub host: String,
    pub cookie: String,
}

impl Visitor {
    /// Visits a host and port; a name below `localhost` is this machine, as browsers have it.
    pub fn new(host: &str) -> Self {
        let (name, port) = host.rsplit_once(':').expect("a port");
        Self {
            address: match name.ends_with(".localhost") {
                true => format!("127.0.0.1:{port}"),
                false => host.to_owned(),
            },
            host: host.to_owned(),
            cookie: String::new(),
        }
    }

    /// Sends a request with these headers beside the visitor's own.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Reply {
        let mut stream = self.open(method, path, headers, body.as_ref());
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let body = bytes.split_off(end.expect("a head") + 4);
        let head = String::from_utf8(bytes).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, head, body }
    }

    fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let mut text = format!(
            "{method} {path} HTTP/1.0\r\ncontent-length: {}\r\n",
            body.len()
        );
        if !headers.iter().any(|(name, _)| *name == "host") {
            text += &format!("host: {}\r\n", self.host);
        }
        if !self.cookie.is_empty() {
            text += &format!("cookie: {}\r\n", self.cookie);
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        let request = [text.as_bytes(), b"\r\n", body].concat();
        stream.write_all(&request).unwrap();
        stream
    }

    /// Opens an address as a browser does.
    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[("accept", "text/html")], "")
    }

    /// Sends a form as the page's own.
    pub fn post(&self, path: &str, form: &str) -> Reply {
        let origin = format!("http://{}", self.host);
        let headers = [
            ("origin", origin.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.send("POST", path, &headers, form)
    }

    /// Reads the live view's stream as lines, from the first event on.
    pub fn stream(&self) -> impl Iterator<Item = String> + use<> {
        let stream = self.open("GET", "/events?after=0", &[], b"");
        BufReader::new(stream).lines().map_while(Result::ok)
    }
}
