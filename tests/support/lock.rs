//! Lock files in the form uv writes them (version 1, revision 3).

use std::fmt::Write;

use crate::{files::Files, sha256, source::Source, wheel::Wheel};

#[derive(Debug, Clone)]
pub struct Lock {
    project: String,
    pub requires_python: String,
    /// The line after `[[package]]` names decides the structure version.
    pub version: u32,
    packages: Vec<Locked>,
    /// Lines of the root's `dependencies`; every package without `transitive` when empty.
    root: Vec<String>,
}

/// One `[[package]]` table.
#[derive(Debug, Clone)]
pub struct Locked {
    name: String,
    version: String,
    source: Option<String>,
    dependencies: Vec<String>,
    extras: Vec<(String, Vec<String>)>,
    files: Vec<String>,
    sdist: Option<String>,
    transitive: bool,
}

impl Lock {
    pub fn new(project: &str) -> Self {
        Self {
            project: project.into(),
            requires_python: ">=3.9".into(),
            version: 1,
            packages: Vec::new(),
            root: Vec::new(),
        }
    }

    /// A lock whose root depends on each of these wheels, served by `files`; wheels of one name and version are
    /// one package.
    pub fn of(project: &str, files: &Files, wheels: &[Wheel]) -> Self {
        let mut lock = Self::new(project);
        for wheel in wheels {
            let known = lock.packages.iter().position(|p| p.name == wheel.name && p.version == wheel.version);
            let at = known.unwrap_or_else(|| {
                lock.packages.push(Locked::new(&wheel.name, &wheel.version));
                lock.packages.len() - 1
            });
            let locked = lock.packages.remove(at).served(files, wheel);
            lock.packages.insert(at, locked);
        }
        lock
    }

    #[must_use]
    pub fn with(mut self, package: Locked) -> Self {
        self.packages.push(package);
        self
    }

    /// A line of the root's dependencies, e.g. `{ name = "a", marker = "sys_platform == 'darwin'" }`.
    #[must_use]
    pub fn root_needs(mut self, line: &str) -> Self {
        self.root.push(line.into());
        self
    }

    pub fn project(&self) -> &str {
        &self.project
    }

    /// The text of `uv.lock`.
    pub fn text(&self) -> String {
        let mut text = format!("version = {}\nrevision = 3\n", self.version);
        writeln!(text, "requires-python = \"{}\"\n", self.requires_python).unwrap();
        let mut packages: Vec<&Locked> = self.packages.iter().collect();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        for package in packages {
            text.push_str(&package.table());
        }
        let needs = if self.root.is_empty() { self.direct() } else { self.root.clone() };
        write!(text, "[[package]]\nname = \"{}\"\nversion = \"0.1.0\"\n", self.project).unwrap();
        text.push_str("source = { virtual = \".\" }\n");
        text.push_str(&list("dependencies", &needs));
        writeln!(text, "\n[package.metadata]\nrequires-dist = []").unwrap();
        text
    }

    /// The project file that belongs to it.
    pub fn project_text(&self) -> String {
        let names: Vec<String> = self
            .packages
            .iter()
            .filter(|package| !package.transitive)
            .map(|package| format!("{}=={}", package.name, package.version))
            .collect();
        format!(
            "[project]\nname = \"{}\"\nversion = \"0.1.0\"\nrequires-python = \"{}\"\ndependencies = {names:?}\n",
            self.project, self.requires_python
        )
    }

    fn direct(&self) -> Vec<String> {
        let direct = self.packages.iter().filter(|package| !package.transitive);
        direct.map(|package| format!("{{ name = \"{}\" }}", package.name)).collect()
    }
}

impl Locked {
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            source: None,
            dependencies: Vec::new(),
            extras: Vec::new(),
            files: Vec::new(),
            sdist: None,
            transitive: false,
        }
    }

    /// Puts the wheel on the server and its line into the lock.
    #[must_use]
    pub fn served(self, files: &Files, wheel: &Wheel) -> Self {
        let path = format!("/packages/{}", wheel.file_name());
        let bytes = wheel.bytes();
        files.put(&path, bytes.clone());
        self.source(&format!("{{ registry = \"{}\" }}", files.url("/simple"))).file(&files.url(&path), &bytes)
    }

    /// A wheel line for these bytes at this address.
    #[must_use]
    pub fn file(self, url: &str, bytes: &[u8]) -> Self {
        self.line(&format!(
            "{{ url = \"{url}\", hash = \"sha256:{}\", size = {} }}",
            sha256(bytes),
            bytes.len()
        ))
    }

    /// A wheel line as written.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.files.push(line.into());
        self
    }

    #[must_use]
    pub fn source(mut self, source: &str) -> Self {
        self.source = Some(source.into());
        self
    }

    #[must_use]
    pub fn sdist(mut self, url: &str) -> Self {
        self.sdist = Some(format!("{{ url = \"{url}\", hash = \"sha256:{}\", size = 1 }}", "0".repeat(64)));
        self
    }

    /// Puts the source on the server and its line into the lock; there is no wheel.
    #[must_use]
    pub fn source_only(files: &Files, source: &Source) -> Self {
        let path = format!("/packages/{}", source.file_name());
        let url = files.put(&path, source.bytes());
        let (hash, size) = (source.sha256(), source.bytes().len());
        let mut locked = Self::new(&source.name, &source.version)
            .source(&format!("{{ registry = \"{}\" }}", files.url("/simple")));
        locked.sdist = Some(format!("{{ url = \"{url}\", hash = \"sha256:{hash}\", size = {size} }}"));
        locked
    }

    /// A dependency line as written, e.g. `{ name = "b", extra = ["x"] }`.
    #[must_use]
    pub fn needs(mut self, line: &str) -> Self {
        self.dependencies.push(line.into());
        self
    }

    #[must_use]
    pub fn extra(mut self, extra: &str, line: &str) -> Self {
        self.extras.push((extra.into(), vec![line.into()]));
        self
    }

    /// Not a dependency of the root.
    #[must_use]
    pub fn transitive(mut self) -> Self {
        self.transitive = true;
        self
    }

    fn table(&self) -> String {
        let mut text = format!("[[package]]\nname = \"{}\"\nversion = \"{}\"\n", self.name, self.version);
        let registry = "{ registry = \"https://index.invalid/simple\" }";
        writeln!(text, "source = {}", self.source.as_deref().unwrap_or(registry)).unwrap();
        text.push_str(&list("dependencies", &self.dependencies));
        if let Some(sdist) = &self.sdist {
            writeln!(text, "sdist = {sdist}").unwrap();
        }
        text.push_str(&list("wheels", &self.files));
        if !self.extras.is_empty() {
            text.push_str("\n[package.optional-dependencies]\n");
            for (extra, lines) in &self.extras {
                text.push_str(&list(extra, lines));
            }
        }
        text.push('\n');
        text
    }
}

fn list(key: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!("{key} = [\n    {},\n]\n", lines.join(",\n    "))
}
