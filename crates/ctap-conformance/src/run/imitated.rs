//! A key that announces what a model announces: if the model itself breaks the standard there, the key is not to
//! blame.

use crate::case::Case;
use crate::needs::Need;
use crate::outcome::Verdict;

/// A model. The key's getInfo is exactly that of the model.
#[derive(Clone, Debug, Default)]
pub struct Imitated {
    /// The ids of the rules that the model itself breaks. If a case about one of them fails, the model is at fault.
    pub contradictions: Vec<String>,
    /// What the model announces and the key does not do, in the words of the needs of cases: `extension uvm`,
    /// `algorithm -257`.
    pub lacks: Vec<String>,
}

impl Imitated {
    /// The verdict. If the case would test the model and not the key, it is skipped instead.
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
