//! A connection of a peer: association, commands and objects.

use std::{future::Future, io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

use super::{
    association::{Accepted, Association, Rejection, Request, Titles},
    command::{CANCEL, Command, ECHO, STORE},
    pdu::{self, Pdu},
};

pub use super::command::Status;

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;

/// The longest command; those of this node's services have some hundred bytes.
const MAX_COMMAND: usize = 16 << 10;

/// Time for the peer to close the connection after the last unit: ARTIM of PS3.8, 9.1.5.
const FAREWELL: Duration = Duration::from_secs(5);

/// Settings of the node.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Titles that the node accepts.
    pub titles: Titles,
    /// Bytes of the largest object.
    pub max_bytes: usize,
    /// Time after which a silent peer is left.
    pub idle: Duration,
}

/// A received object.
pub struct Received {
    /// Title of the peer.
    pub peer: String,
    /// SOP class, as the command says.
    pub class: String,
    /// SOP instance, as the command says.
    pub instance: String,
    /// Transfer syntax of the data set.
    pub syntax: String,
    /// The data set.
    pub data: Vec<u8>,
}

/// Place of received objects.
pub trait Storage: Send + Sync {
    /// Stores an object; success means that it is there to stay.
    fn store(&self, object: Received) -> impl Future<Output = Status> + Send;
}

/// Result of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Title of the peer; empty if there was no association.
    pub peer: String,
    /// Objects that were stored.
    pub stored: usize,
    /// Objects that were not.
    pub failed: usize,
}

/// Serves one connection; without room for it the association is rejected for the moment.
///
/// # Errors
/// The connection's, and those of a peer that doesn't keep to the protocol, after an abort.
pub async fn serve<S>(
    mut stream: S,
    settings: &Settings,
    storage: &impl Storage,
    has_room: bool,
) -> io::Result<Summary>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let result = converse(&mut stream, settings, storage, has_room).await;
    if result
        .as_ref()
        .is_err_and(|e| e.kind() == io::ErrorKind::InvalidData)
    {
        let abort = pdu::written(pdu::ABORT, &[0, 0, 2, 0]);
        // The peer may be gone.
        let _ = stream.write_all(&abort).await;
    }
    // A peer may take a connection that closes right after a unit for one that closed without it.
    let _ = timeout(FAREWELL, closed(&mut stream)).await;
    let _ = stream.shutdown().await;
    result
}

/// Waits until the peer closes the connection, and drops what it still sends (PS3.8, 9.2, Sta13).
async fn closed<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
}

async fn converse<S>(
    stream: &mut S,
    settings: &Settings,
    storage: &impl Storage,
    has_room: bool,
) -> io::Result<Summary>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut summary = Summary::default();
    let Some(unit) = next(stream, settings).await? else {
        return Ok(summary);
    };
    if unit.kind != pdu::ASSOCIATE_RQ {
        return Err(invalid("there is no association"));
    }
    let request = Request::read(&unit.content).ok_or_else(|| invalid("a faulty request"))?;
    let decision = match has_room {
        true => request.decide(&settings.titles),
        false => Err(Rejection::BUSY),
    };
    let association = match decision {
        Ok(association) => association,
        Err(rejection) => {
            stream.write_all(&rejection.unit()).await?;
            return Ok(summary);
        }
    };
    stream.write_all(&request.acceptance()).await?;
    summary.peer.clone_from(&association.peer);
    let mut message = Message::default();
    while let Some(unit) = next(stream, settings).await? {
        match unit.kind {
            pdu::DATA => {}
            pdu::RELEASE_RQ => {
                let release = pdu::written(pdu::RELEASE_RP, &[0; 4]);
                stream.write_all(&release).await?;
                return Ok(summary);
            }
            pdu::ABORT => return Ok(summary),
            _ => return Err(invalid("an unexpected unit")),
        }
        let parts = pdu::fragments(&unit.content).ok_or_else(|| invalid("faulty parts"))?;
        for part in parts {
            let Some(done) = message.add(&part, settings.max_bytes)? else {
                continue;
            };
            let context = association.contexts.iter().find(|c| c.id == part.context);
            let context = context.ok_or_else(|| invalid("a context that is not accepted"))?;
            let (command, data) = done;
            if command.field == CANCEL {
                continue;
            }
            let status = handle(&association, context, &command, data, storage).await;
            if command.field == STORE {
                match status {
                    Status::SUCCESS => summary.stored += 1,
                    _ => summary.failed += 1,
                }
            }
            let response = command.response(status);
            let units = pdu::commands(context.id, &response, association.longest);
            stream.write_all(&units).await?;
        }
    }
    Ok(summary)
}

async fn next<S: AsyncRead + Unpin>(
    stream: &mut S,
    settings: &Settings,
) -> io::Result<Option<Pdu>> {
    match timeout(settings.idle, pdu::read(stream)).await {
        Ok(read) => read,
        Err(_) => Err(invalid("the peer was silent for too long")),
    }
}

async fn handle(
    association: &Association,
    context: &Accepted,
    command: &Command,
    data: Option<Vec<u8>>,
    storage: &impl Storage,
) -> Status {
    match (command.field, data) {
        (ECHO, _) => Status::SUCCESS,
        (STORE, None) => Status::TOO_LARGE,
        (STORE, Some(_)) if command.class != context.class => Status::MISMATCH,
        (STORE, Some(data)) => {
            let object = Received {
                peer: association.peer.clone(),
                class: command.class.clone(),
                instance: command.instance.clone(),
                syntax: context.syntax.clone(),
                data,
            };
            storage.store(object).await
        }
        _ => Status::UNRECOGNIZED,
    }
}

fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// A message that is being received.
#[derive(Default)]
struct Message {
    command: Vec<u8>,
    request: Option<Command>,
    data: Vec<u8>,
    is_too_large: bool,
}

impl Message {
    /// Adds a part. Returns the message when it is whole: its command and its data, `None` for data
    /// over the limit, of which nothing is kept.
    fn add(
        &mut self,
        part: &pdu::Fragment<'_>,
        max_bytes: usize,
    ) -> io::Result<Option<(Command, Option<Vec<u8>>)>> {
        if part.is_command {
            if self.command.len() + part.bytes.len() > MAX_COMMAND || self.request.is_some() {
                return Err(invalid("a command that is too long"));
            }
            self.command.extend(part.bytes);
            if !part.is_last {
                return Ok(None);
            }
            let command =
                Command::read(&self.command).ok_or_else(|| invalid("a faulty command"))?;
            self.command.clear();
            if !command.has_data {
                return Ok(Some((command, Some(Vec::new()))));
            }
            self.request = Some(command);
            return Ok(None);
        }
        if self.request.is_none() {
            return Err(invalid("data without a command"));
        }
        self.is_too_large |= self.data.len() + part.bytes.len() > max_bytes;
        match self.is_too_large {
            true => self.data = Vec::new(),
            false => self.data.extend(part.bytes),
        }
        if !part.is_last {
            return Ok(None);
        }
        let data = std::mem::take(&mut self.data);
        let data = (!std::mem::take(&mut self.is_too_large)).then_some(data);
        Ok(self.request.take().map(|command| (command, data)))
    }
}
