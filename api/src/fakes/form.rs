//! Forms with parts, as clients send them.

pub(crate) const BOUNDARY: &str = "a-boundary-of-the-tests";

/// The first part is a file.
pub(crate) fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (number, (name, content)) in parts.iter().enumerate() {
        let file = if number == 0 { "; filename=\"package\"" } else { "" };
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}
