//! Messages that are too large for a line: split, and put together again. Sizes and places count bytes of UTF-8.

use serde_json::{Map, Value, json};

const PIECE: usize = 16 * 1024;
const MOST_BYTES: usize = 16 * 1024 * 1024;
const MOST_PIECES: usize = 4096;

/// The one large message that is on its way.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    begun: Option<(usize, Vec<u8>, usize)>,
}

impl Chunks {
    /// The whole message with its last piece.
    ///
    /// # Errors
    /// When pieces are missing, too many, or of nothing.
    pub(super) fn add(&mut self, piece: &Map<String, Value>) -> Result<Option<Vec<u8>>, &'static str> {
        let number =
            |name: &str| piece.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        match piece.get("type").and_then(Value::as_str) {
            Some("chunk_start") => {
                let total = number("total_size").filter(|total| *total <= MOST_BYTES);
                let total = total.ok_or("it announced a message of more than 16 MiB")?;
                if self.begun.replace((total, Vec::new(), 0)).is_some() {
                    return Err("it began a large message within another");
                }
                Ok(None)
            }
            Some("chunk_data") => {
                let (total, bytes, count) = self.begun.as_mut().ok_or("it sent a piece of no message")?;
                let data = piece.get("data").and_then(Value::as_str).unwrap_or_default();
                *count += 1;
                if number("offset") != Some(bytes.len())
                    || bytes.len() + data.len() > *total
                    || *count > MOST_PIECES
                {
                    return Err("a piece of a large message is not in its place");
                }
                bytes.extend_from_slice(data.as_bytes());
                Ok(None)
            }
            Some("chunk_end") => {
                let (total, bytes, _) = self.begun.take().ok_or("it ended no message")?;
                if bytes.len() != total {
                    return Err("a large message is not as long as it says");
                }
                Ok(Some(bytes))
            }
            Some(_) | None => Err("it sent a piece of an unknown kind"),
        }
    }
}

/// Lines; one for what is small enough. `None` for what is too large in any case.
pub(super) fn split(text: &str) -> Option<Vec<Vec<u8>>> {
    let line = |value: &str| [value.as_bytes(), b"\n"].concat();
    if text.len() <= PIECE {
        return Some(vec![line(text)]);
    }
    if text.len() > MOST_BYTES {
        return None;
    }
    let mut lines = vec![line(&json!({"type": "chunk_start", "total_size": text.len()}).to_string())];
    let mut offset = 0;
    while offset < text.len() {
        let end = text.floor_char_boundary((offset + PIECE).min(text.len()));
        let piece = json!({"type": "chunk_data", "data": &text[offset..end], "offset": offset});
        lines.push(line(&piece.to_string()));
        offset = end;
    }
    lines.push(line(&json!({"type": "chunk_end"}).to_string()));
    Some(lines)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn put_together(lines: &[Vec<u8>]) -> Vec<u8> {
        let mut chunks = Chunks::default();
        let whole = lines.iter().find_map(|line| chunks.add(&serde_json::from_slice(line).unwrap()).unwrap());
        whole.unwrap()
    }

    proptest! {
        #[test]
        fn what_was_split_is_the_same_again(part in "\\PC{1,40}", times in 2000_usize..4000) {
            let text = part.repeat(times);
            let lines = split(&text).unwrap();
            prop_assert!(lines.iter().all(|line| line.len() <= 64 * 1024));
            if lines.len() > 1 {
                prop_assert_eq!(put_together(&lines), text.into_bytes());
            }
        }
    }

    #[test]
    fn what_is_small_is_one_line_and_what_is_huge_is_none() {
        assert_eq!(split("{}"), Some(vec![b"{}\n".to_vec()]));
        assert_eq!(split(&"x".repeat(MOST_BYTES + 1)), None);
    }

    #[test]
    fn pieces_out_of_place_are_refused() {
        let start = |total: usize| json!({"type": "chunk_start", "total_size": total});
        let data = |data: &str, offset: usize| json!({"type": "chunk_data", "data": data, "offset": offset});
        let end = json!({"type": "chunk_end"});
        for wrong in [
            vec![data("a", 0)],
            vec![end.clone()],
            vec![start(MOST_BYTES + 1)],
            vec![start(2), start(2)],
            vec![start(2), data("a", 1)],
            vec![start(2), data("abc", 0)],
            vec![start(2), data("a", 0), end.clone()],
            vec![json!({"type": "other"})],
        ] {
            let mut chunks = Chunks::default();
            let outcomes: Vec<_> =
                wrong.iter().map(|piece| chunks.add(&piece.as_object().unwrap().clone())).collect();
            assert!(outcomes.last().unwrap().is_err(), "{wrong:?}");
        }
    }
}
