//! Environment markers (PEP 508) for a machine that is not this one. Each marker text is parsed once per lock,
//! whatever the number of targets.

use std::{cell::RefCell, collections::HashMap};

use domain::values::{Os, Target};
use pep508_rs::{MarkerEnvironment, MarkerEnvironmentBuilder, MarkerTree, MarkerTreeKind, MarkerValueString};

/// What a marker says of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    True,
    False,
    /// It reads the release or build of the running system, which only the other machine knows.
    Undecidable,
    /// It is no marker, or one that selects among conflicting extras.
    Unusable,
}

/// The environment of one target.
#[derive(Debug, Clone)]
pub struct Environment(Option<MarkerEnvironment>);

impl Environment {
    pub fn of(target: &Target) -> Self {
        let (sys_platform, platform_system) = match target.os {
            Os::Linux => ("linux", "Linux"),
            Os::Macos => ("darwin", "Darwin"),
        };
        let (full, short) = (target.python.to_string(), target.python.short());
        let built = MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
            implementation_name: "cpython",
            implementation_version: &full,
            os_name: "posix",
            platform_machine: target.arch.machine(target.os),
            platform_python_implementation: "CPython",
            platform_release: "",
            platform_system,
            platform_version: "",
            python_full_version: &full,
            python_version: &short,
            sys_platform,
        });
        Self(built.ok())
    }
}

/// Whether the text of a marker, or a line with one, is small enough to be parsed: the decision diagram it becomes
/// can double with each comparison by `in`, and nesting is recursion. Official locks have 218 bytes and no `in`.
pub(super) fn is_modest(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    text.len() <= 2_048
        && text.bytes().filter(|&byte| byte == b'(').count() <= 64
        && words.filter(|word| *word == "in").count() <= 16
}

/// The parsed markers of one lock.
#[derive(Debug, Default)]
pub struct Markers<'a> {
    parsed: RefCell<HashMap<&'a str, Option<MarkerTree>>>,
}

impl<'a> Markers<'a> {
    pub fn verdict(&self, text: &'a str, environment: &Environment) -> Verdict {
        let mut parsed = self.parsed.borrow_mut();
        let tree = parsed.entry(text).or_insert_with(|| is_modest(text).then(|| text.parse().ok()).flatten());
        match (tree, &environment.0) {
            (Some(tree), Some(environment)) => evaluate(tree, environment),
            (Some(_) | None, _) => Verdict::Unusable,
        }
    }
}

fn evaluate(tree: &MarkerTree, environment: &MarkerEnvironment) -> Verdict {
    match tree.kind() {
        MarkerTreeKind::True => Verdict::True,
        MarkerTreeKind::False => Verdict::False,
        MarkerTreeKind::Version(marker) => {
            let version = environment.get_version(marker.key());
            let branch = marker.edges().find(|(range, _)| range.contains(version));
            branch.map_or(Verdict::False, |(_, tree)| evaluate(&tree, environment))
        }
        MarkerTreeKind::String(marker) if is_unknown(marker.key()) => {
            agreed(marker.children().map(|(_, tree)| tree), environment)
        }
        MarkerTreeKind::String(marker) => {
            let value = environment.get_string(marker.key()).to_owned();
            let branch = marker.children().find(|(range, _)| range.contains(&value));
            branch.map_or(Verdict::False, |(_, tree)| evaluate(&tree, environment))
        }
        MarkerTreeKind::In(marker) if is_unknown(marker.key()) => {
            agreed(marker.children().map(|(_, tree)| tree), environment)
        }
        MarkerTreeKind::In(marker) => {
            let holds = marker.value().contains(environment.get_string(marker.key()));
            evaluate(&marker.edge(holds), environment)
        }
        MarkerTreeKind::Contains(marker) if is_unknown(marker.key()) => {
            agreed(marker.children().map(|(_, tree)| tree), environment)
        }
        MarkerTreeKind::Contains(marker) => {
            let holds = environment.get_string(marker.key()).contains(marker.value());
            evaluate(&marker.edge(holds), environment)
        }
        MarkerTreeKind::Extra(_) => Verdict::Unusable,
    }
}

/// Undecidable, unless every possible value leads to the same answer.
fn agreed(trees: impl Iterator<Item = MarkerTree>, environment: &MarkerEnvironment) -> Verdict {
    let mut answers = trees.map(|tree| evaluate(&tree, environment));
    let first = answers.next().unwrap_or(Verdict::False);
    if answers.all(|answer| answer == first) { first } else { Verdict::Undecidable }
}

fn is_unknown(key: &MarkerValueString) -> bool {
    match key {
        MarkerValueString::PlatformRelease
        | MarkerValueString::PlatformVersion
        | MarkerValueString::PlatformVersionDeprecated => true,
        MarkerValueString::ImplementationName
        | MarkerValueString::OsName
        | MarkerValueString::OsNameDeprecated
        | MarkerValueString::PlatformMachine
        | MarkerValueString::PlatformMachineDeprecated
        | MarkerValueString::PlatformPythonImplementation
        | MarkerValueString::PlatformPythonImplementationDeprecated
        | MarkerValueString::PythonImplementationDeprecated
        | MarkerValueString::PlatformSystem
        | MarkerValueString::SysPlatform
        | MarkerValueString::SysPlatformDeprecated => false,
    }
}

#[cfg(test)]
mod tests {
    use domain::values::Arch;

    use super::*;

    fn verdict(os: Os, arch: Arch, marker: &'static str) -> Verdict {
        let floor = "11.0".parse().unwrap();
        let target = Target { os, arch, floor, python: "3.12".parse().unwrap() };
        Markers::default().verdict(marker, &Environment::of(&target))
    }

    #[test]
    fn markers_see_the_target() {
        for (marker, linux, mac) in [
            ("sys_platform == 'linux'", Verdict::True, Verdict::False),
            ("platform_system == 'Darwin'", Verdict::False, Verdict::True),
            ("platform_machine == 'aarch64'", Verdict::True, Verdict::False),
            ("platform_machine in 'x86_64 arm64'", Verdict::False, Verdict::True),
            ("'arm' in platform_machine", Verdict::False, Verdict::True),
            ("python_full_version < '3.12.3'", Verdict::False, Verdict::False),
            ("python_version == '3.12' and os_name != 'nt'", Verdict::True, Verdict::True),
            (
                "implementation_name != 'PyPy' and platform_python_implementation == 'CPython'",
                Verdict::True,
                Verdict::True,
            ),
        ] {
            assert_eq!(verdict(Os::Linux, Arch::Aarch64, marker), linux, "{marker}");
            assert_eq!(verdict(Os::Macos, Arch::Aarch64, marker), mac, "{marker}");
        }
    }

    #[test]
    fn the_release_of_another_machine_is_unknown_unless_it_does_not_matter() {
        let on_linux = |marker| verdict(Os::Linux, Arch::X86_64, marker);
        assert_eq!(on_linux("platform_release >= '20.0'"), Verdict::Undecidable);
        assert_eq!(on_linux("'Ubuntu' in platform_version"), Verdict::Undecidable);
        assert_eq!(on_linux("platform_release >= '20.0' and sys_platform == 'darwin'"), Verdict::False);
        assert_eq!(on_linux("platform_release == 'x' or sys_platform == 'linux'"), Verdict::True);
    }

    #[test]
    fn markers_that_read_extras_and_nonsense_are_unusable() {
        let on_linux = |marker| verdict(Os::Linux, Arch::X86_64, marker);
        assert_eq!(on_linux("extra == 'extra-3-foo-bar'"), Verdict::Unusable);
        assert_eq!(on_linux("sys_platform =="), Verdict::Unusable);
    }

    #[test]
    fn markers_that_would_explode_are_unusable() {
        let clause = |n: usize| format!("('a{n:02}' in os_name and 'z{n:02}' in sys_platform)");
        let explosive = (0..30).map(clause).collect::<Vec<_>>().join(" or ");
        let deep = format!("{}os_name == 'posix'{}", "(".repeat(900), ")".repeat(900));
        let small = (0..8).map(clause).collect::<Vec<_>>().join(" or ");
        for (marker, expected) in
            [(explosive, Verdict::Unusable), (deep, Verdict::Unusable), (small, Verdict::False)]
        {
            assert_eq!(verdict(Os::Linux, Arch::X86_64, marker.leak()), expected);
        }
    }
}
