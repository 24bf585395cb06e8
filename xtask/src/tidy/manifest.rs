//! A line scanner for `Cargo.toml`: enough for names of dependencies and for `key.workspace = true`.

/// The `key = value` lines of a manifest with their section.
#[derive(Debug)]
pub(super) struct Manifest<'a> {
    entries: Vec<Entry<'a>>,
}

#[derive(Debug)]
struct Entry<'a> {
    section: &'a str,
    key: &'a str,
    value: &'a str,
    line: usize,
}

/// A dependency of any kind: of the library, of its tests, of its build script, of one target.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dependency<'a> {
    pub(super) package: &'a str,
    pub(super) line: usize,
}

impl<'a> Manifest<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let mut entries = Vec::new();
        let mut section = "";
        for (index, line) in text.lines().enumerate() {
            let line = line.split(" #").next().unwrap_or_default().trim();
            if line.starts_with('#') {
                continue;
            }
            if let Some(header) = line
                .strip_prefix('[')
                .and_then(|line| line.strip_suffix(']'))
            {
                section = header.trim_matches(['[', ']', ' ']);
                // A dependency can be a section; without an entry of its own, an empty section would be lost.
                entries.push(Entry {
                    section,
                    key: "",
                    value: "",
                    line: index + 1,
                });
            } else if let Some((key, value)) = line.split_once('=') {
                entries.push(Entry {
                    section,
                    key: key.trim(),
                    value: value.trim(),
                    line: index + 1,
                });
            }
        }
        Self { entries }
    }

    /// The value of a key, written as `section.key = value`.
    pub(super) fn value(&self, section: &str, key: &str) -> Option<&'a str> {
        self.entries
            .iter()
            .find(|entry| entry.section == section && entry.key == key)
            .map(|entry| entry.value.trim_matches('"'))
    }

    /// All dependencies, under the name of the package.
    pub(super) fn dependencies(&self) -> Vec<Dependency<'a>> {
        let mut found = Vec::new();
        for entry in &self.entries {
            let (table, name) = split_section(entry.section);
            if !is_dependency_table(table) {
                continue;
            }
            let package = match (name, entry.key) {
                (Some(_), "package") => entry.value.trim_matches('"'),
                (Some(name), "") => name,
                (None, key) if !key.is_empty() => {
                    renamed(entry.value).unwrap_or_else(|| key.split('.').next().unwrap_or(key))
                }
                _ => continue,
            };
            found.push(Dependency {
                package: package.trim_matches('"'),
                line: entry.line,
            });
        }
        found
    }
}

/// `[dependencies.name]` holds one dependency, `[dependencies]` holds many.
fn split_section(section: &str) -> (&str, Option<&str>) {
    match section.rsplit_once('.') {
        Some((table, name)) if is_dependency_table(table) => (table, Some(name)),
        _ => (section, None),
    }
}

/// Also `target.'cfg(unix)'.dev-dependencies` and the like.
fn is_dependency_table(section: &str) -> bool {
    let table = section.rsplit('.').next().unwrap_or(section);
    ["dependencies", "dev-dependencies", "build-dependencies"].contains(&table)
}

/// The package in `alias = { package = "name", .. }`.
fn renamed(value: &str) -> Option<&str> {
    let after = value.split("package").nth(1)?;
    after.trim_start().strip_prefix('=')?.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
[package]
name = "a" # the name
license.workspace = true
# edition = "2015"

[dependencies]
gfn-env = { workspace = true, features = ["serde"] }
burn.workspace = true
alias = { package = "gfn-loss", version = "1" }

[target.'cfg(unix)'.dev-dependencies]
gfn-policy = "1"

[build-dependencies.gfn-train]
version = "1"

[dependencies.other]
package = "gfn-bench"

[lints]
workspace = true
"#;

    #[test]
    fn values() {
        let manifest = Manifest::parse(TEXT);
        assert_eq!(manifest.value("package", "name"), Some("a"));
        assert_eq!(manifest.value("package", "license.workspace"), Some("true"));
        assert_eq!(manifest.value("lints", "workspace"), Some("true"));
        assert_eq!(manifest.value("package", "edition"), None);
    }

    #[test]
    fn every_way_to_write_a_dependency() {
        let manifest = Manifest::parse(TEXT);
        let packages: Vec<&str> = manifest
            .dependencies()
            .iter()
            .map(|dependency| dependency.package)
            .collect();
        assert_eq!(
            packages,
            [
                "gfn-env",
                "burn",
                "gfn-loss",
                "gfn-policy",
                "gfn-train",
                "other",
                "gfn-bench"
            ]
        );
        assert_eq!(manifest.dependencies()[0].line, 8);
    }
}
