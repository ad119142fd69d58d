//! What goes into a plugin and what comes out, without ever waiting for it.

use std::{io, time::Duration};

use application::ports::hosting::CallFault;
use serde_json::Map;
use tokio::time::Instant;

use super::{super::stopping::Step, CHUNK, Life};
use crate::host::{channel::Effect, journal::Journal};

impl Life<'_> {
    pub(super) fn hear(&mut self) {
        let mut bytes = [0; CHUNK];
        match self.running.stdout.try_read(&mut bytes) {
            Ok(0) => self.deaf(),
            Ok(count) => {
                let effects = self.channel.hear(&bytes[..count]);
                self.apply(effects);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_broken) => self.deaf(),
        }
    }

    /// Nothing will come any more: nobody waits until their time is up, and a process that is left has ended soon.
    pub(super) fn deaf(&mut self) {
        const SOON: Duration = Duration::from_secs(2);
        self.stdout_open = false;
        self.abandon();
        if self.leaving.is_none() {
            self.doom.get_or_insert_with(|| Instant::now() + SOON);
        }
    }

    pub(super) fn abandon(&mut self) {
        for (_, waiting) in self.waiting.drain() {
            let _ = waiting.send(Err(CallFault::Died));
        }
        self.probes.clear();
    }

    pub(super) fn hear_errors(&mut self) {
        let mut bytes = [0; CHUNK];
        match self.running.stderr.try_read(&mut bytes) {
            Ok(count @ 1..) => {
                for (level, text) in self.errors.feed(&bytes[..count]) {
                    self.write(level, &text, Map::new());
                }
                if self.errors.has_rest() {
                    self.flush.get_or_insert_with(|| Instant::now() + Journal::PATIENCE);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => self.stderr_open = false,
        }
    }

    pub(super) fn tell(&mut self) {
        if let Some(stdin) = &self.running.stdin {
            if self.outbox.send(stdin).is_err() {
                self.outbox.clear();
                self.running.stdin = None;
            } else if self.outbox.closing && self.outbox.is_empty() {
                self.running.stdin = None;
            }
        } else {
            self.outbox.clear();
        }
        if let Some(leaving) = &mut self.leaving
            && leaving.step == Step::Draining
            && self.waiting.is_empty()
        {
            leaving.until = Instant::now();
        }
    }

    /// What was still in the pipes. Somebody of the family may hold them open, so there is no end to wait for.
    pub(super) fn last(&mut self) {
        const MOST: usize = 256;
        for _ in 0..MOST {
            let mut bytes = [0; CHUNK];
            match self.running.stdout.try_read(&mut bytes) {
                Ok(count @ 1..) => {
                    for effect in self.channel.hear(&bytes[..count]) {
                        if matches!(
                            effect,
                            Effect::Answered(..) | Effect::Log(..) | Effect::Refused(_) | Effect::Impostor(_)
                        ) {
                            self.one(effect);
                        }
                    }
                }
                Ok(_) | Err(_) => break,
            }
        }
        for _ in 0..MOST {
            if !self.stderr_open {
                break;
            }
            let mut bytes = [0; CHUNK];
            match self.running.stderr.try_read(&mut bytes) {
                Ok(count @ 1..) => {
                    for (level, text) in self.errors.feed(&bytes[..count]) {
                        self.write(level, &text, Map::new());
                    }
                }
                Ok(_) | Err(_) => break,
            }
        }
        for (level, text) in self.errors.end() {
            self.write(level, &text, Map::new());
        }
        self.abandon();
    }
}
