//! Effects that take a while, each a task of its own whose outcome comes back to the loop.

use std::{ffi::OsString, time::Duration};

use tokio::{net::TcpStream, sync::mpsc};

use super::clipboard::{self, Copied};
#[cfg(feature = "demo")]
use crate::demo::DemoOptions;
use crate::{
    app::event::{ConnId, Effect, Outcome},
    base::{clock::Clock, human, secret::Secret},
    config::paths::Paths,
    mqtt::{options::Options, will_test},
    profile::{Profile, Profiles, client_id::Identity, draft::Saving, need::Need, save},
    record,
};

/// Outcomes that may wait for the loop; a task that finds the queue full waits.
const WAITING: usize = 64;

/// The port of MQTT over TCP.
const LOCAL_BROKER: (&str, u16) = ("localhost", 1883);

/// The longest that looking for a broker on this machine takes.
const PROBE: Duration = Duration::from_millis(500);

/// What comes back to the loop.
pub(super) enum Back {
    /// Something for the state.
    Outcome(Outcome),
    /// A session can be started.
    Ready(ConnId, Box<Options>),
    /// Bytes for the terminal.
    Terminal(Vec<u8>),
}

/// Starts the tasks and gathers their outcomes.
pub(super) struct Effects {
    paths: Paths,
    in_tmux: bool,
    sender: mpsc::Sender<Back>,
    receiver: mpsc::Receiver<Back>,
    #[cfg(feature = "demo")]
    demo: std::sync::Arc<tokio::sync::OnceCell<crate::demo::Demo>>,
}

impl Effects {
    pub(super) fn new(paths: Paths, in_tmux: bool) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self {
            paths,
            in_tmux,
            sender,
            receiver,
            #[cfg(feature = "demo")]
            demo: std::sync::Arc::default(),
        }
    }

    /// Returns what tells the user, from a thread that may wait, that a trace could not be written.
    pub(super) fn trace_failed(&self) -> impl FnOnce(std::io::Error) + Send + 'static {
        let sender = self.sender.clone();
        move |error| {
            let outcome = Outcome::Failed(format!("the trace ends: {error}"), String::new());
            let _ = sender.blocking_send(Back::Outcome(outcome));
        }
    }

    /// Waits for the next outcome.
    pub(super) async fn next(&mut self) -> Back {
        match self.receiver.recv().await {
            Some(back) => back,
            None => std::future::pending().await,
        }
    }

    /// Reads the saved connections, away from the loop.
    pub(super) fn read_profiles(&self) {
        let paths = self.paths.clone();
        self.task(async move {
            let read = move || Profiles::load(&paths.profiles(), paths.home.as_deref());
            let profiles = tokio::task::spawn_blocking(read).await.unwrap_or_default();
            Some(Back::Outcome(Outcome::Profiles(profiles)))
        });
    }

    /// Carries an effect out; those of the loop itself are not for here and do nothing.
    pub(super) fn carry_out(&self, effect: Effect) {
        match effect {
            Effect::Start(id, profile, given) => self.task(start(id, *profile, given)),
            Effect::Save(draft) => self.change(move |paths| {
                let name = draft.name().to_owned();
                draft.save(&paths.profiles(), paths.home.as_deref(), Saving::New).map(|()| format!("{name} is saved"))
            }),
            Effect::Remove(name) => {
                self.change(move |paths| save::remove(&paths.profiles(), &name).map(|()| format!("{name} is deleted")));
            }
            Effect::Copy(copied, what) => {
                let in_tmux = self.in_tmux;
                let sender = self.sender.clone();
                self.task(async move {
                    let size = human::size(copied.len() as u64);
                    let said = match clipboard::copy(&copied, in_tmux).await {
                        Copied::Tmux => format!("{what} copied: {size} (tmux)"),
                        Copied::Sequence(bytes) => {
                            let _ = sender.send(Back::Terminal(bytes)).await;
                            format!("{what} copied: {size} (OSC 52)")
                        }
                        Copied::TooLong(_) => {
                            let text = format!("the {what} has {size}, more than a terminal takes");
                            return Some(Back::Outcome(Outcome::Failed(text, "mqtap get TARGET TOPIC writes it to a file".into())));
                        }
                    };
                    Some(Back::Outcome(Outcome::Said(said)))
                });
            }
            Effect::Export(connection, items) => {
                let dir = self.paths.data_dir.clone();
                self.task(async move {
                    let work = move || record::export(&dir, &connection, &items);
                    let outcome = match tokio::task::spawn_blocking(work).await.ok()? {
                        Ok(path) => Outcome::Said(format!("written to {}", path.display())),
                        Err(error) => Outcome::Failed(format!("not exported: {error}"), String::new()),
                    };
                    Some(Back::Outcome(outcome))
                });
            }
            Effect::Probe => self.task(async {
                let connect = tokio::time::timeout(PROBE, TcpStream::connect(LOCAL_BROKER));
                Some(Back::Outcome(Outcome::Probed(matches!(connect.await, Ok(Ok(_))))))
            }),
            #[cfg(feature = "demo")]
            Effect::StartDemo => self.start_demo(DemoOptions::default()),
            #[cfg(not(feature = "demo"))]
            Effect::StartDemo => {}
            Effect::Mqtt(..)
            | Effect::TestWill(_)
            | Effect::Stop(_)
            | Effect::Edit(_)
            | Effect::Mouse(_)
            | Effect::Redraw
            | Effect::Suspend
            | Effect::Quit => {}
        }
    }

    /// Tests the will of a connection.
    pub(super) fn test_will(&self, id: ConnId, options: Options, clock: Clock) {
        self.task(async move {
            let outcome = will_test::run(&options, will_test::PATIENCE, clock).await;
            Some(Back::Outcome(Outcome::WillTested(id, outcome.map(Box::new))))
        });
    }

    /// Changes the profiles file, says so, and reads it again.
    fn change(&self, change: impl FnOnce(&Paths) -> Result<String, save::SaveError> + Send + 'static) {
        let paths = self.paths.clone();
        let sender = self.sender.clone();
        self.task(async move {
            let work = move || {
                let outcome = match change(&paths) {
                    Ok(said) => Outcome::Said(said),
                    Err(error) => Outcome::Failed(format!("not saved: {error}"), String::new()),
                };
                (outcome, Profiles::load(&paths.profiles(), paths.home.as_deref()))
            };
            let (outcome, profiles) = tokio::task::spawn_blocking(work).await.ok()?;
            let _ = sender.send(Back::Outcome(Outcome::Profiles(profiles))).await;
            Some(Back::Outcome(outcome))
        });
    }

    #[cfg(feature = "demo")]
    pub(super) fn start_demo(&self, options: DemoOptions) {
        use crate::{
            app::DEMO,
            demo::Demo,
            mqtt::{message::Qos, options::Subscription},
            wire::endpoint::Url,
        };
        let demo = std::sync::Arc::clone(&self.demo);
        self.task(async move {
            let started = demo.get_or_try_init(|| Demo::start(options)).await;
            let url = started.and_then(|demo| Url::parse(&format!("mqtt://{}", demo.local())));
            Some(Back::Outcome(match url {
                Ok(url) => {
                    let mut profile = Profile::ad_hoc(url).named(DEMO);
                    profile.amend(|options| options.subscriptions = vec![Subscription::new("#", Qos::ExactlyOnce)]);
                    Outcome::DemoReady(Box::new(profile))
                }
                Err(why) => Outcome::Failed(format!("the demo did not start: {why}"), String::new()),
            }))
        });
    }

    fn task(&self, work: impl Future<Output = Option<Back>> + Send + 'static) {
        let sender = self.sender.clone();
        tokio::spawn(async move {
            if let Some(back) = work.await {
                let _ = sender.send(back).await;
            }
        });
    }
}

/// Resolves the secrets, and makes the options of a session; `given` is what the user typed.
async fn start(id: ConnId, profile: Profile, given: Vec<(Need, Secret)>) -> Option<Back> {
    let variable = |name: &str| std::env::var_os(name);
    let identity = Identity::of_process(&variable, fastrand::u64(..));
    let mut options = Box::new(profile.options(&identity));
    for (need, secret) in &given {
        need.put(&mut options, secret.clone());
    }
    if let Some(need) = profile.wanted(&options).await {
        return Some(Back::Outcome(Outcome::SecretWanted(id, need, given)));
    }
    match profile.fetch(&mut options, &environment).await {
        Ok(()) => Some(Back::Ready(id, options)),
        Err(why) => Some(Back::Outcome(Outcome::NotStarted(id, format!("no password: {why}")))),
    }
}

fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
