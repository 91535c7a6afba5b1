//! The algorithm with which the suite makes its credentials. Not every key has ES256.

use ctap_client::{Status, Value};
use getrandom::SysRng;
use rand_core::UnwrapErr;

use super::Imitated;
use crate::needs::{ES256, Need, listed_algorithms};
use crate::play::Player;
use crate::transport::Transport;
use crate::watch::Watch;

/// One that the key announces: the first of [`USUAL`] that it lists, or else its own first. If it lists none, as keys of CTAP 2.0 do
/// (GI-19), the first of them that it does not refuse.
///
/// What a model announces, and the key that is like it cannot do, does not count.
pub(super) fn algorithm_for(
    key: &mut dyn Transport,
    info: Option<&Value>,
    model: Option<&Imitated>,
) -> i64 {
    let Some(info) = info else { return ES256 };
    let found = match listed_algorithms(info) {
        Some(listed) => preferred(listed.filter(|one| !is_only_announced(*one, model)).collect()),
        None => USUAL.into_iter().find(|one| is_taken(key, info, *one)),
    };
    found.unwrap_or(ES256)
}

fn preferred(listed: Vec<i64>) -> Option<i64> {
    let usual = USUAL.into_iter().find(|one| listed.contains(one));
    usual.or_else(|| listed.first().copied())
}

fn is_only_announced(algorithm: i64, model: Option<&Imitated>) -> bool {
    let need = Need::algorithm(algorithm);
    model.is_some_and(|model| {
        model.lacks.iter().any(|one| Need::read(one).is_ok_and(|one| one == need))
    })
}

/// Whether the key has this algorithm, as far as a request shows it that makes nothing: a key looks for an algorithm (MC-06) before it refuses
/// that `up` is false (MC-12). If it asks for a touch nevertheless, that is cancelled. In doubt it has it.
fn is_taken(key: &mut dyn Transport, info: &Value, algorithm: i64) -> bool {
    let (mut watch, mut rng) = (Watch::new(key), UnwrapErr(SysRng));
    let mut player = Player::new(&mut watch, &mut rng, Some(info), algorithm);
    let says = r#"cancelled: makeCredential {...$mc, 7: {"up": false}} => INVALID_OPTION"#;
    for line in crate::script::read(says).unwrap_or_default() {
        let _ = player.step(&line.step);
    }
    let answer = watch.last.and_then(|(_, answer)| answer).unwrap_or_default();
    answer.first().copied().map(Status::from_byte) != Some(Status::UnsupportedAlgorithm)
}

/// By their COSE numbers, from short answers to long ones: ES256, EdDSA, ES256K, ES384, ES512, ML-DSA-44, ML-DSA-65, RS256, PS256.
const USUAL: [i64; 9] = [ES256, -8, -47, -35, -36, -48, -49, -257, -37];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_algorithms_the_suite_asks_for_the_usual_one_and_else_for_the_keys_first() {
        assert_eq!(preferred(vec![-257, -8, -7]), Some(-7));
        assert_eq!(preferred(vec![-257, -8]), Some(-8));
        assert_eq!(preferred(vec![-65535, -300]), Some(-65535));
        assert_eq!(preferred(Vec::new()), None);
    }

    #[test]
    fn an_algorithm_that_only_the_model_has_is_not_asked_for() {
        let model = Imitated { lacks: vec!["algorithm -257".to_owned()], ..Imitated::default() };
        assert!(is_only_announced(-257, Some(&model)));
        assert!(!is_only_announced(-8, Some(&model)));
        assert!(!is_only_announced(-257, None));
    }
}
