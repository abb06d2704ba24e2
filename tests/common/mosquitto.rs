//! A real mosquitto on a free port of the loopback, with its files in a directory of its own.

use std::{
    fmt::Write as _,
    fs, iter,
    net::{TcpListener, UdpSocket},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The plugin that comes with the broker, below a directory that is named after the machine.
const DYNAMIC_SECURITY: &str = "mosquitto_dynamic_security.so";

/// What the broker logs when it has its port.
const RUNNING: &str = " running\n";

/// A running broker, killed when dropped.
pub(crate) struct Mosquitto {
    pub(crate) port: u16,
    /// The ports of the further listeners, in the order in which they were asked for.
    pub(crate) further: Vec<u16>,
    directory: TempDir,
    environment: Vec<(&'static str, PathBuf)>,
    child: Option<Child>,
}

/// What the configuration holds beside the listener; anonymous clients may do everything unless a method says otherwise.
#[derive(Default)]
pub(crate) struct Config {
    lines: String,
    users: Vec<(String, String)>,
    acl: Option<String>,
    subscribable: Option<String>,
    persistent: bool,
    further: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
}

impl Config {
    /// Adds a line as it stands in `mosquitto.conf`.
    pub(crate) fn line(mut self, line: &str) -> Self {
        writeln!(self.lines, "{line}").expect("a string takes all");
        self
    }

    /// Adds a listener on another free port, with the lines that belong to it.
    pub(crate) fn listener(mut self, lines: &str) -> Self {
        self.further.push(lines.to_owned());
        self
    }

    /// Adds a user; without a user, anonymous clients are allowed.
    pub(crate) fn user(mut self, name: &str, password: &str) -> Self {
        self.users.push((name.to_owned(), password.to_owned()));
        self
    }

    /// Sets a variable of the broker's environment.
    pub(crate) fn variable(mut self, name: &'static str, value: &Path) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// Sets the access rules.
    pub(crate) fn acl(mut self, rules: &str) -> Self {
        self.acl = Some(rules.to_owned());
        self
    }

    /// Lets clients subscribe to `filter` and to nothing else; an ACL file cannot refuse subscriptions.
    pub(crate) fn only_subscribe_to(mut self, filter: &str) -> Self {
        self.subscribable = Some(filter.to_owned());
        self
    }

    /// Refuses packets above so many bytes.
    pub(crate) fn max_packet_size(self, bytes: u32) -> Self {
        self.line(&format!("max_packet_size {bytes}"))
    }

    /// Keeps sessions and retained messages over a restart.
    pub(crate) fn persistent(mut self) -> Self {
        self.persistent = true;
        self
    }

    /// Starts the broker, and waits until it accepts connections.
    pub(crate) fn start(self) -> Mosquitto {
        let directory = tempfile::Builder::new().prefix("mqtap-mosquitto-").tempdir().expect("a directory");
        // mosquitto gives up root for a user of its own, who must read the files too.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("permissions");
        let environment = self.environment.clone();
        let mut broker = Mosquitto { port: 0, further: Vec::new(), directory, environment, child: None };
        for _ in 0..100 {
            broker.port = free_port();
            broker.further = self.further.iter().map(|_| free_port()).collect();
            self.write(broker.directory.path(), broker.port, &broker.further);
            if broker.run() {
                return broker;
            }
        }
        panic!("mosquitto does not start: {}", broker.log_text());
    }

    fn write(&self, directory: &Path, port: u16, further: &[u16]) {
        let mut text = format!("listener {port} 127.0.0.1\nallow_anonymous {}\nset_tcp_nodelay true\n", self.users.is_empty());
        writeln!(text, "persistence {}", self.persistent).expect("a string takes all");
        if self.persistent {
            writeln!(text, "persistence_location {}/\nautosave_on_changes true\nautosave_interval 1", directory.display())
                .expect("a string takes all");
        }
        if !self.users.is_empty() {
            let passwords = directory.join("passwords");
            fs::write(&passwords, "").expect("the password file");
            for (name, password) in &self.users {
                let status = Command::new("mosquitto_passwd").arg("-b").arg(&passwords).args([name, password]).status();
                assert!(status.expect("mosquitto_passwd runs").success());
            }
            fs::set_permissions(&passwords, fs::Permissions::from_mode(0o644)).expect("permissions");
            writeln!(text, "password_file {}", passwords.display()).expect("a string takes all");
        }
        if let Some(rules) = &self.acl {
            let file = directory.join("acl");
            fs::write(&file, rules).expect("the access rules");
            writeln!(text, "acl_file {}", file.display()).expect("a string takes all");
        }
        if let Some(filter) = &self.subscribable {
            let file = directory.join("dynamic-security.json");
            fs::write(&file, dynamic_security(filter)).expect("the rules");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("permissions");
            writeln!(text, "plugin {}\nplugin_opt_config_file {}", plugin().display(), file.display()).expect("a string takes all");
        }
        text.push_str(&self.lines);
        for (port, lines) in further.iter().zip(&self.further) {
            writeln!(text, "listener {port} 127.0.0.1\n{lines}").expect("a string takes all");
        }
        fs::write(directory.join("mosquitto.conf"), text).expect("the configuration");
    }
}

impl Mosquitto {
    /// Starts a broker that lets everybody do everything.
    pub(crate) fn start() -> Self {
        Config::default().start()
    }

    /// Kills the broker at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the broker can be killed");
            child.wait().expect("the broker ends");
        }
    }

    /// Stops the broker from answering anything, while its connections stay.
    pub(crate) fn freeze(&self) {
        let pid = self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok()).and_then(Pid::from_raw);
        kill_process(pid.expect("the broker runs"), Signal::STOP).expect("the broker runs");
    }

    /// Starts the broker again, on the same port and with the same files.
    pub(crate) fn restart(&mut self) {
        self.kill();
        assert!(self.run(), "mosquitto does not start again: {}", self.log_text());
    }

    /// Runs the broker until it accepts connections; tells whether it does, as another program may have its port.
    fn run(&mut self) -> bool {
        let earlier = self.log_text().matches(RUNNING).count();
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log()).expect("the log");
        let child = Command::new(executable())
            .arg("-c")
            .arg(self.directory.path().join("mosquitto.conf"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .spawn()
            .expect("mosquitto must be installed to run the tests");
        // From here on it is killed, whatever happens.
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(10);
        // That something accepts on the port would not tell that it is this broker.
        while self.log_text().matches(RUNNING).count() == earlier {
            let child = self.child.as_mut().expect("it was just started");
            if child.try_wait().expect("the state of the broker").is_some() {
                self.child = None;
                return false;
            }
            assert!(Instant::now() < deadline, "mosquitto does not run: {}", self.log_text());
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Waits until the log, which is the broker's own view, contains `text`.
    pub(crate) fn wait_for_log(&self, text: &str) {
        let deadline = Instant::now() + super::PATIENCE;
        while !self.log_text().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} in:\n{}", self.log_text());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Returns what the broker has logged.
    pub(crate) fn log_text(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Rules that let everybody publish, and subscribe to one filter.
fn dynamic_security(filter: &str) -> String {
    let rule = serde_json::json!({ "acltype": "subscribePattern", "topic": filter, "allow": true });
    let rules = serde_json::json!({
        "defaultACLAccess":
            { "publishClientSend": true, "publishClientReceive": true, "subscribe": false, "unsubscribe": true },
        "roles": [{ "rolename": "subscriber", "acls": [rule] }],
        "groups": [{ "groupname": "anonymous", "roles": [{ "rolename": "subscriber" }] }],
        "anonymousGroup": "anonymous",
        "clients": [],
    });
    rules.to_string()
}

fn plugin() -> PathBuf {
    let libraries = fs::read_dir("/usr/lib").expect("the libraries");
    let mut plugins = libraries.filter_map(Result::ok).map(|directory| directory.path().join(DYNAMIC_SECURITY));
    plugins.find(|plugin| plugin.exists()).expect("the dynamic security plugin of mosquitto must be installed")
}

fn executable() -> PathBuf {
    let installed = Path::new("/usr/sbin/mosquitto");
    if installed.exists() { installed.to_owned() } else { "mosquitto".into() }
}

/// Returns a port below those that the system gives to clients, so that it is still free when the broker starts again.
pub(crate) fn free_port() -> u16 {
    some_port(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
}

/// Returns such a port of UDP.
pub(crate) fn free_udp_port() -> u16 {
    some_port(|port| UdpSocket::bind(("127.0.0.1", port)).is_ok())
}

fn some_port(is_free: impl Fn(u16) -> bool) -> u16 {
    iter::repeat_with(|| fastrand::u16(10_000..32_000)).take(1_000).find(|port| is_free(*port)).expect("a free port")
}
