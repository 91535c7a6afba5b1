//! The numbers of the class: CCID 1.1 sections 5 and 6.

use crate::limits;

/// bMessageType of what the host sends (section 6.1). Others are known to no reader.
pub(super) mod command {
    pub(crate) const SET_PARAMETERS: u8 = 0x61;
    pub(crate) const ICC_POWER_ON: u8 = 0x62;
    pub(crate) const ICC_POWER_OFF: u8 = 0x63;
    pub(crate) const GET_SLOT_STATUS: u8 = 0x65;
    pub(crate) const SECURE: u8 = 0x69;
    pub(crate) const ESCAPE: u8 = 0x6B;
    pub(crate) const GET_PARAMETERS: u8 = 0x6C;
    pub(crate) const RESET_PARAMETERS: u8 = 0x6D;
    pub(crate) const XFR_BLOCK: u8 = 0x6F;
    pub(crate) const ABORT: u8 = 0x72;
    pub(crate) const SET_DATA_RATE_AND_CLOCK: u8 = 0x73;
}

/// bMessageType of what the reader sends on its bulk endpoint (section 6.2).
pub(super) mod answer {
    use super::command;

    pub(crate) const DATA_BLOCK: u8 = 0x80;
    pub(crate) const SLOT_STATUS: u8 = 0x81;
    pub(crate) const PARAMETERS: u8 = 0x82;
    const ESCAPE: u8 = 0x83;
    const DATA_RATE_AND_CLOCK: u8 = 0x84;

    /// The type of the answer to a command, also of one that failed.
    pub(crate) fn to(command: u8) -> u8 {
        match command {
            command::ICC_POWER_ON | command::XFR_BLOCK | command::SECURE => DATA_BLOCK,
            command::SET_PARAMETERS | command::GET_PARAMETERS | command::RESET_PARAMETERS => {
                PARAMETERS
            }
            command::ESCAPE => ESCAPE,
            command::SET_DATA_RATE_AND_CLOCK => DATA_RATE_AND_CLOCK,
            _ => SLOT_STATUS,
        }
    }
}

/// bMessageType on the interrupt endpoint: a card came or went (section 6.3.1).
pub(super) const NOTIFY_SLOT_CHANGE: u8 = 0x50;

/// Why a command failed: bError (table 6.2-2). Small numbers are offsets of what was wrong in the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Failure {
    NotSupported = 0,
    Length = 1,
    NoSuchSlot = 5,
    /// bPowerSelect, or bProtocolNum.
    Choice = 7,
    LevelParameter = 8,
    SlotBusy = 0xE0,
    /// XFR_OVERRUN: more than a card can be sent.
    Overrun = 0xFC,
    /// ICC_MUTE: no card, no power, or no answer from it.
    IccMute = 0xFE,
    Aborted = 0xFF,
}

/// How the card is: bmICCStatus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum IccStatus {
    Active = 0,
    Inactive = 1,
    Absent = 2,
}

/// The part of an APDU that a block holds: wLevelParameter of XfrBlock, and bChainParameter of DataBlock.
pub(super) mod part {
    pub(crate) const WHOLE: u8 = 0x00;
    pub(crate) const FIRST: u8 = 0x01;
    pub(crate) const LAST: u8 = 0x02;
    pub(crate) const MIDDLE: u8 = 0x03;
    /// Empty: the other side is to go on.
    pub(crate) const GO_ON: u8 = 0x10;
}

/// bRequest of the class's requests on endpoint 0 (section 5.3).
pub(crate) struct Request;

impl Request {
    /// Stops the command with the wValue's sequence number and slot. The two others ask for lists of clocks and rates, which
    /// are empty where the class descriptor says that there is one of each.
    pub(crate) const ABORT: u8 = 1;
}

/// bProtocolNum: T=1, as all contactless readers say.
pub(super) const T1: u8 = 1;

/// abProtocolDataStructure for T=1: what a card without limits of its own would negotiate, and nobody needs here.
pub(super) const T1_PARAMETERS: [u8; 7] = [0x11, 0x10, 0x00, 0x4D, 0x00, 0xFE, 0x00];

/// The class descriptor (section 5.1; NF-50).
pub(crate) const CLASS_DESCRIPTOR: [u8; 54] = {
    let [l0, l1, l2, l3] = (limits::MAX_CCID_MESSAGE as u32).to_le_bytes();
    [
        54, 0x21, // bLength, bDescriptorType
        0x10, 0x01, // bcdCCID 1.10
        0,    // bMaxSlotIndex: one slot
        0x07, // bVoltageSupport: 5, 3 and 1.8 V
        0x02, 0, 0, 0, // dwProtocols: T=1
        0xA0, 0x0F, 0, 0, // dwDefaultClock 4000 kHz
        0xA0, 0x0F, 0, 0, // dwMaximumClock
        0, // bNumClockSupported: just that one
        0x80, 0x25, 0, 0, // dwDataRate 9600 bit/s
        0x80, 0x25, 0, 0, // dwMaxDataRate
        0, // bNumDataRatesSupported: just that one
        0xFE, 0, 0, 0, // dwMaxIFSD 254
        0, 0, 0, 0, // dwSynchProtocols
        0, 0, 0, 0, // dwMechanical
        0xFE, 0x00, 0x04, 0x00, // dwFeatures: all by itself; short and extended APDUs
        l0, l1, l2, l3, // dwMaxCCIDMessageLength
        0xFF, 0xFF, // bClassGetResponse, bClassEnvelope: as the command's
        0, 0, // wLcdLayout
        0, // bPINSupport
        1, // bMaxCCIDBusySlots
    ]
};
