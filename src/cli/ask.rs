//! A secret that is asked for on the terminal, which shows again what is typed also when a signal ends the question.

use std::{
    fs::File,
    io::{self, Write as _},
    thread,
};

use rustix::{
    process::Signal,
    termios::{OptionalActions, tcgetattr, tcsetattr},
};
use tokio::{runtime::Runtime, sync::oneshot};

use super::exit::Exit;
use crate::base::signals::Ending;

/// Asks, and returns what was typed, or that a signal came first.
///
/// # Errors
///
/// Returns the exit code of the signal.
pub(super) fn ask(question: String, runtime: &Runtime) -> Result<io::Result<String>, Exit> {
    // Where there is no terminal, the question itself fails with the reason.
    let Ok(terminal) = File::options().read(true).write(true).open("/dev/tty") else {
        return Ok(rpassword::prompt_password(question));
    };
    let modes = tcgetattr(&terminal);
    runtime.block_on(async {
        let mut signals = match Ending::listen() {
            Ok(signals) => signals,
            Err(error) => return Ok(Err(error)),
        };
        let (sender, typed) = oneshot::channel();
        let asking =
            thread::Builder::new().name("question".into()).spawn(move || sender.send(rpassword::prompt_password(question)).is_ok());
        if let Err(error) = asking {
            return Ok(Err(error));
        }
        tokio::select! {
            typed = typed => match typed {
                // The key does not come as a signal while what is typed is hidden.
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => Err(Exit::Signal(Signal::INT)),
                Ok(typed) => Ok(typed),
                Err(_) => Ok(Err(io::ErrorKind::UnexpectedEof.into())),
            },
            signal = signals.next() => {
                if let Ok(modes) = &modes {
                    let _ = tcsetattr(&terminal, OptionalActions::Flush, modes);
                }
                let _ = writeln!(&terminal);
                Err(Exit::Signal(signal))
            }
        }
    })
}
