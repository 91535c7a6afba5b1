//! authenticatorLargeBlobs (0x0C), CTAP 2.3 section 6.10 (LB-01 to LB-54).

use alloc::vec::Vec;

use super::parameters::required;
use super::{Context, Reply};
use crate::cbor::{Bytes, Map, MapWriter};
use crate::change::Change;
use crate::crypto;
use crate::limits::FRAGMENT_OVERHEAD;
use crate::pin::Permissions;
use crate::session::Walk;
use crate::status::Status;

pub(crate) const COMMAND: u8 = 0x0c;

/// The truncated hash at the end of the array.
const HASH: usize = 16;
/// The shortest array: empty, with its hash (LB-33).
const SHORTEST: u64 = 17;
/// Arrays up to this length always have room (LB-32).
const ALWAYS_FITS: u64 = 1024;

pub(crate) fn run(parameters: &[u8], cx: &mut Context<'_>) -> Result<Reply, Status> {
    let walk = cx.session.take_walk(cx.channel, cx.now);
    let request = Request::parse(parameters)?;
    let offset = request.offset.ok_or(Status::InvalidParameter)?; // LB-10
    match (request.get, request.set) {
        (Some(count), None) => get(&request, offset, count, cx),
        (None, Some(fragment)) => {
            let write = match walk {
                Some((Walk::LargeBlobs(write), _)) => Some(write),
                _ => None,
            };
            set(&request, offset, fragment, write, cx)
        }
        _ => Err(Status::InvalidParameter), // LB-11, LB-12
    }
}

/// The request as it came, each member of its right type (MSG-21).
#[derive(Default)]
struct Request<'a> {
    get: Option<u64>,
    set: Option<&'a [u8]>,
    offset: Option<u64>,
    length: Option<u64>,
    param: Option<&'a [u8]>,
    protocol: Option<u64>,
}

impl<'a> Request<'a> {
    fn parse(parameters: &'a [u8]) -> Result<Self, Status> {
        let mut request = Self::default();
        for (key, value) in Map::parse(parameters)?.by_number() {
            match key {
                0x01 => request.get = Some(value.unsigned()?),
                0x02 => request.set = Some(value.bytes()?),
                0x03 => request.offset = Some(value.unsigned()?),
                0x04 => request.length = Some(value.unsigned()?),
                0x05 => request.param = Some(value.bytes()?),
                0x06 => request.protocol = Some(value.unsigned()?),
                _ => {}
            }
        }
        Ok(request)
    }
}

/// LB-01.
fn max_fragment(cx: &Context<'_>) -> usize {
    cx.config.max_msg_size.saturating_sub(FRAGMENT_OVERHEAD)
}

/// LB-20 to LB-25.
fn get(request: &Request<'_>, offset: u64, count: u64, cx: &Context<'_>) -> Result<Reply, Status> {
    if request.length.is_some() || request.param.is_some() || request.protocol.is_some() {
        return Err(Status::InvalidParameter); // LB-20, LB-21
    }
    let count = usize::try_from(count).ok().filter(|count| *count <= max_fragment(cx));
    let count = count.ok_or(Status::InvalidLength)?; // LB-22
    let array = &cx.store.state().large_blobs;
    let start = usize::try_from(offset).ok();
    let rest = start.and_then(|start| array.get(start..)).ok_or(Status::InvalidParameter)?; // LB-23
    let mut reply = MapWriter::new();
    reply.put(0x01_u8, Bytes(rest.get(..count).unwrap_or(rest))); // LB-24
    Ok(Reply::map(&reply))
}

/// A write whose last fragments are still to come (LB-04).
pub(crate) struct Write {
    /// expectedLength.
    length: u64,
    /// The bytes so far; their number is expectedNextOffset.
    pending: Vec<u8>,
    /// A token authorised the fragments so far, and its end ends the write (LB-53).
    by_token: bool,
}

impl Write {
    fn next_offset(&self) -> u64 {
        self.pending.len() as u64
    }
}

/// LB-30 to LB-47.
fn set(
    request: &Request<'_>,
    offset: u64,
    fragment: &[u8],
    write: Option<Write>,
    cx: &mut Context<'_>,
) -> Result<Reply, Status> {
    if fragment.len() > max_fragment(cx) {
        return keep(write, Status::InvalidLength, cx); // LB-30
    }
    let mut write = match begin_or_continue(request, offset, write, cx) {
        Ok(write) => write,
        Err((write, status)) => return keep(write, status, cx),
    };
    match authorize(request, offset, fragment, cx) {
        Ok(by_token) => write.by_token = by_token,
        Err(status) => return keep(Some(write), status, cx), // LB-54
    }
    let end = write.next_offset().saturating_add(fragment.len() as u64);
    if end > write.length {
        return keep(Some(write), Status::InvalidParameter, cx); // LB-42
    }
    write.pending.extend_from_slice(fragment); // LB-43
    if end < write.length {
        go_on(write, cx);
        return Ok(Reply::EMPTY); // LB-44
    }
    finish(write.pending, cx)
}

/// A refused fragment leaves the write as it was, so the platform may send it again (LB-54).
fn keep(write: Option<Write>, status: Status, cx: &mut Context<'_>) -> Result<Reply, Status> {
    if let Some(write) = write {
        go_on(write, cx);
    }
    Err(status)
}

fn go_on(write: Write, cx: &mut Context<'_>) {
    let by_token = write.by_token;
    cx.session.continue_with(Walk::LargeBlobs(write), cx.channel, by_token, cx.now);
}

type Refused = (Option<Write>, Status);

/// Offset 0 begins a write and drops a former one; any other must be the next (LB-31 to LB-36).
fn begin_or_continue(
    request: &Request<'_>,
    offset: u64,
    write: Option<Write>,
    cx: &Context<'_>,
) -> Result<Write, Refused> {
    match (offset, request.length) {
        (0, None) => Err((write, Status::InvalidParameter)), // LB-31
        (0, Some(length)) => {
            let capacity = cx.config.large_blobs.unwrap_or(0) as u64;
            if length > ALWAYS_FITS && length > capacity {
                return Err((write, Status::LargeBlobStorageFull)); // LB-32
            }
            if length < SHORTEST {
                return Err((write, Status::InvalidParameter)); // LB-33
            }
            Ok(Write { length, pending: Vec::new(), by_token: false }) // LB-34
        }
        (_, Some(_)) => Err((write, Status::InvalidParameter)), // LB-35
        (_, None) => match write {
            Some(write) if write.next_offset() == offset => Ok(write),
            other => Err((other, Status::InvalidSeq)), // LB-36
        },
    }
}

/// If anything protects the key, a token with `lbw` is needed (LB-37 to LB-41). Returns whether one was used.
fn authorize(
    request: &Request<'_>,
    offset: u64,
    fragment: &[u8],
    cx: &mut Context<'_>,
) -> Result<bool, Status> {
    if !cx.policy().protected() && !cx.policy().always_uv() {
        return Ok(false); // LB-41
    }
    let mac = request.param.ok_or(Status::PuatRequired)?; // LB-37
    let number = required(request.protocol)?; // LB-38
    let protocol = cx.config.protocol(number).ok_or(Status::InvalidParameter)?;
    let offset = u32::try_from(offset).map_err(|_| Status::InvalidParameter)?.to_le_bytes();
    let hash = crypto::sha256(&[fragment]);
    let message: [&[u8]; 4] = [&[0xff; 32], &[COMMAND, 0], &offset, &hash]; // LB-39
    cx.session.token.authorize(protocol, &message, mac, Permissions::LARGE_BLOB_WRITE)?;
    Ok(true)
}

/// The array replaces the old one if its hash is right (LB-45, LB-46).
fn finish(array: Vec<u8>, cx: &mut Context<'_>) -> Result<Reply, Status> {
    let content = array.len().saturating_sub(HASH);
    let intact = array.split_at_checked(content).is_some_and(|(content, hash)| {
        let expected = crypto::sha256(&[content]);
        expected.first_chunk::<HASH>().is_some_and(|expected| expected.as_slice() == hash)
    });
    if !intact {
        return Err(Status::IntegrityFailure);
    }
    let stored = cx.store.commit(Change::LargeBlobs(array));
    stored.map_err(|error| error.status(Status::LargeBlobStorageFull))?;
    Ok(Reply::EMPTY)
}
