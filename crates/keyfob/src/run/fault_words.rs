//! Faults in the words of a line. What a key tells is escaped.

use virtual_key::faults::{FaultDescription, Word};

use crate::terminal::shown::name;

/// `slow-answer (milliseconds 900)`.
pub(super) fn told(fault: &FaultDescription) -> String {
    let kind = fault.kind.as_deref().map_or_else(|| "a fault".to_owned(), name);
    let members: Vec<_> = members(fault).collect();
    let kind = match members.is_empty() {
        true => kind,
        false => format!("{kind} ({})", members.join(", ")),
    };
    match fault.recipe.as_deref() {
        Some(recipe) => format!("{} ({kind})", name(recipe)),
        None => kind,
    }
}

fn members(fault: &FaultDescription) -> impl Iterator<Item = String> {
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let members = [
        ("status", fault.status.as_ref().map(hexadecimal)),
        ("error", fault.error.as_ref().map(hexadecimal)),
        ("report", number(fault.report)),
        ("bytes", number(fault.bytes)),
        ("count", number(fault.count)),
        ("milliseconds", number(fault.milliseconds)),
    ];
    members.into_iter().filter_map(|(member, value)| Some(format!("{member} {}", value?)))
}

/// `the next 2 requests of getInfo on channel 31`.
pub(super) fn which(fault: &FaultDescription) -> String {
    let requests = match &fault.requests {
        Some(Word::Number(1)) | None => "the next request".to_owned(),
        Some(Word::Number(count)) => format!("the next {count} requests"),
        Some(all) => format!("{} requests", word(all)),
    };
    let command = fault.command.as_ref().map(|command| format!(" of {}", word(command)));
    let channel = fault.channel.as_ref().map(|channel| format!(" on channel {}", word(channel)));
    [Some(requests), command, channel].into_iter().flatten().collect()
}

fn word(word: &Word) -> String {
    match word {
        Word::Number(number) => number.to_string(),
        Word::Text(text) => name(text),
    }
}

fn hexadecimal(code: &Word) -> String {
    match code {
        Word::Number(number) => format!("{number:#04x}"),
        Word::Text(text) => name(text),
    }
}
