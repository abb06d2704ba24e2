//! A real sshd on a free port of the loopback, for the user who runs the tests, with keys of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{PATIENCE, mosquitto::free_port, pty::Setup};

/// Where Debian and others keep the server, which wants to be called by its whole path.
const SERVERS: [&str; 3] = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];

/// What the server logs when it has its port.
const LISTENING: &str = "Server listening on 127.0.0.1 port";

/// A running server, killed when dropped.
pub(crate) struct Sshd {
    port: u16,
    directory: TempDir,
    child: Option<Child>,
}

impl Sshd {
    /// Starts the server, and waits until it accepts connections.
    pub(crate) fn start() -> Self {
        let server = SERVERS.iter().find(|path| Path::new(path).exists());
        let server = server.expect("sshd must be installed to run the tests: apt-get install openssh-server");
        let directory = tempfile::Builder::new().prefix("mqtap-sshd-").tempdir().expect("a directory");
        for name in ["host", "user"] {
            let key = directory.path().join(name);
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(key).status();
            assert!(made.expect("ssh-keygen must be installed: apt-get install openssh-client").success());
        }
        if rustix::process::geteuid().is_root() {
            // Where the server of root locks itself up before anybody is known; its package makes it when the system starts.
            fs::create_dir_all("/run/sshd").expect("the directory of the server");
        }
        let mut sshd = Self { port: 0, directory, child: None };
        for _ in 0..100 {
            if sshd.run(server) {
                return sshd;
            }
        }
        panic!("sshd does not start: {}", sshd.log());
    }

    /// Runs the server on some port until it listens; tells whether it does, as another program may have the port.
    fn run(&mut self, server: &str) -> bool {
        self.port = free_port();
        let config = self.path("sshd_config");
        fs::write(&config, settings(self.port, self.directory.path())).expect("the configuration");
        let log = fs::File::create(self.path("log")).expect("the log");
        let child = Command::new(server).args(["-D", "-e", "-f"]).arg(config).stdin(Stdio::null()).stderr(log).spawn();
        let child = self.child.insert(child.expect("sshd starts"));
        let deadline = Instant::now() + PATIENCE;
        // That something accepts on the port would not tell that it is this server.
        while !fs::read_to_string(self.directory.path().join("log")).is_ok_and(|log| log.contains(LISTENING)) {
            if child.try_wait().expect("the state of the server").is_some() {
                return false;
            }
            assert!(Instant::now() < deadline, "sshd does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Prepares a client with a terminal that runs a script of the shell.
    pub(crate) fn client(&self, script: &str) -> Setup {
        let user = Command::new("id").arg("-un").output().expect("id runs").stdout;
        let user = String::from_utf8(user).expect("a name");
        let script = script.replace('\'', r"'\''");
        Setup::of("ssh").args(&[
            "-t",
            "-F",
            "/dev/null",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "LogLevel=ERROR",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-i",
            &self.directory.path().join("user").to_string_lossy(),
            "-p",
            &self.port.to_string(),
            &format!("{}@127.0.0.1", user.trim()),
            // Whatever the user's shell is.
            &format!("exec sh -c '{script}'"),
        ])
    }

    /// Returns a path that the other side can write to.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Returns what the server has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn settings(port: u16, directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {directory}/host\nAuthorizedKeysFile {directory}/user.pub\nPidFile none\n\
         UsePAM no\nStrictModes no\nPermitRootLogin yes\nPubkeyAuthentication yes\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nPrintMotd no\nPrintLastLog no\n"
    )
}
