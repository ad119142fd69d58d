//! One key as text (RFC 7468): a line that begins it, base64, a line that ends it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

const WIDTH: usize = 64;
/// A key of 8192 bits takes a tenth of it.
const LONGEST: usize = 64 * 1024;

/// The label and the bytes of the only block; `None` when it is not one block without headers.
pub(super) fn read(text: &str) -> Option<(&str, Vec<u8>)> {
    let text = text.trim();
    if text.len() > LONGEST {
        return None;
    }
    let (label, rest) = text.strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let body = rest.strip_suffix("-----")?.strip_suffix(label)?.strip_suffix("-----END ")?;
    let base64: String = body.split_ascii_whitespace().collect();
    Some((label, STANDARD.decode(base64).ok()?))
}

/// With one newline after the last line.
pub(super) fn write(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(WIDTH));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text + "-----END " + label + "-----\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_in_lines_that_every_reader_takes() {
        for length in [0, 1, 47, 48, 49, 500] {
            let bytes = vec![7; length];
            let text = write("RSA PUBLIC KEY", &bytes);
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
            assert!(text.ends_with("KEY-----\n") && !text.ends_with("\n\n"));
            assert_eq!(read(&text), Some(("RSA PUBLIC KEY", bytes)));
        }
    }

    #[test]
    fn anything_else_is_no_block() {
        let good = write("A", b"x");
        assert!(read(&format!("\r\n{}\n\n", good.replace('\n', "\r\n"))).is_some());
        let two = format!("{good}{good}");
        let long = write("A", &vec![0; LONGEST]);
        for text in ["", "-----BEGIN A-----", "-----BEGIN A-----\n!\n-----END A-----", &two, &long] {
            assert_eq!(read(text), None, "{text:.80}");
        }
    }
}
