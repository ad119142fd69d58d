//! What may be built here, and which of what was built fits a target.

use std::str::FromStr;

use application::{
    failure::{Failure, Reason},
    ports::packaging::{Sdist, Wheel},
};
use domain::values::{Arch, Floor, Os, Target};

use crate::wheels::{labels::Label, tags::TagOrder};

/// How far building may go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BuildMode {
    #[default]
    Off,
    /// Only what runs everywhere.
    Pure,
    /// Compiled code too, for machines like this one.
    Native,
}

/// The text is none of the three words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write off, pure or native")]
pub struct InvalidBuildMode;

impl FromStr for BuildMode {
    type Err = InvalidBuildMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "pure" => Ok(Self::Pure),
            "native" => Ok(Self::Native),
            _ => Err(InvalidBuildMode),
        }
    }
}

/// What this machine is to a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) os: Os,
    pub(crate) arch: Arch,
}

impl Host {
    pub(crate) fn this() -> Self {
        Self {
            os: if cfg!(target_os = "macos") { Os::Macos } else { Os::Linux },
            arch: if cfg!(target_arch = "aarch64") { Arch::Aarch64 } else { Arch::X86_64 },
        }
    }
}

fn failed(text: String) -> Failure {
    Failure::permanent(Reason::BuildFailed, text)
}

/// Whether the wheel that was built here with the interpreter of `minor` may go to the target.
///
/// # Errors
/// `NoWheel` or `BuildFailed`, saying what would help.
pub(super) fn admit(
    sdist: &Sdist,
    wheel: &Wheel,
    (mode, host, minor): (BuildMode, Host, u8),
    target: Target,
) -> Result<(), Failure> {
    let named = format!("{} {}", sdist.name, sdist.version);
    let Some(label) = Label::read(&wheel.file_name) else {
        return Err(failed(format!("{named} was built under a name that is no wheel's")));
    };
    let order = TagOrder::new(&target);
    if is_pure(&label) {
        let fits = order.best(&label).is_some();
        let tags = label.compressed();
        return if fits {
            Ok(())
        } else {
            Err(failed(format!("{named} was built as {tags}, which does not fit {target}")))
        };
    }
    if mode != BuildMode::Native {
        return Err(failed(format!("{named} must be compiled; this server builds pure Python only")));
    }
    if (host.os, host.arch) != (target.os, target.arch) {
        let machine = target.arch.machine(target.os);
        return Err(failed(format!("{named} must be compiled for {machine}; run the service on {machine}")));
    }
    let own = wheel.floor.unwrap_or(ANY);
    if own > target.floor {
        return Err(failed(format!(
            "{named} was compiled for glibc {own}, newer than glibc {} of the target; run the service on an older system",
            target.floor
        )));
    }
    if minor != target.python.minor || !fits_as_published(&label, &order, target) {
        return Err(failed(format!(
            "{named} must be compiled for Python {}; install that Python on this server",
            target.python.short()
        )));
    }
    Ok(())
}

/// Newer than any system.
const ANY: Floor = Floor { major: 99, minor: 99 };

pub(super) fn is_pure(label: &Label<'_>) -> bool {
    label.platforms().all(|platform| platform == "any")
}

/// Only what was built here may say no more of its system than `linux`; the rest of its tags is judged as usual.
fn fits_as_published(label: &Label<'_>, order: &TagOrder, target: Target) -> bool {
    let machine = target.arch.machine(target.os);
    let bare = format!("linux_{machine}");
    let tags = label.compressed();
    let Some((interpreters, _)) = tags.rsplit_once('-') else { return false };
    let published = format!("x-1-{interpreters}-manylinux_2_17_{machine}.whl");
    label.platforms().all(|platform| platform == bare)
        && Label::read(&published).is_some_and(|label| order.best(&label).is_some())
}

#[cfg(test)]
mod tests {
    use domain::values::Digest;

    use super::*;
    use application::ports::packaging::SdistOrigin;

    const HOST: Host = Host { os: Os::Linux, arch: Arch::X86_64 };

    fn target(platform: &str) -> Target {
        let options = domain::values::TargetOptions::default();
        let floor = Floor { major: 2, minor: 39 };
        let policy = domain::values::FloorPolicy { glibc: floor, macos: floor, host: (HOST.os, HOST.arch) };
        Target::resolve(&platform.parse().unwrap(), options, policy)
    }

    fn verdict(tag: &str, mode: BuildMode, minor: u8, platform: &str) -> Result<(), String> {
        let sha256 = Digest::of_bytes([0; 32]);
        let origin = SdistOrigin::File {
            file_name: "crcmod-1.7.tar.gz".to_owned(),
            urls: Vec::new(),
            sha256: sha256.clone(),
            size: None,
        };
        let sdist = Sdist { name: "crcmod".to_owned(), version: "1.7".to_owned(), origin };
        let wheel = Wheel {
            name: "crcmod".to_owned(),
            version: "1.7".to_owned(),
            file_name: format!("crcmod-1.7-{tag}.whl"),
            urls: Vec::new(),
            sha256,
            size: None,
            tag: tag.to_owned(),
            floor: tag.contains("linux").then_some(Floor { major: 2, minor: 36 }),
            built: true,
        };
        admit(&sdist, &wheel, (mode, HOST, minor), target(platform)).map_err(|failure| failure.message)
    }

    #[test]
    fn what_is_pure_fits_everywhere() {
        for platform in ["manylinux2014_x86_64", "manylinux2014_aarch64", "macosx_11_0_arm64"] {
            assert_eq!(verdict("py3-none-any", BuildMode::Pure, 11, platform), Ok(()), "{platform}");
        }
        assert!(verdict("py2-none-any", BuildMode::Pure, 12, "manylinux2014_x86_64").is_err());
    }

    #[test]
    fn what_is_compiled_fits_a_machine_like_this_one() {
        let native = "cp312-cp312-linux_x86_64";
        let here = "manylinux2014_x86_64";
        assert_eq!(verdict(native, BuildMode::Native, 12, here), Ok(()));
        assert_eq!(
            verdict(native, BuildMode::Pure, 12, here).unwrap_err(),
            "crcmod 1.7 must be compiled; this server builds pure Python only"
        );
        assert_eq!(
            verdict(native, BuildMode::Native, 12, "manylinux2014_aarch64").unwrap_err(),
            "crcmod 1.7 must be compiled for aarch64; run the service on aarch64"
        );
        assert!(
            verdict(native, BuildMode::Native, 12, "manylinux_2_28_x86_64").unwrap_err().contains("2.36")
        );
        assert!(
            verdict("cp311-cp311-linux_x86_64", BuildMode::Native, 11, here).unwrap_err().contains("3.12")
        );
        assert!(verdict("cp312-cp312-linux_riscv64", BuildMode::Native, 12, here).is_err());
    }
}
