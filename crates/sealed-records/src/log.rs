//! The open file: header, heads, and the frames after them. It appends and syncs, and knows which part is durable.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use rand_core::CryptoRng;

use crate::batch::Batch;
use crate::crypto::Keys;
use crate::disk::{Disk, RECORDS, UNFINISHED};
use crate::flusher::Flusher;
use crate::frame::{self, FrameHead};
use crate::header::Header;
use crate::limits::{MAX_FILE, STEP};
use crate::scan::{Frames, Source};
use crate::slots::{PAGE, Slots};

/// A file of records, held open.
pub(crate) struct Log<F> {
    pub(crate) file: F,
    pub(crate) header: Header,
    pub(crate) keys: Arc<Keys>,
    heads: Slots,
    end: End,
    /// How long the file is; zeros behind the last frame.
    room: u64,
    /// All frames up to this one are durable.
    durable: u64,
    pending: Pending,
    flusher: Option<Flusher>,
}

/// The end of the frames: a failed commit goes back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The offset of the next frame.
    pub(crate) offset: u64,
    /// The sequence number of the last frame.
    pub(crate) last: u64,
}

/// The frames at the end that may not be durable yet, as they were written.
struct Pending {
    from: u64,
    bytes: Vec<u8>,
}

impl<F> Log<F> {
    /// Begins a new file under the name that means nothing yet.
    ///
    /// # Errors
    /// The medium's error; nothing has changed except that name.
    pub(crate) fn begin<D: Disk<File = F>>(
        disk: &D,
        header: Header,
        keys: Arc<Keys>,
        rng: &mut dyn CryptoRng,
    ) -> io::Result<Self> {
        disk.remove(UNFINISHED)?;
        let file = disk.create(UNFINISHED)?;
        disk.write_at(&file, 0, &header.encode(&keys, rng)?)?;
        let end = End { offset: FRAMES, last: header.first.saturating_sub(1) };
        Ok(Self::new(file, header, keys, (end, FRAMES)))
    }

    /// A file whose frames end at `end`, all of them durable, with `room` bytes in all.
    pub(crate) fn new(file: F, header: Header, keys: Arc<Keys>, (end, room): (End, u64)) -> Self {
        let heads = Slots::new(HEADS, header.context());
        let pending = Pending { from: end.offset, bytes: Vec::new() };
        Self { file, header, keys, heads, end, room, durable: end.last, pending, flusher: None }
    }

    /// The heads as they were read, so that they are written on in turn.
    pub(crate) fn with_heads(self, heads: Slots) -> Self {
        Self { heads, ..self }
    }

    /// Appends a commit to a file that is being made: nobody knows it before it is whole.
    pub(crate) fn append_unseen<D: Disk<File = F>>(
        &mut self,
        disk: &D,
        batch: &Batch<'_>,
        rng: &mut dyn CryptoRng,
    ) -> io::Result<u64> {
        let frame = self.seal(self.end.last, batch, rng)?;
        let offset = self.write(disk, &frame)?;
        self.room = self.end.offset;
        self.pending.from = self.end.offset;
        self.durable = self.end.last;
        Ok(offset)
    }

    /// Makes the new file whole and durable. It has no name of its own yet.
    pub(crate) fn finish<D: Disk<File = F>>(&mut self, disk: &D) -> io::Result<()> {
        let heads = self.heads.pages(&self.keys.heads, self.end.last);
        disk.write_at(&self.file, HEADS, &heads)?;
        self.make_room(disk, 1)?;
        disk.sync(&self.file)
    }

    /// Seals a commit, and makes room for it. If this fails, the file is as good as it was.
    pub(crate) fn prepare<D: Disk<File = F>>(
        &mut self,
        disk: &D,
        batch: &Batch<'_>,
        rng: &mut dyn CryptoRng,
    ) -> io::Result<Vec<u8>> {
        let frame = self.seal(self.durable, batch, rng)?;
        self.make_room(disk, frame.len() as u64)?;
        Ok(frame)
    }

    /// Appends a sealed commit and returns where. After an error the file is in doubt.
    pub(crate) fn append<D: Disk<File = F>>(&mut self, disk: &D, frame: &[u8]) -> io::Result<u64> {
        self.pending.bytes.extend_from_slice(frame);
        self.write(disk, frame)
    }

    /// Makes everything durable that was appended. After an error the file is in doubt.
    pub(crate) fn sync<D: Disk<File = F>>(&mut self, disk: &D) -> io::Result<()> {
        disk.sync(&self.file)?;
        if let Some(flusher) = &self.flusher {
            flusher.is_done(self.end.offset);
        }
        self.is_synced(disk);
        Ok(())
    }

    /// The same, and `work` is done meanwhile if the disk can do that; otherwise before.
    pub(crate) fn sync_while<D: Disk<File = F>>(
        &mut self,
        disk: &D,
        work: &mut dyn FnMut(),
    ) -> io::Result<()> {
        let end = self.end.offset;
        let Some(flusher) = self.flusher(disk) else {
            work();
            return self.sync(disk);
        };
        flusher.want_now(end);
        work();
        flusher.settled().durable()?;
        self.is_synced(disk);
        Ok(())
    }

    /// Has everything that was appended made durable soon, where the disk has a way for that.
    pub(crate) fn sync_soon<D: Disk<File = F>>(&mut self, disk: &D) {
        let end = self.end.offset;
        if let Some(flusher) = self.flusher(disk) {
            flusher.want(end);
        }
    }

    /// Started when it is first needed.
    fn flusher<D: Disk<File = F>>(&mut self, disk: &D) -> Option<&Flusher> {
        if self.flusher.is_none() {
            let again = disk.opened_again(RECORDS);
            self.flusher = again.and_then(|file| Flusher::start(file, self.pending.from).ok());
        }
        self.flusher.as_ref()
    }

    /// The next sync takes the head along: until then the other one says almost as much. So may its failure wait.
    fn is_synced<D: Disk<File = F>>(&mut self, disk: &D) {
        self.is_durable_up_to(self.end.offset);
        let head = self.heads.write((disk, &self.file), &self.keys.heads, self.durable);
        if let Err(error) = head {
            tracing::warn!(%error, "a head could not be written");
        }
    }

    /// Learns what was made durable meanwhile.
    ///
    /// # Errors
    /// It could not be: the file is in doubt.
    pub(crate) fn catch_up(&mut self) -> io::Result<()> {
        if let Some(flusher) = &self.flusher {
            let offset = flusher.progress().durable()?;
            self.is_durable_up_to(offset);
        }
        Ok(())
    }

    pub(crate) const fn end(&self) -> End {
        self.end
    }

    /// Forgets the frames after this end, which were never acknowledged.
    pub(crate) fn go_back_to(&mut self, end: End) {
        self.end = end;
        let kept = end.offset.saturating_sub(self.pending.from);
        self.pending.bytes.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
    }

    /// All up to this sequence number is durable.
    pub(crate) const fn durable(&self) -> u64 {
        self.durable
    }

    /// How long the file is, in bytes.
    pub(crate) const fn room(&self) -> u64 {
        self.room
    }

    /// How many bytes of frames there are.
    pub(crate) const fn used(&self) -> u64 {
        self.end.offset.saturating_sub(FRAMES)
    }

    /// All frames from the first on.
    pub(crate) fn frames<'a, D: Disk<File = F>>(&'a self, disk: &'a D) -> Frames<'a, D> {
        let pending = (self.pending.from, self.pending.bytes.as_slice());
        let source = Source::new(disk, &self.file, pending);
        let from = (FRAMES, self.header.first);
        Frames::new(source, (&self.keys.frames, self.header.context()), from)
    }

    /// Makes the wrapped keys of a file that is not used any more unreadable, as well as the medium lets that be done.
    pub(crate) fn forget<D: Disk<File = F>>(&self, disk: &D) -> io::Result<()> {
        disk.write_at(&self.file, 0, &[0; PAGE])?;
        disk.sync(&self.file)
    }

    fn seal(
        &self,
        durable: u64,
        batch: &Batch<'_>,
        rng: &mut dyn CryptoRng,
    ) -> io::Result<Vec<u8>> {
        let sequence = self.end.last.checked_add(1).ok_or(ErrorKind::FileTooLarge)?;
        let key = (&self.keys.frames, self.header.context());
        frame::seal(key, (sequence, durable), batch, rng)
    }

    fn write<D: Disk<File = F>>(&mut self, disk: &D, frame: &[u8]) -> io::Result<u64> {
        let offset = self.end.offset;
        disk.write_at(&self.file, offset, frame)?;
        self.end = End {
            offset: offset.saturating_add(frame.len() as u64),
            last: self.end.last.saturating_add(1),
        };
        Ok(offset)
    }

    /// Adds zeros for this many more bytes and some more: a commit within them is one write and one sync that does
    /// not change the length.
    fn make_room<D: Disk<File = F>>(&mut self, disk: &D, bytes: u64) -> io::Result<()> {
        let needed = self.end.offset.saturating_add(bytes);
        if needed > MAX_FILE {
            return Err(ErrorKind::FileTooLarge.into());
        }
        if needed > self.room {
            let room = needed.next_multiple_of(STEP);
            let zeros =
                usize::try_from(room.saturating_sub(self.room)).map_err(io::Error::other)?;
            disk.write_at(&self.file, self.room, &vec![0; zeros])?;
            self.room = room;
        }
        Ok(())
    }

    fn is_durable_up_to(&mut self, offset: u64) {
        let bytes = usize::try_from(offset.saturating_sub(self.pending.from)).unwrap_or(usize::MAX);
        let mut done = 0_usize;
        while done < bytes {
            let rest = self.pending.bytes.get(done..).unwrap_or_default();
            let Some(head) = FrameHead::read(rest) else { break };
            done = done.saturating_add(head.length);
            self.durable = head.sequence;
        }
        self.pending.bytes.drain(..done.min(self.pending.bytes.len()));
        self.pending.from = self.pending.from.saturating_add(done as u64);
    }
}

/// The heads are on the second and the third page.
pub(crate) const HEADS: u64 = PAGE as u64;

/// The offset of the first frame.
pub(crate) const FRAMES: u64 = 3 * PAGE as u64;
