//! What of a build's output may be told to users: its last lines, short, and without any path.

const LINES: usize = 4;
const LONGEST: usize = 600;

/// Empty when there is nothing to tell.
pub(crate) fn last_words(output: &str) -> String {
    let lines: Vec<String> = output.lines().map(plain).filter(|line| !line.is_empty()).collect();
    let text = lines[lines.len().saturating_sub(LINES)..].join(" | ");
    let over = text.chars().count().saturating_sub(LONGEST);
    text.chars().skip(over).collect()
}

/// One line: of each path its last part, of everything else only what can be printed.
fn plain(line: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '@' | '~');
    let mut out = String::new();
    let mut word = String::new();
    for c in line.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).chain(['\n']) {
        if is_part(c) {
            word.push(c);
            continue;
        }
        let named = if word.contains('/') { word.trim_end_matches('/').rsplit('/').next() } else { None };
        out.push_str(named.unwrap_or(&word));
        word.clear();
        out.push(c);
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_without_paths() {
        let output = "a\n\nb\n  File \"/nowhere/lib/x.py\", line 3, in <module>\n\u{1b}[31mgcc -I/usr/include: \
                      error\nerror: command '/usr/bin/gcc' failed\n";
        let told = last_words(output);
        assert!(told.ends_with("error: command 'gcc' failed"), "{told}");
        assert!(told.contains("File \"x.py\", line 3") && !told.contains('/'), "{told}");
        assert_eq!(last_words(" \n\n"), "");
    }

    #[test]
    fn it_is_short() {
        assert!(last_words(&"word ".repeat(5_000)).chars().count() <= LONGEST);
    }
}
