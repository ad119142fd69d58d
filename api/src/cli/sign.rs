//! `plugyard sign`: a pair of keys, and the proof that a package was signed with one.

use std::{
    fs,
    io::{IsTerminal as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use anyhow::{Context as _, bail};
use application::failure::Failure;
use chrono::DateTime;
use indicatif::ProgressBar;
use infrastructure::{
    isolation::Isolation,
    signing::{
        PublicKey,
        generate::{BITS, Generated, generate},
        verify::{Verified, verify},
    },
};
use serde_json::{Value, json};

use crate::settings::SignCommand;

const PRIVATE: &str = "plugyard.private.pem";
const PUBLIC: &str = "plugyard.public.pem";

/// Exit 1: the signature is not right.
pub(crate) async fn run(command: SignCommand) -> anyhow::Result<ExitCode> {
    match command {
        SignCommand::Keygen { output } => tokio::task::spawn_blocking(move || keygen(&output)).await?,
        SignCommand::Verify { file, key, json } => check(&file, &key, json).await,
    }
}

fn keygen(output: &Path) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(output).with_context(|| format!("{} cannot be made", output.display()))?;
    let output = output.canonicalize()?;
    let (private, public) = (output.join(PRIVATE), output.join(PUBLIC));
    for file in [&private, &public] {
        if file.symlink_metadata().is_ok() {
            bail!("{} exists already; remove it, or give another --output", file.display());
        }
    }
    let made = searched()?;
    create(&private, 0o600, &made.private)?;
    create(&public, 0o644, &made.public.pem())?;
    let (private, public) = (private.display(), public.display());
    writeln!(
        std::io::stdout(),
        "{private}\n{public}\n\n\
         Keep the first file secret and give it to the service that signs:\n\
         PLUGYARD_SIGNING_KEY={private}\n\n\
         Give the second one to every Dify that installs, and set there:\n\
         FORCE_VERIFYING_SIGNATURE=true\n\
         THIRD_PARTY_SIGNATURE_VERIFICATION_ENABLED=true\n\
         THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS={public}"
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A spinner on a terminal, one line elsewhere.
fn searched() -> anyhow::Result<Generated> {
    let tried = AtomicU64::new(0);
    let text = format!("Making an RSA key of {BITS} bits");
    if !std::io::stderr().is_terminal() {
        // When nobody reads, there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{text}; this takes some seconds");
        return generate(&|| {}).context("no key could be made");
    }
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(100));
    bar.set_message(text.clone());
    let made = generate(&|| {
        let tried = tried.fetch_add(1, Ordering::Relaxed) + 1;
        bar.set_message(format!("{text}: {tried} candidates tried"));
    });
    bar.finish_and_clear();
    made.context("no key could be made")
}

/// Never in the place of another file.
fn create(file: &Path, mode: u32, content: &str) -> anyhow::Result<()> {
    let write = || {
        let mut new = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(file)?;
        new.write_all(content.as_bytes())?;
        new.sync_all()
    };
    write().with_context(|| format!("{} cannot be written", file.display()))
}

async fn check(file: &Path, key: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let shown = file.display();
    let key = PublicKey::open(key).with_context(|| format!("the key {} cannot be used", key.display()))?;
    if !file.is_file() {
        bail!("{shown} is not a file");
    }
    let isolation = Isolation::new(std::env::current_exe().context("this program cannot find itself")?);
    let verified = verify(&isolation, file, &key).await;
    let is_right = verified.as_ref().is_ok_and(|verified| verified.problem.is_none());
    let told = if as_json {
        format!("{:#}", body(&verified, &key))
    } else {
        format!("{shown}: {}", sentence(&verified))
    };
    writeln!(std::io::stdout(), "{told}")?;
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn sentence(verified: &Result<Verified, Failure>) -> String {
    let verified = match verified {
        Ok(verified) => verified,
        Err(failure) => return format!("not verified: {failure}"),
    };
    let category = verified.category.map_or("nobody", |category| category.as_str());
    match (verified.problem, verified.time) {
        (None, time) => format!("signed for {category} at {}; the signature is right", moment(time)),
        (Some(problem), None) => format!("not verified: {problem}"),
        (Some(problem), time) => {
            format!("not verified: {problem}; it says it was signed for {category} at {}", moment(time))
        }
    }
}

fn body(verified: &Result<Verified, Failure>, key: &PublicKey) -> Value {
    match verified {
        Ok(Verified { category, time, checksum, problem }) => json!({
            "verified": problem.is_none(),
            "category": category,
            "time": time,
            "signed_at": time.map(|time| moment(Some(time))),
            "checksum": checksum,
            "key": key.digest(),
            "problem": problem,
        }),
        Err(failure) => json!({
            "verified": false,
            "category": null,
            "time": null,
            "signed_at": null,
            "checksum": null,
            "key": key.digest(),
            "problem": failure.message,
        }),
    }
}

fn moment(time: Option<u64>) -> String {
    let time = time.and_then(|time| DateTime::from_timestamp(time.try_into().ok()?, 0));
    time.unwrap_or_default().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
