//! The name of a wheel file (PEP 427): project, version, build number and compatibility tags.

/// A file name taken apart; borrows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label<'a> {
    pub project: &'a str,
    pub version: &'a str,
    pub build: Option<Build<'a>>,
    pythons: &'a str,
    abis: &'a str,
    platforms: &'a str,
}

/// Sorts by its number, then by the rest of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Build<'a>(u64, &'a str);

/// Tags in one name. Real wheels have a dozen; thousands of names with tens of thousands each are a bomb.
const MOST_TAGS: usize = 512;

impl<'a> Label<'a> {
    /// `None` for a name that is no wheel's.
    pub fn read(file_name: &'a str) -> Option<Self> {
        let stem = file_name.strip_suffix(".whl")?;
        if stem.len() > 250 || stem.bytes().any(|b| matches!(b, b'/' | b'\\') || !b.is_ascii_graphic()) {
            return None;
        }
        let mut parts = stem.rsplit('-');
        let (platforms, abis, pythons) = (parts.next()?, parts.next()?, parts.next()?);
        let (last, before) = (parts.next()?, parts.next()?);
        let (build, version, project) = match parts.next() {
            None => (None, last, before),
            Some(first) => (Some(Build::read(last)?), before, first),
        };
        let is_whole = [platforms, abis, pythons, version, project].iter().all(|part| !part.is_empty());
        let tags: usize = [platforms, abis, pythons].map(|part| part.split('.').count()).iter().product();
        (is_whole && tags <= MOST_TAGS && parts.next().is_none()).then_some(Self {
            project,
            version,
            build,
            pythons,
            abis,
            platforms,
        })
    }

    /// Every single tag that the name stands for: interpreter, ABI, platform.
    pub fn tags(&self) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> + use<'a> {
        let (abis, platforms) = (self.abis, self.platforms);
        self.pythons.split('.').flat_map(move |python| {
            abis.split('.')
                .flat_map(move |abi| platforms.split('.').map(move |platform| (python, abi, platform)))
        })
    }

    pub fn platforms(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.platforms.split('.')
    }

    /// The tags as the name writes them.
    pub fn compressed(&self) -> String {
        format!("{}-{}-{}", self.pythons, self.abis, self.platforms)
    }
}

impl<'a> Build<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at(digits);
        Some(Self(number.parse().ok()?, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart() {
        let label =
            Label::read("foo_bar-1.0+cu118-2b-cp311.cp312-abi3-manylinux_2_17_x86_64.linux_x86_64.whl");
        let label = label.unwrap();
        assert_eq!(
            (label.project, label.version, label.build),
            ("foo_bar", "1.0+cu118", Some(Build(2, "b")))
        );
        let tags: Vec<_> = label.tags().collect();
        assert_eq!(tags.len(), 4);
        assert_eq!(tags[3], ("cp312", "abi3", "linux_x86_64"));
    }

    #[test]
    fn names_of_other_things_are_refused() {
        for name in [
            "a-1.tar.gz",
            "a-1-py3-none.whl",
            "a-1-x1-py3-none-any.whl",
            "a-1-1-2-py3-none-any.whl",
            "../a-1-py3-none-any.whl",
            "a-1--none-any.whl",
            "a-1-py3-none-any .whl",
            ".whl",
            &format!("a-1-{0}-{0}-{0}.whl", ["x"; 9].join(".")),
        ] {
            assert_eq!(Label::read(name), None, "{name}");
        }
    }

    #[test]
    fn build_numbers_sort_as_numbers() {
        let build = |text| Build::read(text).unwrap();
        assert!(build("10") > build("9"));
        assert!(build("2b") > build("2a"));
    }
}
