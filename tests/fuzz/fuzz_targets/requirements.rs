//! Any text as `requirements.txt`, or as `pyproject.toml` when it begins so: refused without its secrets, or
//! reduced to lines that ask an index for a project and for nothing else.
#![no_main]
#![expect(clippy::unwrap_used, reason = "a fuzz target: a panic is what it looks for")]

use application::ports::packaging::Plan;
use domain::values::{Arch, Os, Target};
use infrastructure::wheels::{
    select::{Declared, select},
    sources::IndexPolicy,
};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let declared = if text.starts_with('[') {
        Declared { pyproject: Some(text), ..Declared::default() }
    } else {
        Declared { requirements: Some(text), ..Declared::default() }
    };
    let (floor, python) = ("2.39".parse().unwrap(), "3.12".parse().unwrap());
    let target = Target { os: Os::Linux, arch: Arch::X86_64, floor, python };
    for plan in select(declared, &[target], &IndexPolicy::default()) {
        match plan {
            Ok(Plan::Open(wanted)) => wanted.lines.iter().for_each(|line| plain(&line.text)),
            Ok(Plan::Selected(selection)) => assert_eq!(selection.wheels, []),
            Err(failure) => plain_text(&failure.message),
        }
    }
    Corpus::Keep
});

/// Nothing an installer takes for an option, an address, a path or a second line.
fn plain(line: &str) {
    plain_text(line);
    assert!(line.starts_with(|first: char| first.is_ascii_alphanumeric()), "{line}");
    assert!(
        !line.contains("://") && !line.contains(" @") && !line.contains("${") && !line.contains(" -"),
        "{line}"
    );
}

fn plain_text(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
}
