//! How the process ends: told once, everything drains in its order, and it never takes longer than it may.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// From the signal until nothing works any more.
pub(crate) const LONGEST: Duration = Duration::from_secs(12);

/// The two moments of an end, and who is waited for after each.
///
/// `draining` is raised by the signal: not ready any more, no new sockets, no new jobs. `stopping` follows when
/// no request, socket, command or attempt is left that could still want the log or a read model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shutdown {
    pub(crate) draining: CancellationToken,
    pub(crate) stopping: CancellationToken,
    /// Ends by itself after `draining`: connections, sockets, workers.
    pub(crate) foreground: TaskTracker,
    /// Ends by itself after `stopping`: subscriptions, the writer of the log.
    pub(crate) background: TaskTracker,
}

impl Shutdown {
    /// Raises `draining` on SIGTERM or SIGINT. A second interrupt, from somebody at a terminal, ends the process at
    /// once; a second SIGTERM, as supervisors send it, changes nothing.
    pub(crate) fn listen(&self) -> std::io::Result<()> {
        let mut signals = Signals::listen()?;
        let this = self.clone();
        self.background.spawn(async move {
            tokio::select! {
                () = signals.next() => {}
                () = this.stopping.cancelled() => return,
            }
            tracing::info!("draining");
            this.draining.cancel();
            tokio::select! {
                _ = signals.interrupt.recv() => std::process::exit(130),
                () = this.stopping.cancelled() => {}
            }
        });
        Ok(())
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    pub(crate) async fn foreground_ended(&self) {
        self.foreground.close();
        self.foreground.wait().await;
    }

    /// Raises `stopping` and waits for everything behind it.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        self.background.close();
        self.background.wait().await;
    }
}

/// SIGTERM and SIGINT.
pub(crate) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
