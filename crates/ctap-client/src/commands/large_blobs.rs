//! CTAP section 6.10: authenticatorLargeBlobs. [`blob_array`](crate::blob_array) handles the content of the array.

use sha2::{Digest as _, Sha256};

use super::{FIXED_HEAD, code};
use crate::blob_array::BlobArray;
use crate::cbor::{MapBuilder, Value};
use crate::client::Client;
use crate::error::{Error, ReplyFault, RequestFault};
use crate::exchange::Exchange;
use crate::limits::{DEFAULT_MAX_MSG_SIZE, LARGE_BLOB_OVERHEAD, MAX_LARGE_BLOB_ARRAY, MAX_MESSAGE};
use crate::pin_protocol::PinUvAuthToken;

/// A largeBlobs request, member by member (MSG-21).
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// 01: how many bytes to read.
    pub get: Option<u64>,
    /// 02: a fragment to write.
    pub set: Option<Vec<u8>>,
    /// 03: the position in the array, in bytes.
    pub offset: Option<u64>,
    /// 04: the length of the whole new array, in bytes; only with the first fragment.
    pub length: Option<u64>,
    /// 05: the MAC that proves the possession of the token; [`authorized_by`](Self::authorized_by) makes it.
    pub pin_uv_auth_param: Option<Vec<u8>>,
    /// 06: which PIN/UV auth protocol `pin_uv_auth_param` is made with: 1 or 2.
    pub pin_uv_auth_protocol: Option<u64>,
    /// Members to add, or to use instead of those above.
    pub extra: Vec<(i64, Value)>,
}

impl Request {
    /// Asks for `count` bytes from `offset` on.
    #[must_use]
    pub fn get(offset: u64, count: u64) -> Self {
        Self { get: Some(count), offset: Some(offset), ..Self::default() }
    }

    /// Writes a fragment; the first one, at offset 0, announces the `length` of the whole.
    #[must_use]
    pub fn set(offset: u64, fragment: &[u8], length: u64) -> Self {
        let length = (offset == 0).then_some(length);
        Self { set: Some(fragment.to_vec()), offset: Some(offset), length, ..Self::default() }
    }

    /// Fills in members 05 and 06: the MAC is over 32 bytes FF, the command, offset and hash of the fragment (LB-39).
    #[must_use]
    pub fn authorized_by(mut self, token: &PinUvAuthToken) -> Self {
        let offset = self.offset.unwrap_or_default() as u32;
        let hash = Sha256::digest(self.set.as_deref().unwrap_or_default());
        let message =
            [FIXED_HEAD.as_slice(), &[code::LARGE_BLOBS, 0], &offset.to_le_bytes(), &hash].concat();
        (self.pin_uv_auth_param, self.pin_uv_auth_protocol) = token.members_over(&message);
        self
    }

    /// The message as it goes to the key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        MapBuilder::new()
            .optional(0x01, self.get)
            .optional(0x02, self.set.as_deref())
            .optional(0x03, self.offset)
            .optional(0x04, self.length)
            .optional(0x05, self.pin_uv_auth_param.as_deref())
            .optional(0x06, self.pin_uv_auth_protocol)
            .extra(&self.extra)
            .request(code::LARGE_BLOBS)
    }
}

impl<E: Exchange> Client<E> {
    /// Reads `count` bytes from `offset` on, or as many as there are.
    ///
    /// # Errors
    /// `InvalidLength` for more than fits into a message; `InvalidParameter` beyond the end of the array.
    pub fn large_blobs_get(&mut self, offset: u64, count: u64) -> Result<Vec<u8>, Error> {
        let mut members =
            self.call_for_map(&Request::get(offset, count).encode(), "the largeBlobs reply")?;
        let fragment: Vec<u8> = members.require(0x01, "config")?;
        if fragment.len() as u64 > count {
            return Err(ReplyFault::BadValue("config").into());
        }
        Ok(fragment)
    }

    /// Reads the whole serialized array, as it is on the key (LB-64).
    ///
    /// # Errors
    /// [`Error`]; [`ReplyFault::BadValue`] for an array beyond [`MAX_LARGE_BLOB_ARRAY`].
    pub fn read_serialized_large_blobs(&mut self) -> Result<Vec<u8>, Error> {
        let step = self.fragment_length()?;
        let mut serialized = Vec::new();
        loop {
            let fragment = self.large_blobs_get(serialized.len() as u64, step as u64)?;
            serialized.extend_from_slice(&fragment);
            if serialized.len() > MAX_LARGE_BLOB_ARRAY {
                return Err(ReplyFault::BadValue("the large-blob array").into());
            }
            if fragment.len() < step {
                return Ok(serialized);
            }
        }
    }

    /// Reads the array. A damaged array counts as empty (LB-65), because nothing in it can be used.
    ///
    /// # Errors
    /// [`Error`], which tells whose fault it is.
    pub fn read_large_blobs(&mut self) -> Result<BlobArray, Error> {
        let serialized = self.read_serialized_large_blobs()?;
        Ok(BlobArray::parse(&serialized).unwrap_or_default())
    }

    /// Replaces the whole array. A protected key needs a token with `LARGE_BLOB_WRITE`.
    ///
    /// # Errors
    /// `LargeBlobStorageFull`, `PuatRequired`, others of [`Error`]. The old array stays then.
    pub fn write_large_blobs(
        &mut self,
        array: &BlobArray,
        auth: Option<&PinUvAuthToken>,
    ) -> Result<(), Error> {
        self.write_serialized_large_blobs(&array.serialize(), auth)
    }

    /// [`write_large_blobs`](Self::write_large_blobs) with any bytes; a key refuses a wrong hash at their end.
    ///
    /// # Errors
    /// As there.
    pub fn write_serialized_large_blobs(
        &mut self,
        serialized: &[u8],
        auth: Option<&PinUvAuthToken>,
    ) -> Result<(), Error> {
        if serialized.len() > MAX_LARGE_BLOB_ARRAY {
            return Err(RequestFault::TooLong("The large-blob array").into());
        }
        let mut offset = 0_u64;
        for fragment in serialized.chunks(self.fragment_length()?) {
            let request = Request::set(offset, fragment, serialized.len() as u64);
            let request = match auth {
                Some(token) => request.authorized_by(token),
                None => request,
            };
            self.call_for_nothing(&request.encode())?;
            offset = offset.saturating_add(fragment.len() as u64);
        }
        Ok(())
    }

    /// LB-01. Sizes no key can mean are brought into the range a message has.
    fn fragment_length(&mut self) -> Result<usize, Error> {
        let message = self.get_info()?.max_message_size().clamp(DEFAULT_MAX_MSG_SIZE, MAX_MESSAGE);
        Ok(message.saturating_sub(LARGE_BLOB_OVERHEAD) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{ScriptedKey, hex, token_of_v_06};

    const INFO: &str = "00a20181684649444f5f325f310350eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";
    const FACTORY: &str = "8076be8b528d0075f7aae98d6fa57a6d3c";

    fn answer(fragment: &[u8]) -> Vec<u8> {
        let map = MapBuilder::new().member(1, fragment).build();
        [vec![0], crate::cbor::encode(&map)].concat()
    }

    #[test]
    fn the_factory_array_is_written_with_the_request_of_v_08() {
        let request = "0ca502518076be8b528d0075f7aae98d6fa57a6d3c03000411055820008b5df6adffc88a1ed8861176ccd3e5\
                       5277ab04720916aaf5d3c176b15dee380602";
        let key = ScriptedKey::default().expect_hex("04", INFO).expect_hex(request, "00");
        Client::new(key).write_large_blobs(&BlobArray::default(), Some(&token_of_v_06())).unwrap();
    }

    #[test]
    fn a_later_fragment_is_authenticated_with_its_offset_as_in_v_08() {
        let request = Request::set(960, &[0x55; 100], 1060).authorized_by(&token_of_v_06());
        let mac = "132babda06b85a6806545225a205fb955974374bb0e11cdc00b69f41b2213107";
        assert_eq!((request.pin_uv_auth_param, request.length), (Some(hex(mac)), None));
    }

    #[test]
    fn a_long_array_goes_out_in_fragments_and_only_the_first_tells_the_length() {
        let bytes = vec![7; 1000];
        let key = ScriptedKey::default()
            .expect_hex("04", INFO)
            .expect(Request::set(0, &bytes[..960], 1000).encode(), [0])
            .expect(Request::set(960, &bytes[960..], 1000).encode(), [0]);
        let mut client = Client::new(key);
        client.write_serialized_large_blobs(&bytes, None).unwrap();
        assert!(client.exchange_mut().is_finished());
    }

    #[test]
    fn reading_ends_with_the_first_short_fragment_even_if_it_is_empty() {
        let key = ScriptedKey::default()
            .expect_hex("04", INFO)
            .expect(Request::get(0, 960).encode(), answer(&[7; 960]))
            .expect(Request::get(960, 960).encode(), answer(&[]));
        assert_eq!(Client::new(key).read_serialized_large_blobs().unwrap(), [7; 960]);
    }

    #[test]
    fn the_factory_array_and_a_damaged_one_are_empty() {
        // LB-65
        let damaged = FACTORY.replacen("3c", "3d", 1);
        for array in [FACTORY, &damaged] {
            let key = ScriptedKey::default()
                .expect_hex("04", INFO)
                .expect(Request::get(0, 960).encode(), answer(&hex(array)));
            assert_eq!(Client::new(key).read_large_blobs().unwrap(), BlobArray::default());
        }
    }

    #[test]
    fn a_key_that_sends_more_than_asked_or_never_ends_is_refused() {
        let key = ScriptedKey::default().expect(Request::get(0, 1).encode(), answer(&[7; 2]));
        let error = Client::new(key).large_blobs_get(0, 1).unwrap_err();
        assert!(matches!(error, Error::Reply(ReplyFault::BadValue("config"))));

        let endless = (0..=MAX_LARGE_BLOB_ARRAY as u64 / 960)
            .map(|n| n * 960)
            .fold(ScriptedKey::default().expect_hex("04", INFO), |key, offset| {
                key.expect(Request::get(offset, 960).encode(), answer(&[7; 960]))
            });
        let error = Client::new(endless).read_serialized_large_blobs().unwrap_err();
        assert!(matches!(error, Error::Reply(ReplyFault::BadValue("the large-blob array"))));
    }

    #[test]
    fn an_array_is_sent_at_the_limit_and_not_beyond_it() {
        let longest = vec![0; MAX_LARGE_BLOB_ARRAY];
        let fragments = longest.chunks(960).zip((0..).step_by(960));
        let script =
            fragments.fold(ScriptedKey::default().expect_hex("04", INFO), |script, (part, at)| {
                script.expect(Request::set(at, part, longest.len() as u64).encode(), [0])
            });
        Client::new(script).write_serialized_large_blobs(&longest, None).unwrap();

        let mut client = Client::new(ScriptedKey::default());
        let error = client
            .write_serialized_large_blobs(&vec![0; MAX_LARGE_BLOB_ARRAY + 1], None)
            .unwrap_err();
        assert!(matches!(error, Error::Request(RequestFault::TooLong(_))));
    }
}
