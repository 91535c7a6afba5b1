//! How the demonstration is told: numbered steps, and beneath each what happened, on a terminal in colour and unhurried.

use std::io::{self, IsTerminal as _};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::wire::Wire;
use crate::terminal::{self, Paint};

/// Tells a story step by step.
pub(super) struct Narrator {
    paint: Paint,
    pause: Duration,
    steps: usize,
    begun: Instant,
    /// What is overheard, if that is to be told.
    wire: Option<Wire>,
}

impl Narrator {
    /// Tells what `wire` overhears, if there is one; `fast` leaves out the pauses in which a person reads.
    pub(super) fn new(wire: Option<Wire>, fast: bool) -> Self {
        let pause = if fast || !io::stdout().is_terminal() { Duration::ZERO } else { BREATH };
        Self { paint: Paint::stdout(), pause, steps: 0, begun: Instant::now(), wire }
    }

    /// Tells how it began: a step that has been taken already.
    ///
    /// # Errors
    /// From the operating system.
    pub(super) fn begin(&mut self, title: &str, text: &str) -> anyhow::Result<()> {
        self.title(title)?;
        self.line(&self.paint.green(OK), text)?;
        thread::sleep(self.pause);
        Ok(())
    }

    /// Tells one step: its title, then what `act` reports, with what went over the wire if that is told, and how long it took.
    ///
    /// # Errors
    /// What `act` failed with, under the step's title.
    pub(super) fn step(
        &mut self,
        title: &str,
        act: impl FnOnce() -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        self.title(title)?;
        let begun = Instant::now();
        let outcome = act();
        let elapsed = begun.elapsed();
        if let Some(overheard) = self.wire.as_ref().and_then(Wire::take) {
            self.line(&self.paint.cyan(WIRE), &self.paint.dim(overheard))?;
        }
        match &outcome {
            Ok(text) => {
                let time = self.paint.dim(format_args!("({})", in_words(elapsed)));
                self.line(&self.paint.green(OK), &format!("{text} {time}"))?;
            }
            Err(error) => self.line(&self.paint.red(FAILED), &format!("{error:#}"))?,
        }
        thread::sleep(self.pause);
        outcome
            .map(drop)
            .with_context(|| format!("step {} of the demonstration failed ({title})", self.steps))
    }

    /// The last words, and what to do `next`.
    ///
    /// # Errors
    /// From the operating system.
    pub(super) fn end(&self, next: &str) -> anyhow::Result<()> {
        let summary = format!(
            "All {} steps did what they should, in {}.",
            self.steps,
            in_words(self.begun.elapsed())
        );
        terminal::print(format_args!("\n{}\n{next}", self.paint.green(summary)))?;
        Ok(())
    }

    fn title(&mut self, title: &str) -> io::Result<()> {
        self.steps += 1;
        let title = self.paint.bold(format_args!("{:>2}  {title}", self.steps));
        terminal::print(format_args!("\n{title}\n"))
    }

    fn line(&self, label: &str, text: &str) -> io::Result<()> {
        terminal::print(format_args!("{label}  {text}\n"))
    }
}

/// Tells what the key asks its person, and what they do.
pub(super) fn tell_touch(question: &str, gesture: &str) -> io::Result<()> {
    let paint = Paint::stdout();
    let (asks, person) = (paint.yellow(ASKS), paint.yellow(PERSON));
    terminal::print(format_args!("{asks}  {question}\n{person}  keyfob {gesture}\n"))
}

/// Three digits are enough.
pub(crate) fn in_words(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds if seconds >= 0.01 => format!("{:.0} ms", seconds * 1e3),
        seconds if seconds >= 0.001 => format!("{:.1} ms", seconds * 1e3),
        seconds => format!("{:.0} µs", seconds * 1e6),
    }
}

// Labels of lines, as wide as the widest.
const OK: &str = "         ok";
const FAILED: &str = "     failed";
const WIRE: &str = "       wire";
const ASKS: &str = "   key asks";
const PERSON: &str = "     person";

/// Time to read a step.
const BREATH: Duration = Duration::from_millis(350);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_with_the_digits_that_matter() {
        let told =
            [432, 4_321, 43_210, 4_321_000].map(|micros| in_words(Duration::from_micros(micros)));
        assert_eq!(told, ["432 µs", "4.3 ms", "43 ms", "4.32 s"]);
    }
}
