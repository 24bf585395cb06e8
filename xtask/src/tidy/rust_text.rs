//! Rust source as text: comments and strings blanked out, tests cut off, variants of an enum.

/// The source with comments and the insides of literals replaced by spaces; lines and columns stay where they are.
pub(super) fn blank_comments_and_literals(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut blanked = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_or_comment_end(source, at);
        if end > at {
            let blank = |byte: &u8| if *byte == b'\n' { b'\n' } else { b' ' };
            blanked.extend(bytes[at..end].iter().map(blank));
            at = end;
        } else {
            blanked.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&blanked).into_owned()
}

/// Where the comment or literal ends that starts at `at`; `at` itself if none starts there.
fn literal_or_comment_end(source: &str, at: usize) -> usize {
    let rest = &source.as_bytes()[at..];
    let length = match rest {
        [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n'),
        [b'/', b'*', ..] => block_comment_length(rest),
        [b'"', ..] => quoted_length(rest, b'"'),
        [b'\'', ..] => return at + char_length(rest),
        [b'r', ..] if !follows_identifier(source, at) => match raw_string_length(rest) {
            Some(length) => Some(length),
            None => return at,
        },
        _ => return at,
    };
    at + length.unwrap_or(rest.len())
}

/// A prefix of a literal (`b"`, `br"`, `c"`) is not part of an identifier.
fn follows_identifier(source: &str, at: usize) -> bool {
    let before = &source.as_bytes()[..at];
    let is_identifier = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    match before {
        [.., b'b' | b'c'] => before[..before.len() - 1].last().is_some_and(is_identifier),
        _ => before.last().is_some_and(is_identifier),
    }
}

/// Block comments nest.
fn block_comment_length(rest: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < rest.len() {
        match &rest[at..at + 2] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
    None
}

fn quoted_length(rest: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// The length of a character literal, 0 for a lifetime.
fn char_length(rest: &[u8]) -> usize {
    let text = String::from_utf8_lossy(&rest[..rest.len().min(8)]);
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => quoted_length(rest, b'\'').unwrap_or(0),
        (Some(_), Some((end, '\''))) => end + 1,
        _ => 0,
    }
}

fn raw_string_length(rest: &[u8]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    let body = rest.get(1 + hashes..)?.strip_prefix(b"\"")?;
    let end: Vec<u8> = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    let length = body
        .windows(end.len())
        .position(|window| window == end.as_slice())?;
    Some(1 + hashes + 1 + length + end.len())
}

/// The part of a file before its inline test module, by convention the last item.
pub(super) fn without_tests(source: &str) -> &str {
    let mut offset = 0;
    // Where the attributes of a test-only item start.
    let mut test_only = None;
    for line in source.split_inclusive('\n') {
        let code = line.trim();
        if code.starts_with("#[cfg(test)]") {
            test_only = Some(offset);
        } else if !code.starts_with("#[") && !code.starts_with("//") {
            let is_inline_module = code.contains("mod ") && code.ends_with('{');
            if let Some(start) = test_only.take().filter(|_| is_inline_module) {
                return &source[..start];
            }
        }
        offset += line.len();
    }
    source
}

/// Files that hold only tests.
pub(super) fn is_test_file(path: &str) -> bool {
    path.split('/').any(|part| part == "tests") || path.ends_with("/tests.rs")
}

/// The line of a byte, counted from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

/// Offsets of `word` where it is not part of a longer name.
pub(super) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(word)
        .map(|(offset, _)| offset)
        .filter(move |offset| {
            let before = code[..*offset].chars().next_back();
            let after = code[offset + word.len()..].chars().next();
            let starts = !(before.is_some_and(is_name) && word.starts_with(is_name));
            let ends = !(after.is_some_and(is_name) && word.ends_with(is_name));
            starts && ends
        })
}

/// The names under which serde reads the variants of an enum: kebab case, or what `rename` says.
///
/// `None` if the file has no such enum.
pub(super) fn variants(source: &str, name: &str) -> Option<Vec<String>> {
    let code = blank_comments_and_literals(source);
    let head = format!("enum {name}");
    let start = words(&code, &head).next()?;
    let open = start + code[start..].find('{')?;
    let mut found = Vec::new();
    let (mut depth, mut expects_variant, mut rename) = (0_usize, true, None);
    let mut at = open;
    while at < code.len() {
        let byte = code.as_bytes()[at];
        match byte {
            b'#' if depth == 1 => {
                // An attribute: its text stands in the source, because its strings are blank in the code.
                let end = at + attribute_length(&code[at..]);
                rename = rename.or_else(|| renamed(&source[at..end]));
                at = end;
                continue;
            }
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(found);
                }
            }
            b',' if depth == 1 => expects_variant = true,
            _ if depth == 1 && expects_variant && byte.is_ascii_alphabetic() => {
                let variant: String = code[at..]
                    .chars()
                    .take_while(|character| character.is_alphanumeric() || *character == '_')
                    .collect();
                at += variant.len();
                found.push(rename.take().unwrap_or_else(|| kebab_case(&variant)));
                expects_variant = false;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn attribute_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in code.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' if depth == 1 => return offset + 1,
            b']' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

fn renamed(attribute: &str) -> Option<String> {
    let after = attribute
        .split_once("rename =")
        .or_else(|| attribute.split_once("rename="))?
        .1;
    after.split('"').nth(1).map(str::to_owned)
}

/// As serde's `rename_all = "kebab-case"`: a dash before each capital but the first.
fn kebab_case(name: &str) -> String {
    let mut kebab = String::new();
    for (index, character) in name.char_indices() {
        if character.is_uppercase() && index > 0 {
            kebab.push('-');
        }
        kebab.extend(character.to_lowercase());
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank() {
        let source = "a /* x /* y */ */ b // z\nc \"d\\\"e\" 'f' '\\'' &'static r#\"g\"h\"# br\"i\" variable\"j\"";
        let code = blank_comments_and_literals(source);
        assert_eq!(code.len(), source.len());
        assert_eq!(
            code.split_whitespace().collect::<Vec<_>>(),
            ["a", "b", "c", "&'static", "b", "variable"]
        );
        assert_eq!(code.lines().count(), 2);
    }

    #[test]
    fn unfinished_literals_end_with_the_file() {
        assert_eq!(blank_comments_and_literals("a \"b").trim_end(), "a");
        assert_eq!(blank_comments_and_literals("a /* b").trim_end(), "a");
        assert_eq!(blank_comments_and_literals("a // b").trim_end(), "a");
    }

    #[test]
    fn the_inline_test_module_is_cut_off() {
        let source = "fn a() {}\n#[cfg(test)]\nuse b;\n#[cfg(test)]\nmod c;\nfn d() {}\n#[cfg(test)]\nmod tests {\n}\n";
        assert!(without_tests(source).ends_with("fn d() {}\n"));
        assert_eq!(without_tests("fn a() {}\n"), "fn a() {}\n");
        let indented = "fn a() {}\n#[cfg(test)]\n#[expect(x)]\npub(super) mod m {\n}\n";
        assert_eq!(without_tests(indented), "fn a() {}\n");
    }

    #[test]
    fn test_files() {
        assert!(is_test_file("crates/a/tests/b.rs"));
        assert!(is_test_file("crates/a/src/b/tests.rs"));
        assert!(!is_test_file("crates/a/src/tests_of.rs"));
    }

    #[test]
    fn words_are_whole() {
        let code = "println!(); eprintln!(); my_println!();";
        assert_eq!(words(code, "println!").collect::<Vec<_>>(), [0]);
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }

    #[test]
    fn variants_in_kebab_case() {
        let source = r#"
/// `enum Config { Wrong }`
#[serde(rename_all = "kebab-case")]
pub enum Config {
    /// One, two.
    TrajectoryBalance {},
    #[serde(rename = "sub-tb")]
    #[doc = "x"]
    SubTrajectoryBalance { lambda: f32, normalisation: Option<Vec<(u8, u8)>> },
    Tuple(f32, Vec<u8>),
    TfBind8,
}
enum ConfigOther { Wrong }
"#;
        assert_eq!(
            variants(source, "Config").expect("the enum is there"),
            ["trajectory-balance", "sub-tb", "tuple", "tf-bind8"]
        );
        assert_eq!(variants(source, "Missing"), None);
    }
}
