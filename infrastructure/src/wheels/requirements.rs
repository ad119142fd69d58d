//! The strict grammar of what may be asked for without a lock: names with specifiers, markers and sha256 hashes.
//! What passes is written anew from the parsed values; no text of the package reaches a tool.

use std::collections::BTreeMap;

use application::{
    failure::{Failure, Reason},
    ports::packaging::Requirement,
};
use domain::values::Digest;
use pep508_rs::{VerbatimUrl, VersionOrUrl};

use super::{normalised, pep508};

type Parsed = pep508_rs::Requirement<VerbatimUrl>;

const MOST_LINES: usize = 2_000;
const LONGEST_LINE: usize = 2_048;

/// The lines of a requirements file that mean something.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Requirements {
    /// Name to exact version, where there is one.
    pub pins: BTreeMap<String, Option<String>>,
    pub lines: Vec<Requirement>,
}

impl Requirements {
    /// Reads what may stand in the requirements file of an offline package: names with specifiers, markers and
    /// sha256 hashes, and the header of an earlier repackaging.
    ///
    /// # Errors
    /// `RequirementUnsupported` with the line and the option, never the rest of the line: it may hold a password.
    pub fn read(text: &str) -> Result<Self, Failure> {
        let mut found = Self::default();
        let mut joined = String::new();
        let mut first = None;
        for (number, line) in (1..).zip(text.lines().chain([""])) {
            let at = *first.get_or_insert(number);
            let refused = |what: &str| refused(&format!("requirements.txt line {at}"), what);
            // The empty line that ends every file is ours.
            if number > MOST_LINES + 1 || line.len() > LONGEST_LINE || joined.len() > 16 * LONGEST_LINE {
                return Err(refused("more than 2000 lines or a line over 2 KiB"));
            }
            if let Some(start) = line.strip_suffix('\\') {
                joined.push_str(start);
                continue;
            }
            joined.push_str(line);
            let line = std::mem::take(&mut joined).replace('\t', " ");
            first = None;
            let line = without_comment(&line).trim();
            let is_header = |word| matches!(word, "--no-index" | "--find-links=./wheels/");
            if !line.split(' ').filter(|word| !word.is_empty()).all(is_header) {
                found.add(line).map_err(|what| refused(&what))?;
            }
        }
        Ok(found)
    }

    /// Reads `project.dependencies`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of_project(dependencies: &[String]) -> Result<Self, Failure> {
        let mut found = Self::default();
        for (number, line) in (1..).zip(dependencies) {
            let refused = |what: &str| refused(&format!("pyproject.toml dependency {number}"), what);
            if number > MOST_LINES || line.len() > LONGEST_LINE {
                return Err(refused("more than 2000 lines or a line over 2 KiB"));
            }
            found.add(line.trim()).map_err(|what| refused(&what))?;
        }
        Ok(found)
    }

    /// The error is what is not allowed.
    fn add(&mut self, line: &str) -> Result<(), String> {
        let (wanted, sha256) = taken_apart(line)?;
        let version = exact(&wanted);
        self.pins.insert(normalised(wanted.name.as_ref()), version);
        self.lines.push(Requirement { text: wanted.to_string(), sha256 });
        Ok(())
    }
}

fn without_comment(line: &str) -> &str {
    let is_start = |at: usize| at == 0 || line[..at].ends_with(char::is_whitespace);
    line.match_indices('#').find(|&(at, _)| is_start(at)).map_or(line, |(at, _)| &line[..at])
}

fn taken_apart(line: &str) -> Result<(Parsed, Vec<Digest>), String> {
    if line.starts_with('-') {
        return Err(pep508::option(line));
    }
    if line.contains("${") {
        return Err("${".to_owned());
    }
    let mut parts = line.split(" --");
    let wanted = parts.next().unwrap_or_default().trim();
    let mut sha256 = Vec::new();
    for option in parts {
        let hash = option.trim().strip_prefix("hash=sha256:");
        let Some(hash) = hash.and_then(|hash| hash.parse().ok()) else {
            return Err(pep508::option(&format!("--{option}")));
        };
        sha256.push(hash);
    }
    if wanted.contains("://") || wanted.contains('@') {
        return Err("a URL".to_owned());
    }
    let nothing = || "what is no requirement".to_owned();
    // A line break or a backslash would let one line become two in another reader.
    if wanted.contains(|c: char| c.is_control() || matches!(c, '\\' | '#' | '\u{2028}' | '\u{2029}')) {
        return Err(nothing());
    }
    let parsed = pep508::requirement(wanted).ok_or_else(nothing)?;
    // What is written anew must mean the same.
    if pep508::requirement(&parsed.to_string()).as_ref() != Some(&parsed) {
        return Err(nothing());
    }
    Ok((parsed, sha256))
}

fn exact(wanted: &Parsed) -> Option<String> {
    let Some(VersionOrUrl::VersionSpecifier(specifiers)) = &wanted.version_or_url else { return None };
    let mut all = specifiers.iter();
    match (all.next(), all.next()) {
        (Some(only), None) if *only.operator() == pep440_rs::Operator::Equal => {
            Some(only.version().to_string())
        }
        (Some(_) | None, _) => None,
    }
}

fn refused(place: &str, what: &str) -> Failure {
    Failure::permanent(
        Reason::RequirementUnsupported,
        format!("{place}: '{what}' is not allowed for offline packages"),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn requirements_of_an_earlier_repackaging_are_read() {
        let hash = "ab".repeat(32);
        let text = format!(
            "--no-index\r\n--find-links=./wheels/\r\n--no-index --find-links=./wheels/\n# comment\n\
             Dify_Plugin==0.9.0\na[x]>=1 ;\tpython_version < '4' # b\nb==1 \\\n  --hash=sha256:{hash}\\\n"
        );
        let found = Requirements::read(&text).unwrap();
        assert_eq!(found.pins["dify-plugin"].as_deref(), Some("0.9.0"));
        assert_eq!((found.pins["a"].clone(), found.pins["b"].clone()), (None, Some("1".to_owned())));
        let texts: Vec<&str> = found.lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["dify-plugin==0.9.0", "a[x]>=1 ; python_full_version < '4'", "b==1"]);
        assert_eq!(found.lines[2].sha256.iter().map(ToString::to_string).collect::<Vec<_>>(), [hash]);
    }

    #[test]
    fn anything_that_could_run_or_redirect_is_named_without_its_value() {
        for (line, option) in [
            ("-e .", "-e"),
            ("--index-url https://user:secret@index.example/", "--index-url"),
            ("--index-url=https://user:secret@index.example/", "--index-url"),
            ("--no-index --index-url=https://user:secret@index.example/", "--no-index"),
            ("-r secret.txt", "-r"),
            ("-rsecret.txt", "-r"),
            ("-ihttps://user:secret@index.example/", "-i"),
            ("1.}secret.-*", "what is no requirement"),
            ("a==1 --config-settings=secret", "--config-settings"),
            ("a==1\t--no-binary=secret", "--no-binary"),
            ("a ; os_name == 'x --index-url secret'", "--index-url"),
            ("a @ https://user:secret@files.example/a.whl", "a URL"),
            ("https://user:secret@files.example/a.whl", "a URL"),
            ("git+https://secret", "a URL"),
            ("./secret", "what is no requirement"),
            ("secret\\secret", "what is no requirement"),
            ("a ; os_name == 'x\r-e secret\r'", "what is no requirement"),
            ("a ; os_name == \"it's secret\"", "what is no requirement"),
            ("${SECRET}", "${"),
            ("-e secret \\", "-e"),
        ] {
            let failure = Requirements::read(&format!("\n\n{line}\n")).unwrap_err();
            assert_eq!(
                failure.message,
                format!("requirements.txt line 3: '{option}' is not allowed for offline packages")
            );
            assert_eq!(failure.reason, Reason::RequirementUnsupported);
        }
        let failure = Requirements::of_project(&["a".to_owned(), "b\n-e secret".to_owned()]).unwrap_err();
        assert!(failure.message.starts_with("pyproject.toml dependency 2: "), "{failure}");
        assert!(!failure.message.contains("secret"), "{failure}");
    }

    #[test]
    fn too_much_is_refused() {
        assert!(Requirements::read(&"a\n".repeat(2_000)).is_ok());
        assert!(Requirements::read(&"a\n".repeat(2_002)).is_err());
        assert!(Requirements::read(&format!("a=={}", "1".repeat(3_000))).is_err());
        assert!(Requirements::read(&"a\\\n".repeat(100)).is_ok());
    }

    #[test]
    fn names_and_extras_that_end_in_a_separator_are_none() {
        for line in ["a-", "a- [0", "a-==1", "a[b-]", "a[b-", "a [b, c.]", "-a", "a[_b]"] {
            let failure = Requirements::of_project(&[line.to_owned()]).unwrap_err();
            assert_eq!(failure.reason, Reason::RequirementUnsupported, "{line}");
        }
        assert!(Requirements::of_project(&["a [b, c.d]>=1".to_owned()]).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_passes_is_one_plain_line(line in "[a-c][-a-c .\\[\\]<>=!~;'\"0-9#@$/{}\\\\\r\n\t]{0,40}") {
            if let Ok(found) = Requirements::read(&line) {
                for line in &found.lines {
                    prop_assert!(line.text.starts_with(|c: char| c.is_ascii_alphanumeric()));
                    let is_bad = |c: char| c.is_control() || matches!(c, '\\' | '#' | '@' | '$');
                    prop_assert!(!line.text.contains(is_bad), "{:?}", line.text);
                }
            }
        }
    }
}
