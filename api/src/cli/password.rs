//! A password from whoever runs the command: asked for without an echo on a terminal, else the first line of standard
//! input. Never from the arguments, which everybody on the machine can read.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use anyhow::bail;
use application::ports::vault::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::shutdown::Signals;

/// Longer than any password may be.
const LONGEST_LINE: u64 = 8 * 1024;

/// None: an empty line, or nothing at all.
pub(super) async fn read() -> anyhow::Result<Option<Secret>> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return tokio::task::spawn_blocking(line).await?;
    }
    let mut signals = Signals::listen()?;
    let shown = tcgetattr(&stdin)?;
    let typed = tokio::select! {
        typed = tokio::task::spawn_blocking(typed_twice) => typed?,
        () = signals.next() => {
            echo_again(&shown);
            std::process::exit(130);
        }
    };
    echo_again(&shown);
    typed
}

fn echo_again(shown: &Termios) {
    // A terminal that has gone has no echo to bring back.
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, shown);
    let _ = writeln!(io::stderr());
}

fn typed_twice() -> anyhow::Result<Option<Secret>> {
    let stdin = io::stdin();
    let mut quiet = tcgetattr(&stdin)?;
    quiet.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &quiet)?;
    write!(io::stderr(), "Password (empty: as it is): ")?;
    let Some(first) = line()? else { return Ok(None) };
    write!(io::stderr(), "\nThe same again: ")?;
    if line()?.as_ref() != Some(&first) {
        bail!("the two are not the same; nothing was changed");
    }
    Ok(Some(first))
}

fn line() -> anyhow::Result<Option<Secret>> {
    let mut line = String::new();
    io::stdin().lock().take(LONGEST_LINE).read_line(&mut line)?;
    let line = line.trim_end_matches(['\r', '\n']);
    Ok((!line.is_empty()).then(|| Secret::from(line.to_owned())))
}
