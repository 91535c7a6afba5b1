//! authenticatorConfig (0x0D), CTAP 2.3 section 6.11 (CF-01 to CF-62).

use alloc::string::String;
use alloc::vec::Vec;

use super::parameters::required;
use super::{Context, Reply};
use crate::cbor::{Item, Map};
use crate::change::Change;
use crate::pin::Permissions;
use crate::policy::Policy;
use crate::secret::Secret;
use crate::state::{Settings, State};
use crate::status::Status;

pub(crate) const COMMAND: u8 = 0x0d;

/// Runs a subcommand. One that is not offered is 0x02, before authentication (CF-04: the reading of 2.1 and 2.2, and of
/// keys in the field; the text of 2.3 would allow 0x3E).
pub(crate) fn run(parameters: &[u8], cx: &mut Context<'_>) -> Result<Reply, Status> {
    let request = Request::parse(parameters)?;
    let number = required(request.sub_command)?; // CF-02
    let sub_command = SubCommand::offered(number, cx).ok_or(Status::InvalidParameter)?;
    authorize(&request, sub_command, cx)?;
    let settings = cx.store.state().settings.clone();
    match sub_command {
        SubCommand::EnableEnterpriseAttestation => {
            save(Settings { enterprise_attestation: true, ..settings }, cx) // CF-21
        }
        SubCommand::ToggleAlwaysUv => {
            let always_uv = Some(!cx.policy().always_uv());
            save(Settings { always_uv, ..settings }, cx) // CF-31
        }
        SubCommand::SetMinPinLength => set_min_pin_length(request.params, settings, cx),
        SubCommand::EnableLongTouchForReset => {
            save(Settings { long_touch_for_reset: true, ..settings }, cx) // CF-60
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum SubCommand {
    EnableEnterpriseAttestation = 0x01,
    ToggleAlwaysUv = 0x02,
    SetMinPinLength = 0x03,
    EnableLongTouchForReset = 0x04,
}

impl SubCommand {
    /// CF-20, CF-30, CF-40, CF-60.
    fn offered(number: u64, cx: &Context<'_>) -> Option<Self> {
        let commands = &cx.config.authenticator_config;
        match number {
            0x01 if commands.enterprise_attestation.is_some() => {
                Some(Self::EnableEnterpriseAttestation)
            }
            0x02 if commands.always_uv.is_some() => Some(Self::ToggleAlwaysUv),
            0x03 if commands.min_pin_length_rp_ids.is_some() => Some(Self::SetMinPinLength),
            0x04 if commands.long_touch_for_reset => Some(Self::EnableLongTouchForReset),
            _ => None,
        }
    }
}

/// The request as it came, each member of its right type (MSG-23).
#[derive(Default)]
struct Request<'a> {
    sub_command: Option<u64>,
    params: MinPinLength,
    raw_params: &'a [u8],
    protocol: Option<u64>,
    param: Option<&'a [u8]>,
}

/// subCommandParams of setMinPINLength; absent members keep what is (CF-41).
#[derive(Default)]
struct MinPinLength {
    new_min_pin_length: Option<u64>,
    rp_ids: Option<Vec<String>>,
    force_change_pin: bool,
    pin_complexity_policy: bool,
}

impl<'a> Request<'a> {
    fn parse(parameters: &'a [u8]) -> Result<Self, Status> {
        let mut request = Self::default();
        for (key, value) in Map::parse(parameters)?.by_number() {
            match key {
                0x01 => request.sub_command = Some(value.unsigned()?),
                0x02 => {
                    request.params = MinPinLength::parse(value)?;
                    request.raw_params = value.raw();
                }
                0x03 => request.protocol = Some(value.unsigned()?),
                0x04 => request.param = Some(value.bytes()?),
                _ => {}
            }
        }
        Ok(request)
    }
}

impl MinPinLength {
    /// CF-54.
    fn parse(item: Item<'_>) -> Result<Self, Status> {
        let mut params = Self::default();
        for (key, value) in item.map()?.by_number() {
            match key {
                0x01 => params.new_min_pin_length = Some(value.unsigned()?),
                0x02 => {
                    let ids = value.array()?.map(|id| id.text().map(String::from));
                    params.rp_ids = Some(ids.collect::<Result<_, _>>()?);
                }
                0x03 => params.force_change_pin = value.boolean()?,
                0x04 => params.pin_complexity_policy = value.boolean()?,
                _ => {}
            }
        }
        Ok(params)
    }
}

/// A token with `acfg` is needed wherever anything protects the key, but a user may always leave alwaysUv
/// (CF-05 to CF-10).
fn authorize(
    request: &Request<'_>,
    sub_command: SubCommand,
    cx: &mut Context<'_>,
) -> Result<(), Status> {
    let (protected, always_uv) = (cx.policy().protected(), cx.policy().always_uv());
    let leaving = sub_command == SubCommand::ToggleAlwaysUv && !protected;
    if leaving || !(protected || always_uv) {
        return Ok(());
    }
    let mac = request.param.ok_or(Status::PuatRequired)?; // CF-06
    let number = required(request.protocol)?; // CF-07
    let protocol = cx.config.protocol(number).ok_or(Status::InvalidParameter)?;
    let message: [&[u8]; 3] = [&[0xff; 32], &[COMMAND, sub_command as u8], request.raw_params]; // CF-08
    cx.session.token.authorize(protocol, &message, mac, Permissions::AUTHENTICATOR_CONFIGURATION) // CF-09
}

fn save(settings: Settings, cx: &mut Context<'_>) -> Result<Reply, Status> {
    cx.store.commit(Change::Settings { settings, persistent_token: None })?;
    Ok(Reply::EMPTY)
}

/// All or nothing (CF-50).
fn set_min_pin_length(
    params: MinPinLength,
    old: Settings,
    cx: &mut Context<'_>,
) -> Result<Reply, Status> {
    let state = cx.store.state();
    let min_pin_length = new_minimum(params.new_min_pin_length, cx.policy())?;
    if params.force_change_pin && state.pin.is_none() {
        return Err(Status::PinNotSet); // CF-45
    }
    if params.rp_ids.is_some() && !cx.config.tells_min_pin_length() {
        return Err(Status::InvalidParameter); // CF-42
    }
    let most = cx.config.authenticator_config.min_pin_length_rp_ids.unwrap_or(0);
    if params.rp_ids.as_ref().is_some_and(|ids| ids.len() > most) {
        return Err(Status::KeyStoreFull); // CF-48
    }
    let complex = cx.config.extensions.pin_complexity_policy && params.pin_complexity_policy;
    let newly_complex = complex && !cx.policy().pins_are_complex();
    let forced = params.force_change_pin || outgrown(state, min_pin_length, newly_complex);
    let settings = Settings {
        min_pin_length,
        min_pin_length_rp_ids: params
            .rp_ids
            .filter(|ids| !ids.is_empty())
            .unwrap_or(old.min_pin_length_rp_ids), // CF-49
        force_pin_change: old.force_pin_change || forced, // CF-47
        pin_complexity_policy: old.pin_complexity_policy || complex, // CF-51
        ..old
    };
    let persistent_token = forced.then(|| Secret::random(cx.rng));
    let stored = cx.store.commit(Change::Settings { settings, persistent_token });
    stored.map_err(|error| error.status(Status::KeyStoreFull))?; // CF-48
    if forced {
        cx.session.token.reset(cx.rng); // CF-53
    }
    Ok(Reply::EMPTY)
}

/// Never lower than before, never above what a PIN can have (CF-43, CF-44).
fn new_minimum(asked: Option<u64>, policy: Policy<'_>) -> Result<u8, Status> {
    let Some(asked) = asked else { return Ok(policy.min_pin_length()) }; // CF-41
    let lengths = policy.min_pin_length()..=policy.config.pin_length.max;
    let valid = u8::try_from(asked).ok().filter(|new| lengths.contains(new));
    valid.ok_or(Status::PinPolicyViolation)
}

/// The PIN in force would not be accepted as a new one, or may not be (CF-46, CF-52).
fn outgrown(state: &State, min_pin_length: u8, newly_complex: bool) -> bool {
    state.pin.as_ref().is_some_and(|pin| newly_complex || pin.code_points < min_pin_length)
}
