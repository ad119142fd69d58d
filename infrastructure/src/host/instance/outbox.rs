//! What a plugin is still to be told: it reads when it likes, and nobody waits for that.

use std::{collections::VecDeque, io};

use tokio::net::unix::pipe::Sender;

/// A plugin that reads nothing is told no more than this.
const MOST: usize = 8 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    left: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Of the first.
    sent: usize,
    /// Nothing more is to come after what is left.
    pub(super) closing: bool,
}

impl Outbox {
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= MOST
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    pub(super) fn push(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() && !self.closing {
            self.bytes += bytes.len();
            self.left.push_back(bytes);
        }
    }

    /// As much as the plugin takes now.
    pub(super) fn send(&mut self, pipe: &Sender) -> io::Result<()> {
        while let Some(first) = self.left.front() {
            match pipe.try_write(&first[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            if self.sent >= first.len() {
                self.bytes -= first.len();
                self.sent = 0;
                self.left.pop_front();
            }
        }
        // An idle plugin keeps no room.
        self.left = VecDeque::new();
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        *self = Self { closing: self.closing, ..Self::default() };
    }
}
