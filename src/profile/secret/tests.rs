use std::{fs, os::unix::fs::PermissionsExt, time::Instant};

use super::*;

fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|&word| word.to_owned()).collect()
}

fn shell(script: &str) -> Vec<String> {
    words(&["sh", "-c", script])
}

async fn resolve(source: &PasswordSource) -> Result<Vec<u8>, String> {
    let environment = |name: &str| match name {
        "SET" => Some("CANARY".into()),
        "EMPTY" => Some("".into()),
        _ => None,
    };
    match source.resolve(&environment).await? {
        Resolved::Password(secret) => Ok(secret.expose().to_vec()),
        Resolved::Prompt => Err("asked".into()),
    }
}

async fn command(script: &str) -> Result<Vec<u8>, String> {
    resolve(&PasswordSource::Command(shell(script))).await
}

#[tokio::test]
async fn a_variable_gives_its_value_and_a_missing_one_its_name() {
    assert_eq!(resolve(&PasswordSource::Env("SET".into())).await, Ok(b"CANARY".to_vec()));
    let missing = resolve(&PasswordSource::Env("PLANT_PASSWORD".into())).await.expect_err("not set");
    assert!(missing.contains("PLANT_PASSWORD") && missing.contains("not set"), "{missing}");
    assert!(resolve(&PasswordSource::Env("EMPTY".into())).await.expect_err("empty").contains("is empty"));
}

#[tokio::test]
async fn a_command_gives_its_output_without_one_line_break() {
    assert_eq!(command(r"printf 'two words\n\n'").await, Ok(b"two words\n".to_vec()));
    assert_eq!(command(r"printf 'a\r\n'; echo chatter >&2").await, Ok(b"a".to_vec()));
}

#[tokio::test]
async fn a_command_is_started_without_a_shell_and_without_input() {
    let source = PasswordSource::Command(words(&["echo", "$HOME;*"]));
    assert_eq!(resolve(&source).await, Ok(b"$HOME;*".to_vec()));
    assert_eq!(command("cat; echo done").await, Ok(b"done".to_vec()));
}

#[tokio::test]
async fn a_failing_command_is_quoted_safely() {
    let error = command(r"printf 'CANARY'; printf 'no \033[31mkey\007\n' >&2; exit 3").await.expect_err("it fails");
    assert!(error.contains("exit status: 3") && error.contains("no ␛[31mkey"), "{error}");
    assert!(!error.contains(['\x1b', '\x07']) && !error.contains("CANARY"), "{error}");
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let pass = dir.path().join("pass");
    let argv = words(&[pass.to_str().expect("UTF-8"), "CANARY"]);
    let error = resolve(&PasswordSource::Command(argv)).await.expect_err("missing");
    assert!(error.contains("/pass") && !error.contains("CANARY"), "{error}");
}

#[tokio::test]
async fn a_command_that_prints_nothing_gave_no_password() {
    assert!(command("true").await.expect_err("empty").contains("empty password"));
}

#[tokio::test]
async fn a_command_that_prints_without_end_is_stopped() {
    let started = Instant::now();
    let error = command("yes").await.expect_err("too much");
    assert!(error.contains("more than 64.0 KiB"), "{error}");
    assert!(started.elapsed() < COMMAND_DEADLINE, "it waited for the deadline");
}

#[tokio::test]
async fn a_command_may_complain_at_length() {
    assert_eq!(command("yes | head -c 1000000 >&2; echo secret").await, Ok(b"secret".to_vec()));
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_with_what_it_started() {
    let dir = tempfile::tempdir().expect("a directory");
    let pid_file = dir.path().join("pid");
    let script = format!("sleep 600 & echo $! > '{}'; wait", pid_file.display());
    let error = run(&shell(&script), Duration::from_millis(500)).await.expect_err("it hangs");
    assert!(error.contains("did not end within 500ms"), "{error}");
    let pid: i32 = fs::read_to_string(&pid_file).expect("it started").trim().parse().expect("a number");
    let started = Instant::now();
    // A killed orphan is gone, or a zombie until it is waited for.
    while fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(started.elapsed() < Duration::from_secs(5), "the grandchild lives on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_file_gives_its_line_when_nobody_else_can_read_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("password");
    fs::write(&path, "CANARY\n").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    let source = PasswordSource::File(path.clone());
    assert_eq!(resolve(&source).await, Ok(b"CANARY".to_vec()));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).expect("set");
    let refusal = resolve(&source).await.expect_err("others can read it");
    assert!(refusal.contains("chmod 600") && !refusal.contains("CANARY"), "{refusal}");
    fs::remove_file(&path).expect("removed");
    assert!(resolve(&source).await.expect_err("missing").contains("does not exist"));
}

#[tokio::test]
async fn a_prompt_is_the_callers_and_an_unusable_source_says_why() {
    assert_eq!(resolve(&PasswordSource::Prompt).await, Err("asked".into()));
    assert_eq!(resolve(&PasswordSource::Unusable("why".into())).await, Err("why".into()));
    assert_eq!(resolve(&PasswordSource::Inline(Secret::from("CANARY".to_owned()))).await, Ok(b"CANARY".to_vec()));
}

#[test]
fn no_password_and_no_argument_is_printed() {
    let sources = [PasswordSource::Inline(Secret::from("CANARY".to_owned())), PasswordSource::Command(words(&["pass", "CANARY"]))];
    for source in sources {
        let printed = format!("{source} {source:?}");
        assert!(!printed.contains("CANARY"), "{printed}");
    }
}

#[test]
fn a_password_can_be_fetched_on_any_thread() {
    fn assert_send<T: Send>(_: &T) {}
    assert_send(&PasswordSource::Prompt.resolve(&|_| None));
}
