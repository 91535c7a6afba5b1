//! Which model a person means: by its number, its name, or words of it.

use strsim::normalized_damerau_levenshtein;

use super::blob::Model;
use crate::failure::usage;
use crate::say::warn;
use crate::terminal::shown::{name as shown, quoted_name};

/// The one that is meant. Of several with one name it is the newest, which is said.
///
/// # Errors
/// None is meant, or several are: the caller's fault.
pub(super) fn find<'m, 'a>(models: &'m [Model<'a>], name: &str) -> anyhow::Result<&'m Model<'a>> {
    let meant = meant(models, name);
    match (newest(&meant), &meant[..]) {
        (Some(model), [_]) => Ok(model),
        (Some(model), _) => {
            let (count, name) = (meant.len(), quoted_name(model.description()));
            warn(format_args!(
                "{count} models are called {name}; this is the newest, {}",
                model.id()
            ));
            Ok(model)
        }
        (None, []) => Err(nothing(models, name)),
        (None, several) => Err(usage(
            format_args!(
                "{} models match {}:{}",
                several.len(),
                quoted_name(name),
                listed(several)
            ),
            "type more of the name, or the AAGUID in front of it",
        )),
    }
}

/// The one with this number, or those that have all these words.
///
/// # Errors
/// There is none: the caller's fault.
pub(super) fn search<'m, 'a>(
    models: &'m [Model<'a>],
    words: &[String],
) -> anyhow::Result<Vec<&'m Model<'a>>> {
    let words = words.join(" ");
    let found =
        numbered(models, &words).unwrap_or_else(|| with_words(models, &words, text_with_status));
    if found.is_empty() { Err(nothing(models, &words)) } else { Ok(found) }
}

/// Those with this number; else with this name; else with these words.
fn meant<'m, 'a>(models: &'m [Model<'a>], name: &str) -> Vec<&'m Model<'a>> {
    numbered(models, name)
        .or_else(|| called(models, name))
        .unwrap_or_else(|| with_words(models, name, text))
}

fn numbered<'m, 'a>(models: &'m [Model<'a>], number: &str) -> Option<Vec<&'m Model<'a>>> {
    let number = digits(number);
    any_of(models, |model| model.numbers().any(|one| digits(&one) == number))
}

fn called<'m, 'a>(models: &'m [Model<'a>], name: &str) -> Option<Vec<&'m Model<'a>>> {
    let name = name.trim().to_lowercase();
    any_of(models, |model| names(model).any(|one| one.to_lowercase() == name))
}

/// `None`: there is none.
fn any_of<'m, 'a>(
    models: &'m [Model<'a>],
    is_meant: impl Fn(&Model<'_>) -> bool,
) -> Option<Vec<&'m Model<'a>>> {
    let found: Vec<_> = models.iter().filter(|model| is_meant(model)).collect();
    Some(found).filter(|found| !found.is_empty())
}

fn with_words<'m, 'a>(
    models: &'m [Model<'a>],
    words: &str,
    text: fn(&Model<'_>) -> String,
) -> Vec<&'m Model<'a>> {
    let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
    let has_all = |model: &&Model<'_>| {
        let text = text(model);
        !words.is_empty() && words.iter().all(|word| text.contains(word))
    };
    models.iter().filter(has_all).collect()
}

/// The newest of one name, if one is: versions of different makers cannot be compared.
fn newest<'m, 'a>(models: &[&'m Model<'a>]) -> Option<&'m Model<'a>> {
    let first = models.first()?;
    let age = |model: &Model<'_>| (model.family(), model.metadata_statement.authenticator_version);
    let newest = models.iter().copied().max_by_key(|model| age(model))?;
    let is_only = models.iter().filter(|model| age(model) == age(newest)).count() == 1;
    let is_one_name = models.iter().all(|model| model.description() == first.description());
    (is_only && is_one_name).then_some(newest)
}

fn nothing(models: &[Model<'_>], name: &str) -> anyhow::Error {
    if name.trim().is_empty() {
        let next = "type an AAGUID, a name or words of it; `keyfob models list` shows all models";
        return usage("the name of the model is empty", next);
    }
    let what =
        format!("no model is called {} or has all these words in its name", quoted_name(name));
    match &nearest(models, name)[..] {
        [] => usage(what, "`keyfob models list` shows them all"),
        near => usage(
            format_args!("{what}; similar ones are:{}", listed(near)),
            "type one of these names, or see them all: keyfob models list",
        ),
    }
}

/// Those whose words are most like these, or whose number is.
fn nearest<'m, 'a>(models: &'m [Model<'a>], name: &str) -> Vec<&'m Model<'a>> {
    if name.len() > LONGEST_NAME {
        return Vec::new();
    }
    if is_number(name) {
        let number = digits(name);
        return most_like(models, ALMOST_THE_SAME, |model| {
            most(model.numbers().map(|one| normalized_damerau_levenshtein(&number, &digits(&one))))
        });
    }
    let wanted: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
    most_like(models, MUCH_LIKE, |model| {
        let text = text(model);
        let best = |word: &String| {
            most(text.split_whitespace().map(|one| normalized_damerau_levenshtein(word, one)))
        };
        wanted.iter().map(best).sum::<f64>() / wanted.len().max(1) as f64
    })
}

/// The first few of those that are more like it than this.
fn most_like<'m, 'a>(
    models: &'m [Model<'a>],
    least: f64,
    likeness: impl Fn(&Model<'a>) -> f64,
) -> Vec<&'m Model<'a>> {
    let mut near: Vec<_> = models.iter().map(|model| (likeness(model), model)).collect();
    near.retain(|(likeness, _)| *likeness > least);
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.into_iter().map(|(_, model)| model).take(NEAREST).collect()
}

fn most(likenesses: impl Iterator<Item = f64>) -> f64 {
    likenesses.fold(0.0, f64::max)
}

/// Each on a line of its own, behind what it can be named by.
fn listed(models: &[&Model<'_>]) -> String {
    let line = |model: &&Model<'_>| format!("\n  {}  {}", model.id(), shown(model.description()));
    let more = match models.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    models.iter().take(LISTED).map(line).collect::<String>() + &more
}

/// What is searched for words.
fn text(model: &Model<'_>) -> String {
    let certified =
        model.status_reports.iter().map(|report| report.certification_descriptor.as_str());
    let words: Vec<&str> = names(model).chain(certified).collect();
    words.join(" ").to_lowercase()
}

/// The same, and how it stands: nobody means one model by that.
fn text_with_status(model: &Model<'_>) -> String {
    let status = model.status().map(|report| report.status.to_lowercase());
    format!("{} {}", text(model), status.unwrap_or_default())
}

/// What it is called, in all languages.
fn names<'m>(model: &'m Model<'_>) -> impl Iterator<Item = &'m str> {
    let friendly = model.metadata_statement.friendly_names.as_object().into_iter().flatten();
    [model.description()].into_iter().chain(friendly.filter_map(|(_, name)| name.as_str()))
}

/// A number, however it is written.
fn digits(number: &str) -> String {
    number.trim().replace('-', "").to_lowercase()
}

/// Whether it is an AAGUID or a key identifier, or was meant as one.
fn is_number(name: &str) -> bool {
    let digits = digits(name);
    digits.len() >= FEWEST_DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Bytes. Nothing is like a longer one, and to compare it takes time.
const LONGEST_NAME: usize = 200;
/// How many like ones are offered.
const NEAREST: usize = 5;
/// More of them nobody reads.
const LISTED: usize = 12;
/// Between words that have nothing in common, 0, and the same ones, 1.
const MUCH_LIKE: f64 = 0.6;
/// The same between numbers: of the 32 digits of an AAGUID four may be wrong.
const ALMOST_THE_SAME: f64 = 0.85;
/// A word that has only letters from a to f is shorter.
const FEWEST_DIGITS: usize = 16;

#[cfg(test)]
mod tests {
    use super::super::blob::Blob;
    use super::super::blob::tests::{AAGUID, entry, payload};
    use super::*;
    use crate::failure::describe;

    fn five_models() -> String {
        let other = |digit: char| AAGUID.replace('f', &digit.to_string());
        payload(&[
            entry("YubiKey 5 Series", AAGUID, 5_2),
            entry("YubiKey 5 Series", &other('1'), 5_7),
            entry("YubiKey 5 Series with NFC", &other('2'), 5_7),
            entry("Twin", &other('3'), 1),
            entry("Twin", &other('4'), 1),
        ])
    }

    /// What is found of them, as description and firmware.
    fn found(name: &str) -> Result<(String, u64), String> {
        let text = five_models();
        let models = Blob::parse(&text).unwrap().keys().unwrap();
        let model = find(&models, name).map_err(|error| describe(&error))?;
        Ok((model.description().to_owned(), model.metadata_statement.authenticator_version))
    }

    #[test]
    fn a_model_is_found_by_its_number_its_name_and_words_of_it() {
        let nfc = Ok(("YubiKey 5 Series with NFC".to_owned(), 57));
        assert_eq!(found("yubikey 5 series WITH nfc"), nfc);
        assert_eq!(found("nfc yubi"), nfc);
        assert_eq!(found(&AAGUID.replace('f', "2").replace('-', "").to_uppercase()), nfc);
    }

    #[test]
    fn a_search_takes_words_or_a_number_and_tells_all_that_are_meant() {
        let text = five_models();
        let models = Blob::parse(&text).unwrap().keys().unwrap();
        let count = |words: &str| search(&models, &[words.to_owned()]).map_or(0, |all| all.len());
        assert_eq!([count("yubikey"), count("twin"), count(AAGUID), count("solo")], [3, 2, 1, 0]);
        assert_eq!([count("l2"), count("twin certified_l2"), count("revoked")], [5, 2, 0]);
        assert!(found("twin certified_l2").is_err(), "one model is not meant by how it stands");
    }

    #[test]
    fn of_several_with_one_name_the_newest_is_meant() {
        assert_eq!(found("YubiKey 5 Series"), Ok(("YubiKey 5 Series".to_owned(), 57)));
    }

    #[test]
    fn a_name_that_fits_several_lists_them_with_what_tells_them_apart() {
        for (name, listed) in [("yubikey", "with NFC"), ("Twin", "3a2b99dc")] {
            let told = found(name).unwrap_err();
            assert!(told.contains("models match") && told.contains(listed), "{told}");
            assert!(told.contains("\nnext: type more of the name"), "{told}");
        }
    }

    #[test]
    fn a_name_that_fits_none_offers_the_nearest() {
        let told = found("yubkey series nfs").unwrap_err();
        assert!(told.contains("similar ones are:\n  2a2b99dc"), "{told}");
        for unlike in ["xyz", &"yubikey serie".repeat(9_999)] {
            let told = found(unlike).unwrap_err();
            assert!(
                !told.contains("similar") && told.contains("\nnext: `keyfob models list`"),
                "{told}"
            );
        }
    }

    #[test]
    fn an_aaguid_with_a_wrong_digit_offers_the_one_that_was_meant() {
        let wrong = AAGUID.replace("2b", "2c").replace('-', "");
        let told = found(&wrong).unwrap_err();
        assert!(told.contains(&format!("similar ones are:\n  {AAGUID}")), "{told}");
        let told = found("00112233-4455-6677-8899-aabbccddeeff").unwrap_err();
        assert!(!told.contains("similar"), "{told}");
    }

    #[test]
    fn an_empty_name_is_told_as_such() {
        for empty in ["", " \t"] {
            let told = found(empty).unwrap_err();
            assert!(
                told.contains("the name of the model is empty\nnext: type an AAGUID"),
                "{told}"
            );
        }
    }
}
