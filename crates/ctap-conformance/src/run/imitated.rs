//! A key that says what some model says: where the model's words are not the standard's, the key is not to blame.

use crate::case::Case;
use crate::needs::Need;
use crate::outcome::Verdict;

/// The model whose getInfo a key tells word for word.
#[derive(Clone, Debug, Default)]
pub struct Imitated {
    /// The rules that the model itself breaks, by their ids: what fails a case about one of them is the model's.
    pub contradictions: Vec<String>,
    /// What the model tells and the key does not do, as cases need it: `extension uvm`, `algorithm -257`.
    pub lacks: Vec<String>,
}

impl Imitated {
    /// The verdict, or that the case is skipped, for it would judge the model and not the key.
    pub(super) fn excuse(&self, case: &Case, verdict: Verdict) -> Verdict {
        if !matches!(verdict, Verdict::Failed(_)) {
            return verdict;
        }
        let lacks = self
            .lacks
            .iter()
            .find(|one| Need::read(one).is_ok_and(|need| case.needs.contains(&need)));
        if let Some(lacks) = lacks {
            return Verdict::Skipped { reason: format!("the key only says that it has {lacks}") };
        }
        let broken = case.rules.iter().find(|rule| self.contradictions.contains(rule));
        match broken {
            _ if case.is_about_words() => Verdict::Skipped { reason: OF_THE_MODEL.to_owned() },
            Some(rule) => Verdict::Skipped { reason: format!("the model itself breaks {rule}") },
            None => verdict,
        }
    }
}

const OF_THE_MODEL: &str = "there getInfo says what the model says, and not what the standard says";
