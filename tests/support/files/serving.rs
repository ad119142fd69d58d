//! One connection of the file server: requests in, scripted answers out.

use std::{
    fmt::Write as _,
    fs::File,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use super::{Act, Asked, State, lock};

/// Whether the connection can carry another request.
enum Then {
    GoOn,
    Close,
}

pub(super) fn serve(stream: TcpStream, state: &State) {
    let Ok(reading) = stream.try_clone() else { return };
    let mut reader = BufReader::new(reading);
    let mut answering = Answering { stream, state };
    while let Some((asked, if_range)) = read_head(&mut reader) {
        lock(&state.asked).push(asked.clone());
        match answering.answer(&asked, if_range.as_deref()) {
            Ok(Then::GoOn) => {}
            Ok(Then::Close) => return,
            Err(_) => {
                state.abandoned.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
    }
}

fn read_head(reader: &mut BufReader<TcpStream>) -> Option<(Asked, Option<String>)> {
    let mut line = String::new();
    (reader.read_line(&mut line).ok()? > 0).then_some(())?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut asked = Asked { method, path: target, range: None, user_agent: None };
    let mut if_range = None;
    loop {
        let mut header = String::new();
        (reader.read_line(&mut header).ok()? > 0).then_some(())?;
        let Some((name, value)) = header.trim_end().split_once(':') else {
            return Some((asked, if_range));
        };
        let value = Some(value.trim().to_owned());
        match name.to_ascii_lowercase().as_str() {
            "range" => asked.range = value,
            "user-agent" => asked.user_agent = value,
            "if-range" => if_range = value,
            _ => {}
        }
    }
}

struct Answering<'a> {
    stream: TcpStream,
    state: &'a State,
}

impl Answering<'_> {
    fn answer(&mut self, asked: &Asked, if_range: Option<&str>) -> std::io::Result<Then> {
        if let Some(mut file) = self.file_for(&asked.path) {
            self.head(200, &[("Content-Length", file.metadata()?.len().to_string())])?;
            std::io::copy(&mut file, &mut self.stream)?;
            return Ok(Then::GoOn);
        }
        let (act, content) = self.act_for(&asked.path);
        let Some(content) = content else {
            return self.whole(404, &[], b"no such file");
        };
        match act {
            Act::Serve => self.file(asked, if_range, &content, usize::MAX),
            Act::Sip(bytes) => self.file(asked, if_range, &content, bytes),
            Act::Cut(bytes) => {
                self.head(200, &[("Content-Length", content.len().to_string()), ("ETag", etag(&content))])?;
                self.send(&content[..bytes.min(content.len())])?;
                Ok(Then::Close)
            }
            Act::Stall(bytes) => {
                if self.state.released.load(Ordering::SeqCst) {
                    return self.file(asked, if_range, &content, usize::MAX);
                }
                self.head(200, &[("Content-Length", content.len().to_string()), ("ETag", etag(&content))])?;
                let begin = bytes.min(content.len());
                self.send(&content[..begin])?;
                self.wait_for_release()?;
                self.send(&content[begin..])?;
                Ok(Then::GoOn)
            }
            Act::Drip => {
                self.head(200, &[("Content-Length", content.len().to_string())])?;
                for byte in content.iter() {
                    self.send(&[*byte])?;
                    thread::sleep(Duration::from_secs(1));
                    self.still_wanted()?;
                }
                Ok(Then::GoOn)
            }
            Act::Endless => {
                self.head(200, &[("Connection", "close".into())])?;
                self.send(&content)?;
                let block = vec![0x5a; 1 << 16];
                while !self.state.over.load(Ordering::SeqCst) {
                    self.send(&block)?;
                }
                Ok(Then::Close)
            }
            Act::Wrong => {
                let other: Vec<u8> = content.iter().map(|byte| byte ^ 0x55).collect();
                self.whole(200, &[], &other)
            }
            Act::ClaimLength(length) => {
                self.head(200, &[("Content-Length", length.to_string())])?;
                self.send(&content)?;
                Ok(Then::Close)
            }
            Act::Redirect(to) => self.whole(302, &[("Location", to)], b""),
            Act::Status(status, headers, body) => {
                let headers: Vec<(&str, String)> =
                    headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
                self.whole(status, &headers, body.as_bytes())
            }
        }
    }

    fn act_for(&self, path: &str) -> (Act, Option<Arc<Vec<u8>>>) {
        let mut routes = lock(&self.state.routes);
        let path = path.split('?').next().unwrap_or(path);
        let Some(route) = routes.get_mut(path) else { return (Act::Serve, None) };
        let act = route.first.pop_front().or_else(|| route.always.clone()).unwrap_or(Act::Serve);
        (act, Some(Arc::clone(&route.content)))
    }

    fn file_for(&self, path: &str) -> Option<File> {
        let file = lock(&self.state.routes).get(path)?.file.clone()?;
        Some(File::open(file).expect("a served file stays"))
    }

    fn file(
        &mut self,
        asked: &Asked,
        if_range: Option<&str>,
        content: &[u8],
        most: usize,
    ) -> std::io::Result<Then> {
        let tag = etag(content);
        let length = content.len();
        let range = asked.range.as_deref().filter(|_| if_range.is_none_or(|known| known == tag));
        let range = range.and_then(|range| parsed_range(range, length));
        let common = [("ETag", tag), ("Accept-Ranges", "bytes".into())];
        let (status, part, more) = match range {
            Some((from, to)) => {
                (206, &content[from..=to], vec![("Content-Range", format!("bytes {from}-{to}/{length}"))])
            }
            None => (200, content, Vec::new()),
        };
        let headers = [common.to_vec(), more, vec![("Content-Length", part.len().to_string())]].concat();
        self.head(status, &headers)?;
        if asked.method == "HEAD" {
            return Ok(Then::GoOn);
        }
        self.send(&part[..part.len().min(most)])?;
        Ok(if part.len() > most { Then::Close } else { Then::GoOn })
    }

    fn whole(&mut self, status: u16, headers: &[(&str, String)], body: &[u8]) -> std::io::Result<Then> {
        let length = [("Content-Length", body.len().to_string())];
        self.head(status, &[headers, &length].concat())?;
        self.send(body)?;
        Ok(Then::GoOn)
    }

    fn head(&mut self, status: u16, headers: &[(&str, String)]) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {status} as told\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").expect("text grows");
        }
        head.push_str("\r\n");
        self.stream.write_all(head.as_bytes())
    }

    fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        for part in bytes.chunks(1 << 16) {
            if let Some(line) = &self.state.line {
                line.carry(part.len());
            }
            self.stream.write_all(part)?;
            self.state.sent.fetch_add(part.len(), Ordering::SeqCst);
        }
        Ok(())
    }

    fn wait_for_release(&mut self) -> std::io::Result<()> {
        while !self.state.released.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(20));
            self.still_wanted()?;
        }
        Ok(())
    }

    /// Fails when the other side has closed.
    fn still_wanted(&mut self) -> std::io::Result<()> {
        self.stream.set_read_timeout(Some(Duration::from_millis(1)))?;
        let closed = matches!(self.stream.peek(&mut [0]), Ok(0));
        self.stream.set_read_timeout(None)?;
        if closed || self.state.over.load(Ordering::SeqCst) {
            return Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        }
        Ok(())
    }
}

fn parsed_range(range: &str, length: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let from: usize = from.parse().ok()?;
    let to: usize = if to.is_empty() { length - 1 } else { to.parse().ok()? };
    (from <= to && to < length).then_some((from, to))
}

fn etag(content: &[u8]) -> String {
    format!("\"{}\"", &crate::sha256(content)[..16])
}
