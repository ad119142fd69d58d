//! What the log says, by thread: one subscriber for all tests of the binary, in place before the first line.
//!
//! A subscriber of one thread would not do: whichever thread meets a line first decides for all whether
//! anybody listens, and it may meet it while ours is being put up.

use std::{
    cell::RefCell,
    io::{Result, Write},
    sync::Once,
};

use tracing::Level;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use super::json_lines;

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Kept;

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Called by whatever makes the first line possible.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let info = Targets::new().with_default(Level::INFO);
        tracing_subscriber::registry().with(info).with(json_lines(|| Kept)).init();
    });
}

/// Everything that this thread has logged since it was last asked.
pub(crate) fn taken() -> String {
    String::from_utf8(LINES.take()).unwrap()
}
