//! Rewards from another program: [`ProcessReward`].
//!
//! The program reads questions from its standard input and writes answers to its standard output, each one line of JSON:
//!
//! ```text
//! {"id":0,"objects":["ACGU","GGCA"]}
//! {"id":0,"log_rewards":[-1.5,0.25]}
//! ```
//!
//! `rewards` may stand for `log_rewards`, and `{"id":0,"error":"why"}` for an answer that there is not. The program is started
//! when the first question is asked, and ends when its input does. What it writes to its standard error is shown where it fails.

use anyhow::{Result, bail};
use gfn_env::{Environment, Reward, RewardError};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Lines of standard error that a message shows.
const LAST_WORDS: usize = 8;

/// How a program is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessRewardConfig {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Most objects of one question.
    pub batch_size: usize,
    /// Seconds that an answer may take.
    pub timeout_s: f64,
    /// How often a program that ends or does not answer is started again for one question.
    pub retries: u32,
}

impl Default for ProcessRewardConfig {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            batch_size: 256,
            timeout_s: 60.0,
            retries: 2,
        }
    }
}

/// Log-rewards that another program computes from the texts of the objects, [`Environment::describe`].
///
/// Clones share the program, and ask it one after the other.
#[derive(Clone)]
pub struct ProcessReward<E> {
    environment: E,
    config: Arc<ProcessRewardConfig>,
    running: Arc<Mutex<Option<Running>>>,
}

impl<E> fmt::Debug for ProcessReward<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessReward({:?})", self.config)
    }
}

#[derive(Serialize)]
struct Question<'a> {
    id: u64,
    objects: &'a [String],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    id: u64,
    log_rewards: Option<Vec<Option<f64>>>,
    rewards: Option<Vec<Option<f64>>>,
    error: Option<String>,
}

/// Why there is no answer, and whether another try may help.
struct Failure {
    why: String,
    again: bool,
}

impl Failure {
    fn final_(why: String) -> Self {
        Self { why, again: false }
    }
}

impl<E: Environment> ProcessReward<E> {
    /// Asks the program that `config` names about the objects of `environment`; does not start it yet.
    ///
    /// # Errors
    ///
    /// If there is no program, or a number is out of range.
    pub fn new(environment: E, config: ProcessRewardConfig) -> Result<Self> {
        if config.command.is_empty() {
            bail!("command = []: name the program and its arguments, [\"python3\", \"reward.py\"]");
        }
        if config.batch_size == 0 {
            bail!("batch_size = 0: must be at least 1");
        }
        if !(config.timeout_s > 0.0 && config.timeout_s <= 86_400.0) {
            bail!(
                "timeout_s = {}: must be above 0 and at most a day, 86400",
                config.timeout_s
            );
        }
        Ok(Self {
            environment,
            config: Arc::new(config),
            running: Arc::default(),
        })
    }

    fn name(&self) -> String {
        format!("`{}`", self.config.command.join(" "))
    }

    /// Log-rewards of some objects, with as many tries as are allowed.
    fn ask(&self, objects: &[String]) -> Result<Vec<f64>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tries = 0;
        loop {
            let failure = match self.try_once(&mut running, objects) {
                Ok(log_rewards) => return Ok(log_rewards),
                Err(failure) => failure,
            };
            // What it says later would be taken for the answer to another question.
            *running = None;
            tries += 1;
            if !failure.again {
                bail!("{} {}", self.name(), failure.why);
            }
            if tries > self.config.retries {
                bail!("{} {} (tried {tries} times)", self.name(), failure.why);
            }
        }
    }

    fn try_once(
        &self,
        running: &mut Option<Running>,
        objects: &[String],
    ) -> Result<Vec<f64>, Failure> {
        let process = match running {
            Some(process) => process,
            None => running.insert(Running::start(&self.config.command).map_err(Failure::final_)?),
        };
        let id = process.next_id;
        process.next_id += 1;
        let question = serde_json::to_string(&Question { id, objects })
            .map_err(|error| Failure::final_(format!("cannot be asked: {error}")))?;
        // Where nobody reads any more, the missing answer says why.
        let asked = process.questions.as_ref().map(|q| q.send(question));
        let heard = process
            .answers
            .recv_timeout(Duration::from_secs_f64(self.config.timeout_s));
        let line = match (asked, heard) {
            (_, Ok(line)) => line,
            (_, Err(RecvTimeoutError::Timeout)) => {
                return Err(Failure {
                    why: format!(
                        "has not answered {} objects in {} s; raise timeout_s, or lower batch_size{}",
                        objects.len(),
                        self.config.timeout_s,
                        process.last_words()
                    ),
                    again: true,
                });
            }
            (_, Err(RecvTimeoutError::Disconnected)) => {
                return Err(Failure {
                    why: process.obituary(),
                    again: true,
                });
            }
        };
        read_answer(&line, id, objects).map_err(Failure::final_)
    }
}

/// The log-rewards in an answer, or what is wrong with it.
fn read_answer(line: &str, id: u64, objects: &[String]) -> Result<Vec<f64>, String> {
    let answer: Answer = serde_json::from_str(line).map_err(|error| {
        format!(
            "wrote {line:?}, which is no answer ({error}); write one line of JSON for each question, \
             {{\"id\":{id},\"log_rewards\":[..]}}, and everything else to the standard error"
        )
    })?;
    if answer.id != id {
        return Err(format!("answered question {} instead of {id}", answer.id));
    }
    if let Some(error) = answer.error {
        return Err(format!("says: {error}"));
    }
    let (values, logarithms) = match (answer.log_rewards, answer.rewards) {
        (Some(values), None) => (values, true),
        (None, Some(values)) => (values, false),
        _ => {
            return Err(format!(
                "wrote {line:?}, which needs either `log_rewards` or `rewards`"
            ));
        }
    };
    if values.len() != objects.len() {
        return Err(format!(
            "gave {} rewards for {} objects",
            values.len(),
            objects.len()
        ));
    }
    let pairs = values.into_iter().zip(objects);
    let usable = pairs.map(|(value, object)| match value {
        Some(value) if logarithms => Ok(value),
        Some(value) if value > 0.0 => Ok(value.ln()),
        Some(value) => Err(format!(
            "gave {object} the reward {value}; it must be positive"
        )),
        None => Err(format!("gave {object} no number")),
    });
    usable.collect()
}

impl<E: Environment> Reward<E::State> for ProcessReward<E> {
    fn log_reward(&self, terminals: &[E::State], out: &mut [f64]) -> Result<(), RewardError> {
        let size = self.config.batch_size;
        for (terminals, out) in terminals.chunks(size).zip(out.chunks_mut(size)) {
            let describe = |x| self.environment.describe(x);
            let objects: Vec<String> = terminals.iter().map(describe).collect();
            let log_rewards = self.ask(&objects).map_err(|error| RewardError::Failed {
                source: error.into(),
            })?;
            out.copy_from_slice(&log_rewards);
        }
        Ok(())
    }
}

/// A program that runs, with a thread for each of its ends.
struct Running {
    child: Child,
    /// `None` once its input is closed.
    questions: Option<Sender<String>>,
    answers: Receiver<String>,
    said: Arc<Mutex<VecDeque<String>>>,
    threads: Vec<JoinHandle<()>>,
    next_id: u64,
}

impl Running {
    fn start(command: &[String]) -> Result<Self, String> {
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                format!("cannot be started: {error} (check `command`, a list of the program and its arguments)")
            })?;
        let (questions, to_ask) = channel::<String>();
        let (hear, answers) = channel();
        let said = Arc::new(Mutex::new(VecDeque::new()));
        let mut threads = Vec::new();
        if let Some(mut stdin) = child.stdin.take() {
            threads.push(thread::spawn(move || {
                for question in to_ask {
                    if writeln!(stdin, "{question}")
                        .and_then(|()| stdin.flush())
                        .is_err()
                    {
                        break;
                    }
                }
            }));
        }
        if let Some(stdout) = child.stdout.take() {
            threads.push(thread::spawn(move || {
                let lines = BufReader::new(stdout).lines().map_while(Result::ok);
                for line in lines.filter(|line| !line.trim().is_empty()) {
                    if hear.send(line).is_err() {
                        break;
                    }
                }
            }));
        }
        if let Some(stderr) = child.stderr.take() {
            let said = Arc::clone(&said);
            threads.push(thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                    said.push_back(line);
                    if said.len() > LAST_WORDS {
                        said.pop_front();
                    }
                }
            }));
        }
        Ok(Self {
            child,
            questions: Some(questions),
            answers,
            said,
            threads,
            next_id: 0,
        })
    }

    /// What it has last written to its standard error.
    fn last_words(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_empty() {
            return String::new();
        }
        let lines: Vec<&str> = said.iter().map(String::as_str).collect();
        format!("; it last said: {}", lines.join(" / "))
    }

    /// How it has ended.
    fn obituary(&mut self) -> String {
        self.questions = None;
        // It has closed its output. What does not end soon is made to, and so is the wait for its last words.
        let pause = Duration::from_millis(20);
        let mut status = None;
        for _ in 0..50 {
            status = self.child.try_wait().ok().flatten();
            if status.is_some() {
                break;
            }
            thread::sleep(pause);
        }
        for _ in 0..50 {
            if self.threads.iter().all(JoinHandle::is_finished) {
                break;
            }
            thread::sleep(pause);
        }
        let how = status.map_or("it has closed its output".to_owned(), |s| s.to_string());
        format!("has ended ({how}) without an answer{}", self.last_words())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.questions = None;
        // A program that has ended already cannot be killed: nothing is lost.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use gfn_env::{Sequence, SequenceState};

    /// Counts the letters A of each object, in the words of a shell.
    const COUNT: &str = r#"
        while read -r line; do
            id=${line#*\"id\":}; id=${id%%,*}
            objects=${line#*[}; objects=${objects%]*}; out=
            IFS=,
            for object in $objects; do
                rest=$(printf %s "$object" | tr -cd A)
                out="$out${out:+,}${#rest}"
            done
            unset IFS
            printf '{"id":%s,"log_rewards":[%s]}\n' "$id" "$out"
        done
    "#;

    fn reward(
        script: &str,
        change: impl FnOnce(&mut ProcessRewardConfig),
    ) -> ProcessReward<Sequence> {
        let env = Sequence::new(3, 4).unwrap().with_alphabet("ACGU").unwrap();
        let mut config = ProcessRewardConfig {
            command: ["sh", "-c", script].map(str::to_owned).to_vec(),
            timeout_s: 20.0,
            retries: 0,
            ..ProcessRewardConfig::default()
        };
        change(&mut config);
        ProcessReward::new(env, config).unwrap()
    }

    fn objects(texts: &[&str]) -> Vec<SequenceState> {
        let env = Sequence::new(3, 4).unwrap().with_alphabet("ACGU").unwrap();
        texts.iter().map(|text| env.parse(text).unwrap()).collect()
    }

    fn ask(reward: &ProcessReward<Sequence>, texts: &[&str]) -> Result<Vec<f64>, String> {
        let mut out = vec![f64::NAN; texts.len()];
        match reward.log_reward(&objects(texts), &mut out) {
            Ok(()) => Ok(out),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn answers_come_in_order_and_in_batches() {
        for batch_size in [1, 2, 256] {
            let reward = reward(COUNT, |config| config.batch_size = batch_size);
            for _ in 0..2 {
                let found = ask(&reward, &["AAA", "CGU", "ACA", "UUA", "GGG"]).unwrap();
                assert_eq!(found, [3.0, 0.0, 2.0, 1.0, 0.0]);
            }
            assert_eq!(ask(&reward.clone(), &["CAA"]).unwrap(), [2.0]);
            assert!(ask(&reward, &[]).unwrap().is_empty());
        }
    }

    #[test]
    fn rewards_become_logarithms() {
        let script = r#"read -r line; echo '{"id":0,"rewards":[1.0,0.5]}'"#;
        let found = ask(&reward(script, |_| {}), &["AAA", "CCC"]).unwrap();
        assert_eq!(found, [0.0, 0.5f64.ln()]);
    }

    #[test]
    fn a_program_that_ends_is_started_again() {
        // It ends after its first answer: each question has a fresh one.
        let once =
            r#"read -r line; printf '{"id":0,"log_rewards":[1.5]}\n'; echo gone >&2; exit 3"#;
        let fresh = reward(once, |config| config.retries = 1);
        for _ in 0..3 {
            assert_eq!(ask(&fresh, &["AAA"]).unwrap(), [1.5]);
        }
        let never = reward("echo first >&2; echo second >&2; exit 7", |config| {
            config.retries = 2;
        });
        let message = ask(&never, &["AAA"]).unwrap_err();
        for part in [
            "exit status: 7",
            "first / second",
            "tried 3 times",
            "`sh -c",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_program_that_does_not_answer_runs_out_of_time() {
        let slow = reward("echo thinking >&2; exec sleep 600", |config| {
            config.timeout_s = 0.5;
            config.retries = 1;
        });
        let message = ask(&slow, &["AAA", "CCC"]).unwrap_err();
        for part in [
            "2 objects in 0.5 s",
            "timeout_s",
            "thinking",
            "tried 2 times",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_program_that_cannot_be_started_is_named() {
        let none = reward("", |config| {
            config.command = vec!["no-such-program-here".to_owned()];
        });
        let message = ask(&none, &["AAA"]).unwrap_err();
        assert!(
            message.contains("`no-such-program-here` cannot be started"),
            "{message}"
        );
    }

    #[test]
    fn answers_that_say_something_else_are_refused() {
        for (answer, says) in [
            ("hello", "no answer"),
            (r#"{"id":0,"log_reward":[1]}"#, "log_reward"),
            (r#"{"id":1,"log_rewards":[1]}"#, "question 1 instead of 0"),
            (r#"{"id":0,"log_rewards":[1,2]}"#, "2 rewards for 1 objects"),
            (r#"{"id":0,"log_rewards":[null]}"#, "gave AAA no number"),
            (r#"{"id":0,"rewards":[0.0]}"#, "gave AAA the reward 0"),
            (r#"{"id":0}"#, "either `log_rewards` or `rewards`"),
            (r#"{"id":0,"error":"no such fold"}"#, "says: no such fold"),
        ] {
            let script = format!("read -r line; printf '%s\\n' '{answer}'");
            let message = ask(&reward(&script, |c| c.retries = 5), &["AAA"]).unwrap_err();
            assert!(message.contains(says), "{message}");
            assert!(
                !message.contains("tried"),
                "asking again would not help: {message}"
            );
        }
    }

    #[test]
    fn bad_parameters_are_refused() {
        let env = Sequence::new(3, 4).unwrap();
        let good = ProcessRewardConfig {
            command: vec!["sh".to_owned()],
            ..ProcessRewardConfig::default()
        };
        for (config, name) in [
            (ProcessRewardConfig::default(), "command"),
            (
                ProcessRewardConfig {
                    batch_size: 0,
                    ..good.clone()
                },
                "batch_size",
            ),
            (
                ProcessRewardConfig {
                    timeout_s: f64::NAN,
                    ..good
                },
                "timeout_s",
            ),
        ] {
            let error = ProcessReward::new(env, config).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
