//! The package most tests repackage: two pure wheels, one native one for three systems.

use crate::{
    Files, Lock, Locked, Plugin, Wheel,
    wheel::{LINUX_AARCH64, LINUX_X86_64, MACOS_ARM64},
};

/// A file server with the wheels on it, and the plugin whose lock names them.
pub struct Sample {
    pub files: Files,
    pub plugin: Plugin,
    pub alpha: Wheel,
    pub beta: Wheel,
    pub gamma: [Wheel; 3],
}

/// What `requirements.txt` of every result of the sample says.
pub const REQUIREMENTS: &str =
    "--no-index\n--find-links=./wheels/\nalpha==1.0.0\nbeta-lib==2.1.0\ngamma==3.0.0\n";

impl Sample {
    pub fn new(name: &str) -> Self {
        Self::sized(name, 0)
    }

    /// With this many incompressible bytes in each wheel.
    pub fn sized(name: &str, filler: usize) -> Self {
        let files = Files::start();
        let alpha = Wheel::pure("alpha", "1.0.0").requires("beta-lib>=2").filler(filler);
        let beta = Wheel::pure("beta-lib", "2.1.0").filler(filler);
        let gamma = [LINUX_X86_64, LINUX_AARCH64, MACOS_ARM64]
            .map(|tag| Wheel::tagged("gamma", "3.0.0", tag).filler(filler));
        let native = gamma.iter().fold(Locked::new("gamma", "3.0.0"), |locked, w| locked.served(&files, w));
        let lock = Lock::new(name)
            .with(Locked::new("alpha", "1.0.0").served(&files, &alpha).needs("{ name = \"beta-lib\" }"))
            .with(Locked::new("beta-lib", "2.1.0").served(&files, &beta).transitive())
            .with(native);
        let plugin = Plugin::locked(&lock);
        Self { files, plugin, alpha, beta, gamma }
    }

    /// Puts the package itself on the server; answers its URL.
    pub fn package_url(&self) -> String {
        self.files.put(&self.package_path(), self.plugin.bytes())
    }

    pub fn package_path(&self) -> String {
        format!("/{}", self.plugin.file_name())
    }

    pub fn wheel_path(wheel: &Wheel) -> String {
        format!("/packages/{}", wheel.file_name())
    }

    /// The wheels of the result for a Linux target: 0 is x86-64, 1 is ARM.
    pub fn expected(&self, target: usize) -> Vec<String> {
        [&self.alpha, &self.beta, &self.gamma[target]].map(Wheel::file_name).to_vec()
    }
}
