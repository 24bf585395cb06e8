//! Writing a whole file or nothing.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use super::RunFileError;

/// Writes `bytes` to a temporary file beside `path`, forces it to the disk and renames it over `path`.
///
/// Killed at any moment, or with the disk full, it leaves either the old content or the new, never a part of one.
///
/// # Errors
///
/// If any step fails; the temporary file is removed and the old content is intact.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), RunFileError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The process id keeps two processes that write the same file from tearing each other's temporary.
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    });
    written.map_err(|source| {
        // The error that matters is the first one; a temporary that stays behind harms nobody.
        drop(fs::remove_file(&temporary));
        RunFileError::Write {
            path: path.to_owned(),
            source,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_replaces_whole_files_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomically(&path, b"a longer first content").unwrap();
        write_atomically(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        // A folder in the way makes the rename fail after the temporary was written.
        let blocked = folder.path().join("blocked");
        fs::create_dir(&blocked).unwrap();
        fs::write(blocked.join("kept"), "").unwrap();
        let message = write_atomically(&blocked, b"x").unwrap_err().to_string();
        assert!(message.contains("blocked"), "{message}");
        assert!(blocked.join("kept").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
