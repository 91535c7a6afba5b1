//! A running key as scripts see it, in the words of the control socket.

use std::collections::BTreeMap;
use std::rc::Rc;

use ctap_core::consent::{Action, Gesture};
use virtual_key::faults::FaultDescription;
use virtual_key::keys::{Keys, PluggedKey, Prompt};

use crate::control::protocol::{ActiveFault, KeyStatus, OpenPrompt};
use crate::device::Address;
use crate::terminal;

/// How this key is.
pub(super) fn key_status(key: &PluggedKey) -> KeyStatus {
    KeyStatus {
        key: key.bus_id().to_owned(),
        serial: key.serial().to_owned(),
        device: Address::of(key).map(|address| address.to_string()),
        reader_at: Address::of_reader(key).map(|address| address.to_string()),
        attached: key.is_attached(),
        way: key.way().map(str::to_owned),
        on_reader: key.form().is_card().then(|| key.is_laid_on()),
        recording: key.recording().map(|path| path.display().to_string()),
        prompt: key.prompt().map(|prompt| open_prompt(key, prompt)),
        faults: faults_of(key),
    }
}

/// What is wrong with this key on purpose.
pub(super) fn faults_of(key: &PluggedKey) -> Vec<ActiveFault> {
    let told = |fault: virtual_key::faults::ActiveFault| {
        let recipe = fault.recipe.map(str::to_owned);
        let described = FaultDescription::from(fault.injection);
        ActiveFault { id: fault.id, fault: FaultDescription { recipe, ..described } }
    };
    key.faults().into_iter().map(told).collect()
}

/// All prompts that can be answered, by their ids.
pub(super) fn open_prompts(keys: &Keys) -> BTreeMap<String, OpenPrompt> {
    let of = |key: &Rc<PluggedKey>| -> Vec<OpenPrompt> {
        key.prompts().into_iter().map(|prompt| open_prompt(key, prompt)).collect()
    };
    keys.iter().flat_map(of).map(|prompt| (prompt.id.clone(), prompt)).collect()
}

/// A prompt of this key.
pub(super) fn open_prompt(key: &PluggedKey, prompt: Prompt) -> OpenPrompt {
    OpenPrompt {
        seconds_left: prompt.seconds_left(),
        id: prompt.name,
        action: action_name(prompt.question.action).to_owned(),
        gesture: gesture_name(prompt.question.gesture).to_owned(),
        rp_id: prompt.question.rp_id,
        application: prompt.question.application.map(|hash| terminal::hex(&hash)),
        user: prompt.question.user,
        key: key.bus_id().to_owned(),
    }
}

fn action_name(action: Action) -> &'static str {
    ACTIONS.iter().find(|(other, _)| *other == action).map_or("other", |(_, name)| name)
}

/// The action that scripts know by this name; `None`: it is one of a newer key.
pub(super) fn action_named(name: &str) -> Option<Action> {
    ACTIONS.iter().find(|(_, other)| *other == name).map(|(action, _)| *action)
}

const ACTIONS: [(Action, &str); 6] = [
    (Action::Register, "register"),
    (Action::SignIn, "sign_in"),
    (Action::Select, "select"),
    (Action::Reset, "reset"),
    (Action::Verify, "verify"),
    (Action::Enroll, "enroll"),
];

fn gesture_name(gesture: Gesture) -> &'static str {
    match gesture {
        Gesture::Touch => "touch",
        Gesture::TouchTwice => "touch_twice",
        Gesture::TouchAgain => "touch_again",
        Gesture::LongTouch => "long_touch",
        Gesture::Finger => "finger",
        _ => "other",
    }
}
