//! A task's socket: the current record at once, then the newest one after each change, for as long as the client
//! stays. A slow client gets fewer frames, never an old one, and always the last. The server ends it only for an
//! unknown task, for a client that is gone or breaks the rules, and when it shuts down.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use application::{
    processes::watch_tasks::WatchTasks,
    queries::tasks::{TaskQueries, TaskView},
};
use axum::{
    Extension,
    extract::{
        FromRef, State,
        ws::{
            CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code,
            rejection::WebSocketUpgradeRejection,
        },
    },
    http::{
        StatusCode,
        header::{RETRY_AFTER, UPGRADE},
    },
    response::Response,
};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{DifyError, body::Frame, named::Named, pace::Pace};
use crate::{
    address::Client,
    credential::Asking,
    mount::Mount,
    services::Services,
    shutdown::Shutdown,
    socket_caller::SocketCaller,
    sockets::{Place, Sockets},
};

const HEARTBEAT: Duration = Duration::from_secs(15);
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(45);
/// How long a frame may wait for a client that does not read.
const WRITABLE: Duration = Duration::from_secs(30);
/// How long the client has to answer a close.
const GOODBYE: Duration = Duration::from_secs(2);
const LARGEST_HEARD: usize = 4 * 1024;
/// What is read at all; between the two sizes the close can still say why.
const LARGEST_READ: usize = 64 * 1024;
const BUFFER: usize = 4 * 1024;

/// What a socket needs.
#[derive(Clone)]
pub(super) struct Desk {
    queries: Arc<dyn TaskQueries>,
    watch: Arc<WatchTasks>,
    sockets: Arc<Sockets>,
    shutdown: Shutdown,
}

impl FromRef<Services> for Desk {
    fn from_ref(services: &Services) -> Self {
        Self {
            queries: services.task_queries.clone(),
            watch: services.watch.clone(),
            sockets: services.sockets.clone(),
            shutdown: services.shutdown.clone(),
        }
    }
}

pub(super) async fn open(
    State(desk): State<Desk>,
    Extension(mount): Extension<Mount>,
    Extension(client): Extension<Client>,
    SocketCaller(principal): SocketCaller,
    named: Result<Named, DifyError>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, DifyError> {
    let view = match named {
        Ok(Named(id)) => desk.queries.get(id).await?,
        Err(_no_uuid) => None,
    };
    let upgrade =
        upgrade.map_err(|_plain_request| if view.is_some() { no_upgrade() } else { DifyError::no_task() })?;
    if desk.shutdown.is_draining() {
        return Err(DifyError::unavailable("The server is shutting down"));
    }
    let place = desk.sockets.enter(client, &principal).ok_or_else(too_many)?;
    let (ends, tracked) = (desk.shutdown.draining.clone(), desk.shutdown.foreground.token());
    let upgrade =
        upgrade.read_buffer_size(BUFFER).write_buffer_size(0).max_write_buffer_size(2 * LARGEST_READ);
    let mut response = upgrade.max_message_size(LARGEST_READ).max_frame_size(LARGEST_READ).on_upgrade(
        async move |mut socket| {
            let end = match view {
                Some(view) => {
                    Session::new(&mut socket, desk.watch.watch(view), mount, &place, ends).run().await
                }
                None => End::Close(close_code::POLICY, "Task not found"),
            };
            if let End::Close(code, reason) = end {
                say_goodbye(socket, code, reason).await;
            }
            drop((place, tracked));
        },
    );
    // For the log: a ticket proves more than the headers do.
    response.extensions_mut().insert(Asking(principal));
    Ok(response)
}

fn no_upgrade() -> DifyError {
    DifyError::text(StatusCode::UPGRADE_REQUIRED, "This is a WebSocket: ask for an upgrade")
        .with_header(UPGRADE, "websocket")
}

fn too_many() -> DifyError {
    DifyError::text(StatusCode::TOO_MANY_REQUESTS, "Too many open sockets").with_header(RETRY_AFTER, "10")
}

/// How a session ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The client is gone, or takes nothing any more.
    Gone,
    Close(u16, &'static str),
}

struct Session<'a> {
    socket: &'a mut WebSocket,
    views: watch::Receiver<Arc<TaskView>>,
    mount: Mount,
    place: &'a Place,
    ends: CancellationToken,
    pace: Pace,
    spoke: Instant,
    pinged: Instant,
    ponged: Instant,
}

impl<'a> Session<'a> {
    fn new(
        socket: &'a mut WebSocket,
        views: watch::Receiver<Arc<TaskView>>,
        mount: Mount,
        place: &'a Place,
        ends: CancellationToken,
    ) -> Self {
        let (shown, now) = (Pace::new(&views.borrow()), Instant::now());
        Self { socket, views, mount, place, ends, pace: shown, spoke: now, pinged: now, ponged: now }
    }

    async fn run(mut self) -> End {
        let Err(end) = self.talk().await;
        end
    }

    async fn talk(&mut self) -> Result<std::convert::Infallible, End> {
        self.show().await?;
        loop {
            let due = self.pace.due();
            tokio::select! {
                () = self.ends.cancelled() => {
                    sleep(self.place.turn()).await;
                    return Err(End::Close(close_code::AWAY, "The server is shutting down"));
                }
                heard = self.socket.recv() => self.hear(heard).await?,
                changed = self.views.changed() => match changed {
                    Ok(()) => self.pace.changed(&self.views.borrow_and_update()),
                    Err(_closed) => return Err(End::Close(close_code::AWAY, "The server is shutting down")),
                },
                () = sleep_until(due.unwrap_or(self.spoke)), if due.is_some() => self.show().await?,
                () = sleep_until(self.spoke + HEARTBEAT) => {
                    self.say(&json!({"type": "heartbeat", "timestamp": unix_seconds()})).await?;
                }
                () = sleep_until(self.pinged + PING) => {
                    self.pinged = Instant::now();
                    self.send(Message::Ping(Vec::new().into())).await?;
                }
                () = sleep_until(self.ponged + PONG) => return Err(End::Close(close_code::ERROR, "No pong")),
            }
        }
    }

    async fn show(&mut self) -> Result<(), End> {
        let view = self.views.borrow_and_update().clone();
        self.say(&Frame::of(&view, self.mount)).await?;
        self.pace.shown(&view);
        Ok(())
    }

    async fn hear(&mut self, heard: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        const TOO_LARGE: End = End::Close(close_code::SIZE, "Frame larger than 4 KiB");
        match heard {
            Some(Ok(Message::Text(text))) if text.len() <= LARGEST_HEARD => self.answer(&text).await,
            Some(Ok(Message::Binary(bytes))) if bytes.len() <= LARGEST_HEARD => Ok(()),
            Some(Ok(Message::Text(_) | Message::Binary(_))) => Err(TOO_LARGE),
            Some(Ok(Message::Pong(_))) => {
                self.ponged = Instant::now();
                Ok(())
            }
            Some(Ok(Message::Ping(_))) => Ok(()),
            Some(Err(error)) if is_too_large(&error) => Err(TOO_LARGE),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
        }
    }

    /// Some clients ping in text; anything else is ignored.
    async fn answer(&mut self, text: &str) -> Result<(), End> {
        match serde_json::from_str::<Value>(text) {
            Ok(said) if said["type"] == "ping" => {
                self.say(&json!({"type": "pong", "timestamp": said["timestamp"]})).await
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn say(&mut self, frame: &impl serde::Serialize) -> Result<(), End> {
        let text = serde_json::to_string(frame).map_err(|_never| End::Gone)?;
        self.spoke = Instant::now();
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(WRITABLE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_broken)) => Err(End::Gone),
            // Nothing can be sent, so 1013 is only tried.
            Err(_elapsed) => Err(End::Close(close_code::AGAIN, "Too slow")),
        }
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    // The library's own error type is not in axum's interface.
    std::error::Error::source(error).is_some_and(|cause| cause.to_string().contains("too long"))
}

/// Sends the close and reads on until the client has answered, so that the close is not lost in a reset.
async fn say_goodbye(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    let goodbye = async {
        if socket.send(frame).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    let _ = timeout(GOODBYE, goodbye).await;
}

fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
