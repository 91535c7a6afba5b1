//! authenticatorGetInfo (0x04), CTAP 2.3 section 6.4 (GI-01 to GI-87).

use super::{Context, Reply};
use crate::cbor::{Array, Bytes, MapWriter};
use crate::config::Config;
use crate::limits::{MAX_CREDENTIAL_ID, MAX_CREDENTIALS_IN_LIST, MAX_PIN_BYTES};
use crate::store::State;

pub(crate) const COMMAND: u8 = 0x04;

/// Each member is present exactly when it applies (GI-04).
pub(crate) fn run(cx: &mut Context<'_>) -> Reply {
    let (config, state) = (cx.config, cx.store.state());
    let has_pin = config.has_client_pin();
    let protocols = config.pin_uv_auth_protocols.iter().map(|protocol| protocol.number());
    let mut info = MapWriter::new();
    info.put(0x01_u8, Array(["FIDO_2_0"].into_iter()));
    info.put(0x03_u8, Bytes(&config.aaguid));
    info.put(0x04_u8, options(config, state));
    info.put(0x05_u8, config.max_msg_size);
    info.put_some(0x06_u8, has_pin.then_some(Array(protocols)));
    info.put(0x07_u8, MAX_CREDENTIALS_IN_LIST);
    info.put(0x08_u8, MAX_CREDENTIAL_ID);
    info.put(0x09_u8, Array(["usb"].into_iter()));
    info.put(0x0a_u8, Array(config.algorithms.iter().map(|algorithm| algorithm_map(algorithm.cose()))));
    info.put_some(0x0c_u8, has_pin.then_some(state.settings.force_pin_change));
    info.put_some(0x0d_u8, has_pin.then_some(state.settings.min_pin_length));
    info.put(0x0e_u8, config.firmware_version);
    info.put_some(0x14_u8, config.rk.then_some(remaining(config, state)));
    info.put_some(0x1d_u8, has_pin.then_some(MAX_PIN_BYTES));
    Reply::map(&info)
}

/// In canonical order: by length, then by bytes (GI-87).
fn options(config: &Config, state: &State) -> MapWriter {
    let has_pin = config.has_client_pin();
    let mut options = MapWriter::new();
    options.put("rk", config.rk).put("up", true).put("plat", false);
    options.put_some("clientPin", has_pin.then_some(state.pin.is_some()));
    options.put_some("pinUvAuthToken", has_pin.then_some(true));
    options.put("makeCredUvNotRqd", config.make_cred_uv_not_rqd);
    options
}

/// Discoverable credentials that still fit (GI-29).
fn remaining(config: &Config, state: &State) -> usize {
    config.capacity.saturating_sub(state.credentials.len())
}

fn algorithm_map(cose: i32) -> MapWriter {
    let mut map = MapWriter::new();
    map.put("alg", cose).put("type", "public-key");
    map
}
