//! CTAP section 8.2: the status byte, which is the first byte of every CTAP2 reply.

use core::fmt;

/// Writes the enum, the numbers, the standard's names and the words for people from one list, so that they cannot differ.
macro_rules! statuses {
    ($($byte:literal $variant:ident $name:literal $advice:literal,)+) => {
        /// The key's answer to a request. Each of the 256 bytes has a variant; bytes that the standard does not
        /// list are `Unlisted`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Status {
            $(#[doc = concat!("`", $name, "`: ", $advice)] $variant,)+
            /// A byte that section 8.2 does not list: it is reserved, or of an extension, or of the vendor.
            Unlisted(u8),
        }

        impl Status {
            /// The status for the first byte of a reply.
            #[must_use]
            pub const fn from_byte(byte: u8) -> Self {
                match byte {
                    $($byte => Self::$variant,)+
                    other => Self::Unlisted(other),
                }
            }

            /// The byte as it was on the wire.
            #[must_use]
            pub const fn byte(self) -> u8 {
                match self {
                    $(Self::$variant => $byte,)+
                    Self::Unlisted(byte) => byte,
                }
            }

            /// The standard's name, or `unlisted` for a byte without a name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Unlisted(_) => "unlisted",
                }
            }

            /// What happened, and what a person can do next, in one or two sentences.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self {
                    $(Self::$variant => $advice,)+
                    Self::Unlisted(_) => "The key refused with an error code of its vendor. See the vendor's documentation.",
                }
            }
        }
    };
}

statuses! {
    0x00 Ok "CTAP2_OK" "Done.",
    0x01 InvalidCommand "CTAP1_ERR_INVALID_COMMAND" "The key does not know this command. Check what it offers with getInfo.",
    0x02 InvalidParameter "CTAP1_ERR_INVALID_PARAMETER" "The key refused a value of the request. Check the arguments.",
    0x03 InvalidLength "CTAP1_ERR_INVALID_LENGTH" "A value of the request is too long or too short. Check the arguments.",
    0x04 InvalidSeq "CTAP1_ERR_INVALID_SEQ" "The parts of a transfer came out of order. Begin the transfer again.",
    0x05 Timeout "CTAP1_ERR_TIMEOUT" "The key waited too long for the rest of the message. Try again.",
    0x06 ChannelBusy "CTAP1_ERR_CHANNEL_BUSY" "The key is busy with another program. Wait a moment and try again.",
    0x0A LockRequired "CTAP1_ERR_LOCK_REQUIRED" "The command needs a channel lock. Take the lock first.",
    0x0B InvalidChannel "CTAP1_ERR_INVALID_CHANNEL" "The key does not know this channel any more. Open the key again.",
    0x11 CborUnexpectedType "CTAP2_ERR_CBOR_UNEXPECTED_TYPE" "A value of the request has the wrong type. This is a fault of the program.",
    0x12 InvalidCbor "CTAP2_ERR_INVALID_CBOR" "The key could not read the request. This is a fault of the program.",
    0x14 MissingParameter "CTAP2_ERR_MISSING_PARAMETER" "The request lacks a value that the key needs. This is a \
         fault of the program.",
    0x15 LimitExceeded "CTAP2_ERR_LIMIT_EXCEEDED" "A list of the request is longer than the key accepts. Send it in \
         smaller parts.",
    0x17 FpDatabaseFull "CTAP2_ERR_FP_DATABASE_FULL" "The key has no room for another fingerprint. Remove one first.",
    0x18 LargeBlobStorageFull "CTAP2_ERR_LARGE_BLOB_STORAGE_FULL" "The key has no room for this much data. Remove other large blobs first.",
    0x19 CredentialExcluded "CTAP2_ERR_CREDENTIAL_EXCLUDED" "This key is already registered there. Use another key, or sign in with this one.",
    0x21 Processing "CTAP2_ERR_PROCESSING" "The key is still at work. Wait a moment and try again.",
    0x22 InvalidCredential "CTAP2_ERR_INVALID_CREDENTIAL" "The key cannot use this credential. Try another key.",
    0x23 UserActionPending "CTAP2_ERR_USER_ACTION_PENDING" "The key waits for you. Touch it.",
    0x24 OperationPending "CTAP2_ERR_OPERATION_PENDING" "The key is still at work. Wait a moment and try again.",
    0x25 NoOperations "CTAP2_ERR_NO_OPERATIONS" "There is no operation to continue on the key. Begin the operation \
         again.",
    0x26 UnsupportedAlgorithm "CTAP2_ERR_UNSUPPORTED_ALGORITHM" "The key supports none of the requested signature \
         algorithms. Request ES256 as well.",
    0x27 OperationDenied "CTAP2_ERR_OPERATION_DENIED" "The request was denied, or nobody touched the key in time. Try again and touch it.",
    0x28 KeyStoreFull "CTAP2_ERR_KEY_STORE_FULL" "The key has no room for another credential. Delete one first.",
    0x2B UnsupportedOption "CTAP2_ERR_UNSUPPORTED_OPTION" "The key does not support an option of the request. Leave the option out.",
    0x2C InvalidOption "CTAP2_ERR_INVALID_OPTION" "An option of the request has a value that the key cannot use. \
         Check the arguments.",
    0x2D KeepaliveCancel "CTAP2_ERR_KEEPALIVE_CANCEL" "The request was cancelled.",
    0x2E NoCredentials "CTAP2_ERR_NO_CREDENTIALS" "The key has no matching credential. Try another key, or register this one.",
    0x2F UserActionTimeout "CTAP2_ERR_USER_ACTION_TIMEOUT" "Nobody touched the key in time. Try again and touch it.",
    0x30 NotAllowed "CTAP2_ERR_NOT_ALLOWED" "The key does not allow this now. For a reset, plug the key in, or lay the \
         card on its reader, again and retry within ten seconds.",
    0x31 PinInvalid "CTAP2_ERR_PIN_INVALID" "The PIN is wrong. Check it before trying again: tries are limited.",
    0x32 PinBlocked "CTAP2_ERR_PIN_BLOCKED" "The PIN is blocked after too many wrong tries. Only a reset, which erases all credentials, helps.",
    0x33 PinAuthInvalid "CTAP2_ERR_PIN_AUTH_INVALID" "The key did not accept the proof of the PIN. Enter the PIN again.",
    0x34 PinAuthBlocked "CTAP2_ERR_PIN_AUTH_BLOCKED" "Too many wrong PINs in a row. Unplug the key and plug it in again, \
         or take the card off its reader and lay it on again; then try the right PIN.",
    0x35 PinNotSet "CTAP2_ERR_PIN_NOT_SET" "The key has no PIN yet. Set one first.",
    0x36 PuatRequired "CTAP2_ERR_PUAT_REQUIRED" "The key needs its PIN (or a fingerprint) for this. Give the PIN.",
    0x37 PinPolicyViolation "CTAP2_ERR_PIN_POLICY_VIOLATION" "The PIN does not meet the key's rules, or it must be changed first. Choose another PIN.",
    0x38 PinTokenExpired "CTAP2_ERR_PIN_TOKEN_EXPIRED" "The proof of the PIN is too old. Enter the PIN again.",
    0x39 RequestTooLarge "CTAP2_ERR_REQUEST_TOO_LARGE" "The request is longer than the key accepts. Send it in \
         smaller parts.",
    0x3A ActionTimeout "CTAP2_ERR_ACTION_TIMEOUT" "The operation took too long. Try again.",
    0x3B UpRequired "CTAP2_ERR_UP_REQUIRED" "The key needs a touch for this; a card has to be taken off its reader and laid on again. Try again and touch it.",
    0x3C UvBlocked "CTAP2_ERR_UV_BLOCKED" "The fingerprint reader is blocked after too many tries. Use the PIN.",
    0x3D IntegrityFailure "CTAP2_ERR_INTEGRITY_FAILURE" "The data was damaged on its way to the key. Write it again.",
    0x3E InvalidSubcommand "CTAP2_ERR_INVALID_SUBCOMMAND" "The key does not know this subcommand. Check what it offers with getInfo.",
    0x3F UvInvalid "CTAP2_ERR_UV_INVALID" "The fingerprint was not recognised. Try again, or use the PIN.",
    0x40 UnauthorizedPermission "CTAP2_ERR_UNAUTHORIZED_PERMISSION" "The key does not grant a requested permission. \
         Check what it offers with getInfo.",
    0x7F Other "CTAP1_ERR_OTHER" "The key failed inside. Unplug it and plug it in again, or take it off its reader and lay it on again, \
         and retry.",
    0xDF SpecLast "CTAP2_ERR_SPEC_LAST" "The key answered with a status that only marks the end of a range of numbers. This is a fault of the key.",
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{} 0x{:02X}]", self.advice(), self.name(), self.byte())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_a_status_and_comes_back() {
        for byte in 0..=u8::MAX {
            assert_eq!(Status::from_byte(byte).byte(), byte);
        }
    }

    #[test]
    fn the_listed_bytes_are_those_of_section_8_2() {
        for byte in 0..=u8::MAX {
            let listed = matches!(byte, 0..=6 | 0x0A | 0x0B | 0x11 | 0x12 | 0x14 | 0x15 | 0x17..=0x19
                | 0x21..=0x28 | 0x2B..=0x40 | 0x7F | 0xDF);
            assert_eq!(
                !matches!(Status::from_byte(byte), Status::Unlisted(_)),
                listed,
                "{byte:#04x}"
            );
        }
        assert_eq!(Status::from_byte(0x36), Status::PuatRequired);
        assert_eq!(Status::from_byte(0x16), Status::Unlisted(0x16));
        assert_eq!(Status::from_byte(0xF1), Status::Unlisted(0xF1));
    }

    #[test]
    fn a_person_reads_the_advice_first_and_the_name_after_it() {
        let text = Status::PinNotSet.to_string();
        assert_eq!(text, "The key has no PIN yet. Set one first. [CTAP2_ERR_PIN_NOT_SET 0x35]");
    }
}
