//! The real accept loop on a port of its own, over ports in memory.

use std::{net::SocketAddr, sync::Arc};

use futures::FutureExt as _;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::Fakes;
use crate::{serve, services::Services, settings::tests::settings, wiring::Yard};

pub(crate) struct Served {
    pub(crate) fakes: Arc<Fakes>,
    pub(crate) services: Services,
    pub(crate) address: SocketAddr,
    pub(crate) ended: JoinHandle<()>,
    _dir: TempDir,
}

impl Served {
    pub(crate) async fn with(flags: &[&str]) -> Self {
        let fakes = Fakes::new();
        let (services, dir) = fakes.services(flags);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (watch, stop) = (services.watch.clone(), services.shutdown.stopping.clone());
        services.shutdown.background.spawn(async move { watch.run(stop).await });
        let yard = Yard { services: services.clone(), close: std::future::ready(()).boxed() };
        let (settings, _) = settings(&[&["--data-dir", "/nowhere"], flags].concat()).unwrap();
        let shutdown = services.shutdown.clone();
        #[expect(clippy::disallowed_methods, reason = "the test drains it")]
        let ended =
            tokio::spawn(async move { serve::until_drained(listener, &settings, yard, &shutdown).await });
        Self { fakes, services, address, ended, _dir: dir }
    }

    /// Says these bytes on a connection of their own and reads until the server closes it.
    pub(crate) async fn say(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is as good as an end.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}
