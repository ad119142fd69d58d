//! The one uv this program fetches by itself.

/// Of every wheel below.
pub const VERSION: &str = "0.13.8";

/// Where the wheel holds the program.
pub(super) const MEMBER: &str = "uv-0.13.8.data/scripts/uv";

/// A static program for one system, and the wheel that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pin {
    pub(super) file_name: &'static str,
    /// As pip names the platform of the wheel.
    pub(super) platform: &'static str,
    pub(super) wheel: &'static str,
    /// Sha256 of the program in the wheel.
    pub(super) program: &'static str,
}

const LINUX_X86_64: Pin = Pin {
    file_name: "uv-0.13.8-py3-none-musllinux_1_1_x86_64.whl",
    platform: "musllinux_1_1_x86_64",
    wheel: "29451c60f5e8b07403e0a175d5229efc36b0289b34143ff4aaa499a5dd52553a",
    program: "a880db7f5f6745b5ec80aa6ccafdce06ddab1434013b55c62bb2fded1e2f9cb5",
};

const LINUX_AARCH64: Pin = Pin {
    file_name: "uv-0.13.8-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl",
    platform: "musllinux_1_1_aarch64",
    wheel: "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d",
    program: "5aa4427bd923cfdca2d56a3577f60d8fa7825aa3b496fef975dfd6f03db57d28",
};

const MACOS_X86_64: Pin = Pin {
    file_name: "uv-0.13.8-py3-none-macosx_10_12_x86_64.whl",
    platform: "macosx_10_12_x86_64",
    wheel: "b7124ca1956ec2e476a1003ea5715a15f0266afaec37f4dc9c6972ba8183e6d1",
    program: "afdbf4b93ab474668f8ad99da2fb7fb6562c020a4bbd860e9b1909181498b1b6",
};

const MACOS_ARM64: Pin = Pin {
    file_name: "uv-0.13.8-py3-none-macosx_11_0_arm64.whl",
    platform: "macosx_11_0_arm64",
    wheel: "62b6943c7fd64fac6854f780bea6e0359e5a5bc3241f83ee357bb38276afac49",
    program: "f98066c132dc37b83a8861f9b538d732b5aad41d3b3a69e47abf27cdaef842a9",
};

/// For the machine this runs on.
pub(super) fn of_host() -> Option<Pin> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some(LINUX_X86_64),
        ("linux", "aarch64") => Some(LINUX_AARCH64),
        ("macos", "x86_64") => Some(MACOS_X86_64),
        ("macos", "aarch64") => Some(MACOS_ARM64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::values::Digest;

    use super::*;

    #[test]
    fn every_pin_is_a_wheel_of_the_pinned_version() {
        for pin in [LINUX_X86_64, LINUX_AARCH64, MACOS_X86_64, MACOS_ARM64] {
            let label = crate::wheels::labels::Label::read(pin.file_name).unwrap();
            assert_eq!((label.project, label.version), ("uv", VERSION));
            assert!(label.platforms().any(|platform| platform == pin.platform));
            assert!(pin.wheel.parse::<Digest>().is_ok() && pin.program.parse::<Digest>().is_ok());
        }
        assert!(MEMBER.contains(VERSION));
    }
}
