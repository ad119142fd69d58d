//! Makes `sample.difypkg` in the working directory: a small plugin with a real lock, to try the main job on.

use std::io::Write as _;

use plugyard_tests::python::{really_locked, version};

fn main() -> std::io::Result<()> {
    let plugin = really_locked("sample", &["httpx", "markupsafe", "pyyaml"]);
    std::fs::write("sample.difypkg", plugin.bytes())?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "sample.difypkg; next: cargo run --release -- repackage sample.difypkg --python {}",
        version()
    )
}
