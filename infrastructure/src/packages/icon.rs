//! Whether a file may be shown as an icon: small, and an image by its first bytes.

use application::{failure::Failure, ports::packages::IconFile};

use super::contents::Contents;

const LARGEST: u64 = 256 * 1024;

/// None: there is no such file, or it is no icon.
pub(super) fn read(contents: &dyn Contents, name: &str) -> Result<Option<IconFile>, Failure> {
    let fits = contents.files().any(|(there, size)| there == name && size <= LARGEST);
    let bytes = if fits { contents.read(name, LARGEST)? } else { None };
    Ok(bytes.and_then(|bytes| {
        let media_type = media_type(&bytes)?.to_owned();
        Some(IconFile { media_type, bytes: bytes.into() })
    }))
}

pub(super) fn media_type(bytes: &[u8]) -> Option<&'static str> {
    let is_webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    match bytes {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        _ if is_webp => Some("image/webp"),
        _ if is_svg(bytes) => Some("image/svg+xml"),
        _ => None,
    }
}

/// Behind a declaration, comments and a document type, the first element is `svg`.
fn is_svg(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_start();
    for (open, close) in [("<?", "?>"), ("<!--", "-->"), ("<!DOCTYPE svg", ">"), ("<!--", "-->")] {
        while let Some(rest) = text.strip_prefix(open) {
            let Some((_, behind)) = rest.split_once(close) else { return false };
            text = behind.trim_start();
        }
    }
    let name_ends = |rest: &str| rest.starts_with(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/');
    text.strip_prefix("<svg").is_some_and(name_ends) && !text.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_their_first_bytes() {
        for (bytes, expected) in [
            (b"\x89PNG\r\n\x1a\n....".as_slice(), Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"GIF89a", Some("image/gif")),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", Some("image/webp")),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Some("image/svg+xml")),
            (
                b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- by a tool -->\n<!DOCTYPE svg PUBLIC \"x\">\n<svg>",
                Some("image/svg+xml"),
            ),
            (b"<!DOCTYPE html><svg>", None),
            (b"<html><svg></svg></html>", None),
            (b"<svgs>", None),
            (b"<!-- <svg>", None),
            (b"RIFF\x01\x02\x03\x04WAVE", None),
            (b"text", None),
            (b"", None),
        ] {
            assert_eq!(media_type(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
